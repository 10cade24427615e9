// The helpers' bodies.
#include "reference/tests/helpers.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace trtnode::reference::test {

void TestLogger::log(Severity severity, char const* text) noexcept {
  const std::lock_guard lock(mutex_);
  lines_.emplace_back(severity, text);
}

bool TestLogger::Has(Severity severity, const std::string& text) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(lines_.begin(), lines_.end(), [&](const auto& line) {
    return line.first == severity && line.second.find(text) != std::string::npos;
  });
}

std::string TestLogger::Errors() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& [severity, text] : lines_) {
    if (severity == Severity::kERROR) all += text + "\n";
  }
  return all;
}

void TestLogger::Clear() {
  const std::lock_guard lock(mutex_);
  lines_.clear();
}

CurrentContext::CurrentContext() {
  CUcontext context = nullptr;
  cuInit(0);
  cuDevicePrimaryCtxRetain(&context, 0);
  cuCtxPushCurrent_v2(context);
}

CurrentContext::~CurrentContext() {
  cuCtxPopCurrent_v2(nullptr);
  cuDevicePrimaryCtxRelease_v2(0);
}

TestStream::TestStream(unsigned flags) { cuStreamCreate(&stream_, flags); }

TestStream::~TestStream() { cuStreamDestroy_v2(stream_); }

std::string ReadFixture(const std::string& name) {
  std::ifstream file(std::string(TRTNODE_REFERENCE_FIXTURES) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Dims64 MakeDims(const std::vector<int64_t>& dimensions) {
  Dims64 dims{static_cast<int32_t>(dimensions.size()), {}};
  std::copy(dimensions.begin(), dimensions.end(), dims.d);
  return dims;
}

std::vector<int64_t> FromDims(const Dims64& dims) {
  if (dims.nbDims < 0) return {-1000};
  return {dims.d, dims.d + dims.nbDims};
}

std::string BuildPlan(TestLogger& logger, const std::string& model, const BuildOptions& options) {
  const std::unique_ptr<IBuilder> builder(
      static_cast<IBuilder*>(createInferBuilder_INTERNAL(&logger, getInferLibVersion())));
  if (!builder) return {};
  const std::unique_ptr<INetworkDefinition> network(builder->impl()->createNetworkV2(0));
  const std::unique_ptr<IParser> parser(
      static_cast<IParser*>(createNvOnnxParser_INTERNAL(network.get(), &logger, 100)));
  if (!parser->parse(model.data(), model.size(), nullptr)) return {};
  const std::unique_ptr<IBuilderConfig> config(builder->impl()->createBuilderConfig());
  VBuilderConfig& settings = *config->impl();
  for (const ProfileSpec& spec : options.profiles) {
    IOptimizationProfile* profile = builder->impl()->createOptimizationProfile();
    for (const auto& [name, range] : spec.shapes) {
      profile->impl()->setDimensions(name.c_str(), OptProfileSelector::kMIN, MakeDims(range.min));
      profile->impl()->setDimensions(name.c_str(), OptProfileSelector::kOPT, MakeDims(range.opt));
      profile->impl()->setDimensions(name.c_str(), OptProfileSelector::kMAX, MakeDims(range.max));
    }
    for (const auto& [name, range] : spec.values) {
      const auto set = [&, &name = name](OptProfileSelector select,
                                         const std::vector<int64_t>& values) {
        const std::vector<int32_t> narrow(values.begin(), values.end());
        profile->impl()->setShapeValues(name.c_str(), select, narrow.data(),
                                        static_cast<int32_t>(narrow.size()));
      };
      set(OptProfileSelector::kMIN, range.min);
      set(OptProfileSelector::kOPT, range.opt);
      set(OptProfileSelector::kMAX, range.max);
    }
    settings.addOptimizationProfile(profile);
  }
  settings.setFlags(options.flags);
  settings.setProfilingVerbosity(options.verbosity);
  settings.setProgressMonitor(options.monitor);
  const std::unique_ptr<IHostMemory> plan(
      builder->impl()->buildSerializedNetwork(*network, *config));
  if (!plan) return {};
  return {static_cast<const char*>(plan->impl()->data()), plan->impl()->size()};
}

std::unique_ptr<ICudaEngine> LoadEngine(TestLogger& logger, const std::string& plan) {
  const std::unique_ptr<IRuntime> runtime(
      static_cast<IRuntime*>(createInferRuntime_INTERNAL(&logger, getInferLibVersion())));
  if (!runtime) return nullptr;
  return std::unique_ptr<ICudaEngine>(
      runtime->impl()->deserializeCudaEngine(plan.data(), plan.size()));
}

std::vector<float> Ramp(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(i * 7919 % 1000) / 1000.0F - 0.5F;
  return values;
}

}  // namespace trtnode::reference::test
