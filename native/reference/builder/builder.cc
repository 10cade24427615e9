// IBuilder: checks a network against its profiles and writes the plan.
#include "reference/builder/builder.h"

#include <algorithm>

#include "reference/builder/calibration.h"
#include "reference/builder/config.h"
#include "reference/builder/network.h"
#include "reference/builder/timing_cache.h"
#include "reference/faults.h"
#include "reference/onnx/specialize.h"
#include "reference/onnx/weights.h"
#include "reference/runtime/host_memory.h"
#include "reference/runtime/plugin_registry.h"
#include "reference/runtime/runtime.h"

namespace trtnode::reference {
namespace {

constexpr char kBuild[] = "IBuilder::buildSerializedNetwork";

bool IsDynamic(const std::vector<int64_t>& dimensions) {
  return std::any_of(dimensions.begin(), dimensions.end(),
                     [](int64_t dimension) { return dimension < 0; });
}

// Opens a phase of a progress monitor and closes it again, however the phase ends.
class Phase {
 public:
  Phase(IProgressMonitor* monitor, char const* name, char const* parent, int32_t steps)
      : monitor_(monitor), name_(name) {
    monitor_->phaseStart(name, parent, steps);
  }
  ~Phase() { monitor_->phaseFinish(name_); }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;
  // False: the application wants the build to stop.
  bool Step(int32_t step) { return monitor_->stepComplete(name_, step); }

