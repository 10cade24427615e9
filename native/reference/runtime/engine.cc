// ICudaEngine's getters and factories.
#include "reference/runtime/engine.h"

#include <algorithm>

#include "reference/faults.h"
#include "reference/runtime/context.h"
#include "reference/runtime/host_memory.h"
#include "reference/runtime/inspector.h"
#include "reference/runtime/refitter.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

class SerializationConfig final : public VSerializationConfig {
 public:
  bool setFlags(SerializationFlags flags) noexcept override {
    flags_ = flags;
    return true;
  }
  SerializationFlags getFlags() const noexcept override { return flags_; }
  bool clearFlag(SerializationFlag flag) noexcept override {
    flags_ &= ~Bit(flag);
    return true;
  }
  bool setFlag(SerializationFlag flag) noexcept override {
    flags_ |= Bit(flag);
    return true;
  }
  bool getFlag(SerializationFlag flag) const noexcept override { return (flags_ & Bit(flag)) != 0; }

 private:
  static SerializationFlags Bit(SerializationFlag flag) {
    return 1U << static_cast<unsigned>(flag);
  }
  SerializationFlags flags_ = 0;
};

class RuntimeConfig final : public VRuntimeConfig {
 public:
  IRuntimeConfig* getPImpl() noexcept override { return handle; }
  void setExecutionContextAllocationStrategy(
      ExecutionContextAllocationStrategy strategy) noexcept override {
    strategy_ = strategy;
  }
  ExecutionContextAllocationStrategy getExecutionContextAllocationStrategy()
      const noexcept override {
    return strategy_;
  }
  IRuntimeConfig* handle = nullptr;

 private:
  ExecutionContextAllocationStrategy strategy_ = ExecutionContextAllocationStrategy::kSTATIC;
};

}  // namespace

ICudaEngine* Engine::Make(std::shared_ptr<EngineCore> core, IErrorRecorder* recorder) {
  auto engine = std::make_unique<Engine>(std::move(core), recorder);
  Engine& self = *engine;
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  self.handle_ = std::make_unique<ICudaEngine>(std::move(engine)).release();
  return self.handle_;
}

Engine::Engine(std::shared_ptr<EngineCore> core, IErrorRecorder* recorder)
    : core_(std::move(core)), reports_(core_->reporter()->logger(), recorder) {
  reporter_ = &reports_;
  for (size_t tensor = 0; tensor < core_->input_count(); ++tensor) {
    for (size_t profile = 0; profile < core_->plan().profiles.size(); ++profile) {
      for (const auto select :
           {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX}) {
        const auto* values = core_->ProfileValues(tensor, profile, select);
        if (values == nullptr) continue;
        auto& narrow = narrow_values_[values];
        for (const int64_t value : *values)
          narrow.push_back(static_cast<int32_t>(std::clamp<int64_t>(value, INT32_MIN, INT32_MAX)));
      }
    }
  }
}

bool Engine::Fail(char const* api, const std::string& text) const {
  reports_.Error(ErrorCode::kINVALID_ARGUMENT, api, kApiUsage, "Parameter check failed, " + text);
  return false;
}

const TensorSpec* Engine::FindTensor(char const* api, char const* name) const {
  const int index = core_->Find(name);
  if (index >= 0) return &core_->tensors()[static_cast<size_t>(index)];
  Fail(api, std::string("condition: isTensorNameValid. Given invalid tensor name: ") +
                (name == nullptr ? "(null)" : name) +
                ". Get valid tensor names with getIOTensorName().");
  return nullptr;
}

bool Engine::CheckProfile(char const* api, int32_t profile) const {
  const int32_t count = getNbOptimizationProfiles();
  if (profile >= 0 && profile < count) return true;
  return Fail(
      api,
      "condition: profileIndex >= 0 && profileIndex < getNbOptimizationProfiles(). Profile index " +
          std::to_string(profile) + " is out of range: the engine has " + std::to_string(count) +
          " optimization profile(s).");
}

int Engine::FindProfileTensor(char const* api, char const* name, int32_t profile) const {
  const TensorSpec* spec = FindTensor(api, name);
  if (spec == nullptr || !CheckProfile(api, profile)) return -1;
  if (!spec->input) {
    Fail(api, std::string("condition: isInput. ") + name + " is not an input tensor.");
    return -1;
  }
  return core_->Find(name);
}

