// IExecutionContext: creation, profiles, addresses and the smaller settings.
#include "reference/runtime/context.h"

#include <algorithm>

#include "reference/cuda/machine.h"
#include "reference/faults.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {

IExecutionContext* ExecutionContext::Make(std::shared_ptr<EngineCore> core, ICudaEngine* engine,
                                          IErrorRecorder* recorder,
                                          ExecutionContextAllocationStrategy strategy) {
  auto context = std::make_unique<ExecutionContext>(std::move(core), engine, recorder, strategy);
  if (!context->AllocateForProfile("ICudaEngine::createExecutionContext")) return nullptr;
  ExecutionContext& self = *context;
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  self.handle_ = std::make_unique<IExecutionContext>(std::move(context)).release();
  return self.handle_;
}

ExecutionContext::ExecutionContext(std::shared_ptr<EngineCore> core, ICudaEngine* engine,
                                   IErrorRecorder* recorder,
                                   ExecutionContextAllocationStrategy strategy)
    : core_(std::move(core)),
      engine_(engine),
      reports_(std::make_shared<Reporter>(core_->reporter()->logger(), recorder)),
      strategy_(strategy),
      addresses_(core_->tensors().size()),
      allocators_(core_->tensors().size()),
      nvtx_(static_cast<ProfilingVerbosity>(core_->plan().profiling_verbosity)) {
  reporter_ = reports_.get();
  core_->CountContext(1);
  ResetShapes();
}

ExecutionContext::~ExecutionContext() {
  if (!OnStreamThread()) last_ticket_.Wait();
  core_->CountContext(-1);
  // Captured runs keep the reporter, but the application's recorder is theirs no longer.
  reports_->SetRecorder(nullptr);
}

void ExecutionContext::ResetShapes() {
  inputs_.clear();
  for (size_t i = 0; i < core_->input_count(); ++i)
    inputs_.push_back({core_->tensors()[i].dimensions, std::nullopt});
}

bool ExecutionContext::AllocateForProfile(char const* api) {
  size_t size = 0;
  if (strategy_ == ExecutionContextAllocationStrategy::kSTATIC) {
    if (memory_) return true;
    for (size_t i = 0; i < core_->plan().profiles.size(); ++i)
      size = std::max(size, core_->ContextMemory(i));
  } else if (strategy_ == ExecutionContextAllocationStrategy::kON_PROFILE_CHANGE) {
    size = core_->ContextMemory(static_cast<size_t>(profile_));
  } else {
    return true;
  }
  memory_ = DeviceMemory::Allocate(size, core_->allocator());
  if (!memory_) {
    reports_->Error(ErrorCode::kFAILED_ALLOCATION, api, kOutOfMemory,
                    "Requested size was " + std::to_string(size) + " bytes.");
  }
  return memory_ != nullptr;
}

bool ExecutionContext::Fail(char const* api, const std::string& text) const {
  reports_->Error(ErrorCode::kINVALID_ARGUMENT, api, kApiUsage, "Parameter check failed, " + text);
  return false;
}

int ExecutionContext::FindTensor(char const* api, char const* name) const {
  const int index = core_->Find(name);
  if (index < 0) {
    Fail(api, std::string("condition: engine.isTensorNameValid. Given invalid tensor name: ") +
                  (name == nullptr ? "(null)" : name) +
                  ". Get valid tensor names with getIOTensorName().");
  }
  return index;
}

bool ExecutionContext::setOptimizationProfileAsync(int32_t index, cudaStream_t) noexcept {
  constexpr char kApi[] = "IExecutionContext::setOptimizationProfileAsync";
  return Guard(*reports_, kApi, false, [&] {
    const auto count = static_cast<int32_t>(core_->plan().profiles.size());
    if (index < 0 || index >= count) {
      return Fail(kApi,
                  "condition: profileIndex >= 0 && profileIndex < "
                  "mEngine.getNbOptimizationProfiles(). Profile index " +
                      std::to_string(index) + " is out of range: the engine has " +
                      std::to_string(count) + " optimization profile(s).");
    }
    if (index == profile_) return true;
    profile_ = index;
    ResetShapes();  // shapes belong to the profile under which they were set
    return AllocateForProfile(kApi);
  });
}

void ExecutionContext::setProfiler(IProfiler* profiler) noexcept {
  if (profiler == nullptr) {
    Fail("IExecutionContext::setProfiler",
         "condition: profiler != nullptr.");  // once set, TensorRT 10.6 keeps it
    return;
  }
  profiler_ = profiler;
}

void ExecutionContext::setDeviceMemory(void* memory) noexcept {
  constexpr char kApi[] = "IExecutionContext::setDeviceMemory";
  if (strategy_ != ExecutionContextAllocationStrategy::kUSER_MANAGED) {
    Fail(kApi,
         "condition: mStrategy == kUSER_MANAGED. The context was not created with user-managed "
         "device memory.");
    return;
  }
  user_memory_ = memory;
}