 private:
  IProgressMonitor* monitor_;
  char const* name_;
};

}  // namespace

IBuilder* Builder::Make(ILogger* logger) {
  auto builder = std::make_unique<Builder>(logger);
  Builder& self = *builder;
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  self.handle_ = std::make_unique<IBuilder>(std::move(builder)).release();
  return self.handle_;
}

Builder::Builder(ILogger* logger) : reports_(std::make_shared<Reporter>(logger)) {
  reporter_ = reports_.get();
}

Builder::~Builder() {
  reports_->SetRecorder(nullptr);
  // A profile takes itself off the list when it goes.
  while (!profiles_->empty()) std::unique_ptr<IOptimizationProfile>(*profiles_->begin()).reset();
}

IBuilderConfig* Builder::createBuilderConfig() noexcept {
  return Guard(*reports_, "IBuilder::createBuilderConfig", static_cast<IBuilderConfig*>(nullptr),
               [&] { return BuilderConfig::Make(reports_); });
}

INetworkDefinition* Builder::createNetworkV2(NetworkDefinitionCreationFlags flags) noexcept {
  return Guard(*reports_, "IBuilder::createNetworkV2", static_cast<INetworkDefinition*>(nullptr),
               [&] { return Network::Make(*handle_, reports_, flags); });
}

IOptimizationProfile* Builder::createOptimizationProfile() noexcept {
  return Guard(*reports_, "IBuilder::createOptimizationProfile",
               static_cast<IOptimizationProfile*>(nullptr),
               [&] { return OptimizationProfile::Make(reports_, profiles_); });
}

bool Builder::setMaxThreads(int32_t threads) noexcept {
  if (threads < 1) return false;
  max_threads_ = threads;
  return true;
}

IPluginRegistry& Builder::getPluginRegistry() noexcept { return EmptyPluginRegistry(); }

bool Builder::Fail(const std::string& text) const {
  reports_->Error(ErrorCode::kINVALID_CONFIG, kBuild, kApiUsage, text);
  return false;
}

bool Builder::CheckInput(const Network& network, const std::string& name, const Profile& profile,
                         size_t index) const {
  const std::string where = " in profile " + std::to_string(index);
  const std::vector<int64_t> dimensions = network.InputDimensions(name);
  const auto found = profile.entries.find(name);
  const bool has_dimensions = found != profile.entries.end() && found->second.has_dimensions[0];
  if (!has_dimensions && IsDynamic(dimensions))
    return Fail(name + ": dynamic input is missing dimensions" + where + ".");
  if (has_dimensions) {
    const auto& ranges = found->second.dimensions;
    if (ranges[0].size() != dimensions.size()) {
      return Fail(name + ": number of dimensions" + where +
                  " does not match network definition (got " + std::to_string(ranges[0].size()) +
                  ", expected " + std::to_string(dimensions.size()) + ").");
    }
    for (size_t d = 0; d < dimensions.size(); ++d) {
      if (dimensions[d] < 0 || (ranges[0][d] == dimensions[d] && ranges[2][d] == dimensions[d]))
        continue;
      return Fail(name + ": for dimension number " + std::to_string(d) + where +
                  " does not match network definition (got min=" + std::to_string(ranges[0][d]) +
                  ", opt=" + std::to_string(ranges[1][d]) +
                  ", max=" + std::to_string(ranges[2][d]) +
                  "), expected min=opt=max=" + std::to_string(dimensions[d]) + ").");
    }
  }
  if (network.parsed().shape_inputs.count(name) == 0) return true;
  if (IsDynamic(dimensions)) return Fail(name + ": a shape tensor must have build-time extent.");
  if (found == profile.entries.end() || !found->second.has_values[0])
    return Fail(name + ": shape input is missing values" + where + ".");
  const auto wanted = static_cast<size_t>(dimensions.empty() ? 1 : dimensions[0]);
  if (found->second.values[0].size() != wanted) {
    return Fail(name + ": number of shape values" + where + " does not match the tensor (got " +
                std::to_string(found->second.values[0].size()) + ", expected " +
                std::to_string(wanted) + ").");
  }
  return true;
}

bool Builder::Check(const Network& network, const BuilderConfig& config) const {
  if (network.getNbOutputs() == 0) return Fail("Network must have at least one output");
  bool needs_profile = false;
  for (const onnx::ValueInfo& input : network.parsed().model.inputs) {
    needs_profile = needs_profile || IsDynamic(network.InputDimensions(input.name)) ||
                    network.parsed().shape_inputs.count(input.name) != 0;
  }
  if (needs_profile && config.profiles().empty()) {
    return Fail(
        "Network has dynamic or shape inputs, but no optimization profile has been defined.");
  }
  for (size_t i = 0; i < config.profiles().size(); ++i) {
    for (const onnx::ValueInfo& input : network.parsed().model.inputs) {
      if (!CheckInput(network, input.name, config.profiles()[i], i)) return false;
    }
  }
  return true;
}

bool Builder::UseTimingCache(const Network& network, const BuilderConfig& config) const {
  if (config.getTimingCache() == nullptr || config.getFlag(BuilderFlag::kDISABLE_TIMING_CACHE))
    return true;
  const auto& cache = static_cast<const TimingCache&>(*config.getTimingCache()->impl());
  size_t misses = 0;
  for (const onnx::Node& node : network.parsed().model.nodes) {
    std::string layer = network.parsed().model.graph_name + "\n" + node.domain + "\n" +
                        node.op_type + "\n" + node.name;
    for (const std::string& input : node.inputs) layer += "\n" + input;
    if (!cache.Enter(layer)) ++misses;
  }
  if (misses == 0 || !config.getFlag(BuilderFlag::kERROR_ON_TIMING_CACHE_MISS)) return true;
  return Fail("The timing cache lacks " + std::to_string(misses) + " layers.");
}

bool Builder::ReportProgress(const Network& network, const BuilderConfig& config) const {
  IProgressMonitor* monitor = config.getProgressMonitor();
  if (monitor == nullptr) return true;
  constexpr char kEngine[] = "Building Engine";
  constexpr int32_t kSteps = 2;
  Phase engine(monitor, kEngine, nullptr, kSteps);
  bool go_on = true;
  {
    const int32_t layers = network.getNbLayers();
    Phase timing(monitor, "Timing graph nodes", kEngine, layers);
    for (int32_t i = 0; go_on && i < layers; ++i) go_on = timing.Step(i);
  }
  for (int32_t i = 0; go_on && i < kSteps; ++i) go_on = engine.Step(i);
  if (!go_on)
    reports_->Error(ErrorCode::kINTERNAL_ERROR, kBuild, kInternal,
                    "The build was cancelled by the progress monitor.");
  return go_on;
}

std::string Builder::Build(INetworkDefinition& definition, IBuilderConfig& configuration) {
  const auto& network = static_cast<const Network&>(*definition.impl());
  const auto& config = static_cast<const BuilderConfig&>(*configuration.impl());
  if (Faults::Get().Hit("build")) {
    reports_->Error(ErrorCode::kINTERNAL_ERROR, kBuild, kInternal, "Injected fault: build.");
    return {};
  }
  if (!Check(network, config)) return {};
  if (config.getFlag(BuilderFlag::kWEIGHT_STREAMING) &&
      !network.getFlag(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED)) {
    Fail("BuilderFlag::kWEIGHT_STREAMING needs a strongly typed network.");
    return {};
  }
  for (const auto& [flag, name] : {std::pair{BuilderFlag::kFP16, "FP16"},
                                   {BuilderFlag::kBF16, "BF16"},
                                   {BuilderFlag::kINT8, "INT8"},
                                   {BuilderFlag::kFP8, "FP8"}}) {
    if (config.getFlag(flag))
      reports_->Warning(std::string("The trt-node CPU reference runtime records the flag ") + name +
                        ", but computes in the model's own precision.");
  }
  if (!Calibrate(network, config, *reports_)) return {};
  if (!ReportProgress(network, config)) return {};
  if (!UseTimingCache(network, config)) return {};
  Plan plan;
  plan.name = definition.impl()->getName();
  plan.builder_flags = config.getFlags();
  plan.network_flags = network.getFlags();
  plan.profiling_verbosity = static_cast<int32_t>(config.getProfilingVerbosity());
  plan.hardware_compatibility = static_cast<int32_t>(config.getHardwareCompatibilityLevel());
  plan.profiles = config.profiles();
  plan.debug_tensors = network.debug_tensors();
  if (plan.profiles.empty())
    plan.profiles.emplace_back();  // a network of fixed shapes has one profile, too
  if (network.DimensionsChanged()) {
    onnx::Specialization how;
    how.forget_shapes = false;
    for (const onnx::ValueInfo& input : network.parsed().model.inputs)
      how.input_shapes[input.name] = network.InputDimensions(input.name);
    plan.model = onnx::Specialize(network.parsed().bytes, how);
  } else {
    plan.model = network.parsed().bytes;
  }
  if (config.getFlag(BuilderFlag::kSTRIP_PLAN)) {
    std::vector<std::string> names;
    for (const onnx::Weight& weight : onnx::ListWeights(plan.model)) names.push_back(weight.name);
    plan.model = onnx::StripWeights(plan.model, names);
  }
  reports_->Info("Engine generation completed by the trt-node CPU reference runtime.");
  return SerializePlan(plan);
}

IHostMemory* Builder::buildSerializedNetwork(INetworkDefinition& network,
                                             IBuilderConfig& config) noexcept {
  return Guard(*reports_, kBuild, static_cast<IHostMemory*>(nullptr), [&]() -> IHostMemory* {
    std::string plan = Build(network, config);
    return plan.empty() ? nullptr : HostMemory::Make(std::move(plan));
  });
}

bool Builder::isNetworkSupported(INetworkDefinition const& network,
                                 IBuilderConfig const& config) const noexcept {
  return Guard(*reports_, "IBuilder::isNetworkSupported", false, [&] {
    return Check(static_cast<const Network&>(*network.impl()),
                 static_cast<const BuilderConfig&>(*config.impl()));
  });
}

ICudaEngine* Builder::buildEngineWithConfig(INetworkDefinition& network,
                                            IBuilderConfig& config) noexcept {
  return Guard(*reports_, "IBuilder::buildEngineWithConfig", static_cast<ICudaEngine*>(nullptr),
               [&]() -> ICudaEngine* {
                 const std::string plan = Build(network, config);
                 if (plan.empty()) return nullptr;
                 const std::unique_ptr<IRuntime> runtime(Runtime::Make(reports_->logger()));
                 return runtime->impl()->deserializeCudaEngine(plan.data(), plan.size());
               });
}

bool Builder::buildSerializedNetworkToStream(INetworkDefinition& network, IBuilderConfig& config,
                                             IStreamWriter& writer) noexcept {
  return Guard(*reports_, "IBuilder::buildSerializedNetworkToStream", false, [&] {
    const std::string plan = Build(network, config);
    size_t written = 0;
    while (written < plan.size()) {
      const int64_t count =
          writer.write(plan.data() + written, static_cast<int64_t>(plan.size() - written));
      if (count <= 0)
        return Fail("The stream writer took no more after " + std::to_string(written) + " bytes.");
      written += std::min(static_cast<size_t>(count), plan.size() - written);
    }
    return !plan.empty();
  });
}

IHostMemory* Builder::buildSerializedNetworkWithKernelText(INetworkDefinition& network,
                                                           IBuilderConfig& config,
                                                           IHostMemory*& text) noexcept {
  text = nullptr;
  return buildSerializedNetwork(network, config);
}

}  // namespace trtnode::reference