int32_t Engine::getNbLayers() const noexcept {
  // TensorRT counts the layers of all profiles; its tools divide by the number of profiles.
  return static_cast<int32_t>(core_->layer_count() * core_->plan().profiles.size());
}

IHostMemory* Engine::serialize() const noexcept {
  return Guard(reports_, "ICudaEngine::serialize", static_cast<IHostMemory*>(nullptr),
               [&] { return HostMemory::Make(core_->Serialize(false)); });
}

ISerializationConfig* Engine::createSerializationConfig() noexcept {
  return Guard(
      reports_, "ICudaEngine::createSerializationConfig",
      static_cast<ISerializationConfig*>(nullptr), [&] {
        return std::make_unique<ISerializationConfig>(std::make_unique<SerializationConfig>())
            .release();
      });
}

IHostMemory* Engine::serializeWithConfig(ISerializationConfig& config) const noexcept {
  constexpr char kApi[] = "ICudaEngine::serializeWithConfig";
  const bool without = config.impl()->getFlag(SerializationFlag::kEXCLUDE_WEIGHTS);
  if (without && !core_->refittable()) {
    reports_.Error(ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage,
                   "kEXCLUDE_WEIGHTS needs a refittable engine.");
    return nullptr;
  }
  return Guard(reports_, kApi, static_cast<IHostMemory*>(nullptr),
               [&] { return HostMemory::Make(core_->Serialize(without)); });
}

IRefitter* Engine::createRefitter(ILogger& logger) noexcept {
  return Guard(reports_, "ICudaEngine::createRefitter", static_cast<IRefitter*>(nullptr),
               [&] { return Refitter::Make(core_, &logger); });
}

bool Engine::setWeightStreamingBudget(int64_t budget) noexcept {
  // The first version's numbers: -1 by itself, 0 off.
  if (budget == 0) return setWeightStreamingBudgetV2(core_->StreamableBytes());
  return setWeightStreamingBudgetV2(budget < 0 ? getWeightStreamingAutomaticBudget() : budget);
}

bool Engine::setWeightStreamingBudgetV2(int64_t budget) noexcept {
  constexpr char kApi[] = "ICudaEngine::setWeightStreamingBudgetV2";
  return Guard(reports_, kApi, false, [&] {
    if (budget < 0) return Fail(kApi, "condition: gpuMemoryBudget >= 0.");
    if (core_->contexts() != 0)
      return Fail(kApi,
                  "condition: mNbContexts == 0. The budget cannot be changed while the engine has "
                  "execution contexts.");
    if (core_->StreamableBytes() == 0 && budget != 0)
      reports_.Warning(
          "The engine was not built with kWEIGHT_STREAMING: the budget has no effect.");
    if (core_->SetBudget(budget)) return true;
    reports_.Error(ErrorCode::kFAILED_ALLOCATION, kApi, kOutOfMemory,
                   "Requested size was " + std::to_string(budget) + " bytes.");
    return false;
  });
}

IExecutionContext* Engine::createExecutionContext(
    ExecutionContextAllocationStrategy strategy) noexcept {
  constexpr char kApi[] = "ICudaEngine::createExecutionContext";
  return Guard(
      reports_, kApi, static_cast<IExecutionContext*>(nullptr), [&]() -> IExecutionContext* {
        if (strategy < ExecutionContextAllocationStrategy::kSTATIC ||
            strategy > ExecutionContextAllocationStrategy::kUSER_MANAGED) {
          Fail(kApi, "condition: strategy is valid. Allocation strategy " +
                         std::to_string(static_cast<int>(strategy)) + " does not exist.");
          return nullptr;
        }
        if (Faults::Get().Hit("context")) {
          reports_.Error(ErrorCode::kINTERNAL_ERROR, kApi, kInternal, "Injected fault: context.");
          return nullptr;
        }
        return ExecutionContext::Make(core_, handle_, reports_.recorder(), strategy);
      });
}

IExecutionContext* Engine::createExecutionContextWithoutDeviceMemory() noexcept {
  return createExecutionContext(ExecutionContextAllocationStrategy::kUSER_MANAGED);
}