void ExecutionContext::setDeviceMemoryV2(void* memory, int64_t size) noexcept {
  constexpr char kApi[] = "IExecutionContext::setDeviceMemoryV2";
  Guard(*reports_, kApi, false, [&] {
    const size_t needed = core_->ContextMemory(static_cast<size_t>(profile_));
    if (memory != nullptr && (size < 0 || static_cast<size_t>(size) < needed)) {
      return Fail(kApi, "condition: size >= required. " + std::to_string(size) +
                            " bytes were given, " + std::to_string(needed) + " are needed.");
    }
    setDeviceMemory(memory);
    return true;
  });
}

size_t ExecutionContext::updateDeviceMemorySizeForShapes() noexcept {
  constexpr char kApi[] = "IExecutionContext::updateDeviceMemorySizeForShapes";
  if (!allInputDimensionsSpecified()) {
    Fail(kApi, "condition: allInputDimensionsSpecified(). Set all input shapes first.");
    return 0;
  }
  return core_->ContextMemory(static_cast<size_t>(profile_));
}

bool ExecutionContext::setTensorAddress(char const* name, void* address) noexcept {
  return Guard(*reports_, "IExecutionContext::setTensorAddress", false, [&] {
    const int index = FindTensor("IExecutionContext::setTensorAddress", name);
    if (index < 0) return false;
    addresses_[static_cast<size_t>(index)] = address;
    return true;
  });
}

void const* ExecutionContext::getTensorAddress(char const* name) const noexcept {
  return Guard(*reports_, "IExecutionContext::getTensorAddress", static_cast<void const*>(nullptr),
               [&]() -> void const* {
                 const int index = FindTensor("IExecutionContext::getTensorAddress", name);
                 return index < 0 ? nullptr : addresses_[static_cast<size_t>(index)];
               });
}

bool ExecutionContext::setInputTensorAddress(char const* name, void const* address) noexcept {
  constexpr char kApi[] = "IExecutionContext::setInputTensorAddress";
  return Guard(*reports_, kApi, false, [&] {
    const int index = FindTensor(kApi, name);
    if (index < 0) return false;
    if (!core_->tensors()[static_cast<size_t>(index)].input)
      return Fail(kApi, std::string("condition: isInput. ") + name + " is not an input tensor.");
    addresses_[static_cast<size_t>(index)] = const_cast<void*>(address);
    return true;
  });
}

bool ExecutionContext::setOutputTensorAddress(char const* name, void* address) noexcept {
  constexpr char kApi[] = "IExecutionContext::setOutputTensorAddress";
  return Guard(*reports_, kApi, false, [&] {
    const int index = FindTensor(kApi, name);
    if (index < 0) return false;
    if (core_->tensors()[static_cast<size_t>(index)].input)
      return Fail(kApi, std::string("condition: isOutput. ") + name + " is not an output tensor.");
    addresses_[static_cast<size_t>(index)] = address;
    return true;
  });
}

void* ExecutionContext::getOutputTensorAddress(char const* name) const noexcept {
  constexpr char kApi[] = "IExecutionContext::getOutputTensorAddress";
  return Guard(*reports_, kApi, static_cast<void*>(nullptr), [&]() -> void* {
    const int index = FindTensor(kApi, name);
    if (index < 0) return nullptr;
    if (core_->tensors()[static_cast<size_t>(index)].input) {
      Fail(kApi, std::string("condition: isOutput. ") + name + " is not an output tensor.");
      return nullptr;
    }
    return addresses_[static_cast<size_t>(index)];
  });
}

bool ExecutionContext::setOutputAllocator(char const* name, IOutputAllocator* allocator) noexcept {
  constexpr char kApi[] = "IExecutionContext::setOutputAllocator";
  return Guard(*reports_, kApi, false, [&] {
    const int index = FindTensor(kApi, name);
    if (index < 0) return false;
    if (core_->tensors()[static_cast<size_t>(index)].input)
      return Fail(kApi, std::string("condition: isOutput. ") + name + " is not an output tensor.");
    allocators_[static_cast<size_t>(index)] = allocator;
    return true;
  });
}

IOutputAllocator* ExecutionContext::getOutputAllocator(char const* name) noexcept {
  const int index = core_->Find(name);
  return index < 0 ? nullptr : allocators_[static_cast<size_t>(index)];
}

bool ExecutionContext::setInputConsumedEvent(cudaEvent_t event) noexcept {
  consumed_ = event;
  return true;
}

bool ExecutionContext::setTemporaryStorageAllocator(IGpuAllocator* allocator) noexcept {
  temporary_ = allocator;
  return true;
}

bool ExecutionContext::setNvtxVerbosity(ProfilingVerbosity verbosity) noexcept {
  // Names that the plan does not carry cannot be shown later.
  const auto rank = [](ProfilingVerbosity v) {
    return v == ProfilingVerbosity::kNONE ? 0 : v == ProfilingVerbosity::kLAYER_NAMES_ONLY ? 1 : 2;
  };
  if (rank(verbosity) > rank(static_cast<ProfilingVerbosity>(core_->plan().profiling_verbosity)))
    return false;
  nvtx_ = verbosity;
  return true;
}

bool ExecutionContext::setUnfusedTensorsDebugState(bool) noexcept { return true; }

}  // namespace trtnode::reference