IExecutionContext* Engine::createExecutionContextWithRuntimeConfig(
    IRuntimeConfig* config) noexcept {
  return createExecutionContext(config == nullptr
                                    ? ExecutionContextAllocationStrategy::kSTATIC
                                    : config->impl()->getExecutionContextAllocationStrategy());
}

IRuntimeConfig* Engine::createRuntimeConfig() noexcept {
  return Guard(reports_, "ICudaEngine::createRuntimeConfig", static_cast<IRuntimeConfig*>(nullptr),
               [&] {
                 auto config = std::make_unique<RuntimeConfig>();
                 RuntimeConfig& self = *config;
                 self.handle = std::make_unique<IRuntimeConfig>(std::move(config)).release();
                 return self.handle;
               });
}

IEngineInspector* Engine::createEngineInspector() const noexcept {
  return Guard(reports_, "ICudaEngine::createEngineInspector",
               static_cast<IEngineInspector*>(nullptr),
               [&] { return Inspector::Make(core_, reports_.recorder()); });
}

size_t Engine::getDeviceMemorySize() const noexcept {
  size_t size = 0;
  for (size_t i = 0; i < core_->plan().profiles.size(); ++i)
    size = std::max(size, core_->ContextMemory(i));
  return size;
}

size_t Engine::getDeviceMemorySizeForProfile(int32_t profile) const noexcept {
  if (!CheckProfile("ICudaEngine::getDeviceMemorySizeForProfile", profile)) return 0;
  return core_->ContextMemory(static_cast<size_t>(profile));
}

int64_t Engine::getDeviceMemorySizeV2() const noexcept {
  return static_cast<int64_t>(getDeviceMemorySize());
}

int64_t Engine::getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept {
  return static_cast<int64_t>(getDeviceMemorySizeForProfile(profile));
}

int32_t Engine::getNbOptimizationProfiles() const noexcept {
  return static_cast<int32_t>(core_->plan().profiles.size());
}

int32_t const* Engine::getProfileTensorValues(char const* name, int32_t profile,
                                              OptProfileSelector select) const noexcept {
  const int index = FindProfileTensor("ICudaEngine::getProfileTensorValues", name, profile);
  if (index < 0) return nullptr;
  const auto found = narrow_values_.find(
      core_->ProfileValues(static_cast<size_t>(index), static_cast<size_t>(profile), select));
  return found == narrow_values_.end() ? nullptr : found->second.data();
}

int64_t const* Engine::getProfileTensorValuesV2(char const* name, int32_t profile,
                                                OptProfileSelector select) const noexcept {
  const int index = FindProfileTensor("ICudaEngine::getProfileTensorValuesV2", name, profile);
  if (index < 0) return nullptr;
  const auto* values =
      core_->ProfileValues(static_cast<size_t>(index), static_cast<size_t>(profile), select);
  return values == nullptr ? nullptr : values->data();
}

ProfilingVerbosity Engine::getProfilingVerbosity() const noexcept {
  return static_cast<ProfilingVerbosity>(core_->plan().profiling_verbosity);
}

HardwareCompatibilityLevel Engine::getHardwareCompatibilityLevel() const noexcept {
  return static_cast<HardwareCompatibilityLevel>(core_->plan().hardware_compatibility);
}

int32_t Engine::getNbIOTensors() const noexcept {
  return static_cast<int32_t>(core_->tensors().size());
}

char const* Engine::getIOTensorName(int32_t index) const noexcept {
  if (index >= 0 && index < getNbIOTensors())
    return core_->tensors()[static_cast<size_t>(index)].name.c_str();
  Fail("ICudaEngine::getIOTensorName", "condition: index >= 0 && index < getNbIOTensors(). Index " +
                                           std::to_string(index) + " is out of range.");
  return nullptr;
}

Dims64 Engine::getTensorShape(char const* name) const noexcept {
  const TensorSpec* spec = FindTensor("ICudaEngine::getTensorShape", name);
  return spec == nullptr ? NoDims() : ToDims(spec->dimensions);
}

DataType Engine::getTensorDataType(char const* name) const noexcept {
  const TensorSpec* spec = FindTensor("ICudaEngine::getTensorDataType", name);
  return spec == nullptr ? DataType::kFLOAT : spec->type;
}

TensorLocation Engine::getTensorLocation(char const* name) const noexcept {
  const TensorSpec* spec = FindTensor("ICudaEngine::getTensorLocation", name);
  return spec != nullptr && spec->shape_input ? TensorLocation::kHOST : TensorLocation::kDEVICE;
}

bool Engine::isShapeInferenceIO(char const* name) const noexcept {
  const TensorSpec* spec = FindTensor("ICudaEngine::isShapeInferenceIO", name);
  return spec != nullptr && spec->shape_input;
}

TensorIOMode Engine::getTensorIOMode(char const* name) const noexcept {
  const int index =
      core_->Find(name);  // asking for an unknown name is how one tests for it: no complaint
  if (index < 0) return TensorIOMode::kNONE;
  return core_->tensors()[static_cast<size_t>(index)].input ? TensorIOMode::kINPUT
                                                            : TensorIOMode::kOUTPUT;
}

Dims64 Engine::getProfileShape(char const* name, int32_t profile,
                               OptProfileSelector select) const noexcept {
  constexpr char kApi[] = "ICudaEngine::getProfileShape";
  return Guard(reports_, kApi, NoDims(), [&] {
    const int index = FindProfileTensor(kApi, name, profile);
    if (index < 0 || select < OptProfileSelector::kMIN || select > OptProfileSelector::kMAX)
      return NoDims();
    return ToDims(
        core_->ProfileDimensions(static_cast<size_t>(index), static_cast<size_t>(profile), select));
  });
}

int32_t Engine::getTensorBytesPerComponent(char const* name) const noexcept {
  FindTensor("ICudaEngine::getTensorBytesPerComponent", name);
  return -1;
}

int32_t Engine::getTensorComponentsPerElement(char const* name) const noexcept {
  FindTensor("ICudaEngine::getTensorComponentsPerElement", name);
  return -1;
}

int32_t Engine::getTensorVectorizedDim(char const* name) const noexcept {
  FindTensor("ICudaEngine::getTensorVectorizedDim", name);
  return -1;
}

TensorFormat Engine::getTensorFormat(char const* name) const noexcept {
  FindTensor("ICudaEngine::getTensorFormat", name);
  return TensorFormat::kLINEAR;
}

char const* Engine::getTensorFormatDesc(char const* name) const noexcept {
  const TensorSpec* spec = FindTensor("ICudaEngine::getTensorFormatDesc", name);
  return spec == nullptr ? "" : spec->format.c_str();
}

int32_t Engine::getTensorBytesPerComponentV2(char const* name, int32_t profile) const noexcept {
  CheckProfile("ICudaEngine::getTensorBytesPerComponent", profile);
  return getTensorBytesPerComponent(name);
}

int32_t Engine::getTensorComponentsPerElementV2(char const* name, int32_t profile) const noexcept {
  CheckProfile("ICudaEngine::getTensorComponentsPerElement", profile);
  return getTensorComponentsPerElement(name);
}

int32_t Engine::getTensorVectorizedDimV2(char const* name, int32_t profile) const noexcept {
  CheckProfile("ICudaEngine::getTensorVectorizedDim", profile);
  return getTensorVectorizedDim(name);
}

TensorFormat Engine::getTensorFormatV2(char const* name, int32_t profile) const noexcept {
  CheckProfile("ICudaEngine::getTensorFormat", profile);
  return getTensorFormat(name);
}

char const* Engine::getTensorFormatDescV2(char const* name, int32_t profile) const noexcept {
  return CheckProfile("ICudaEngine::getTensorFormatDesc", profile) ? getTensorFormatDesc(name) : "";
}

int64_t Engine::getEngineStat(EngineStat stat) const noexcept {
  if (stat != EngineStat::kTOTAL_WEIGHTS_SIZE) return -1;  // nothing was stripped
  int64_t size = 0;
  for (const onnx::Initializer& initializer : core_->model().initializers)
    size += static_cast<int64_t>(initializer.encoded_size);
  return size;
}

bool Engine::isDebugTensor(char const* name) const noexcept {
  if (name == nullptr) return false;
  for (const TensorSpec& spec : core_->debug_tensors()) {
    if (spec.name == name) return true;
  }
  return false;
}

}  // namespace trtnode::reference
