// Engine: ICudaEngine, and what is made from it.
#include "tensorrt/engine.h"

#include <utility>

#include "tensorrt/abi/call.h"
#include "tensorrt/abi/variants.h"
#include "tensorrt/engine_impl.h"
#include "tensorrt/engine_info.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/failure.h"
#include "tensorrt/gpu_allocator.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::shared_ptr<Engine>> Engine::Adopt(std::shared_ptr<Runtime> runtime, void* engine) {
  const Version version = runtime->library()->version();
  auto impl = std::make_unique<Impl>(std::move(runtime), static_cast<abi::ICudaEngine*>(engine));
  abi::Invoke<m::VCudaEngine_setErrorRecorder>(impl->major(), impl->engine.get(),
                                               impl->recorder.abi_object());
  impl->info = ReadEngineInfo(version, impl->engine.get());
  for (std::size_t i = 0; i < impl->info.tensors.size(); ++i) {
    impl->index.emplace(impl->info.tensors[i].name, static_cast<int>(i));
  }
  return std::shared_ptr<Engine>(new Engine(std::move(impl)));  // NOLINT: private constructor
}

const EngineInfo& Engine::info() const noexcept { return impl_->info; }

int Engine::TensorIndex(std::string_view name) const noexcept {
  const auto found = impl_->index.find(name);
  return found != impl_->index.end() ? found->second : -1;
}

Result<std::shared_ptr<ExecutionContext>> Engine::CreateExecutionContext(
    AllocationStrategy strategy) {
  if (impl_->major() == 8) {
    if (strategy == AllocationStrategy::kOnProfileChange) {
      return Status(ErrorCode::kUnsupported,
                    "The allocation strategy 'onProfileChange' needs TensorRT 10.0 or newer; this "
                    "is TensorRT " +
                        impl_->runtime->library()->version().ToString() + ".",
                    "Use 'static' or 'userManaged'.");
    }
    // TensorRT 8 wants to be given memory even where there is none to give.
    if (impl_->info.device_memory_bytes == 0) strategy = AllocationStrategy::kStatic;
  }
  Logger::Scope scope(impl_->runtime->logger());
  const RefusalScope refusals(impl_->runtime->gpu_allocator().get());
  void* context = abi::CreateExecutionContext(impl_->major(), impl_->engine.get(), strategy);
  if (!abi::IsObject(context)) {
    Status status =
        CallFailed(ErrorCode::kExecution, "ICudaEngine::createExecutionContext",
                   "TensorRT could not create an execution context.", scope, &impl_->recorder);
    // The log does not always say how much: what the engine needs is known.
    Error& error = status.error();
    if (error.code == ErrorCode::kOutOfMemory && !error.requested_bytes) {
      error.requested_bytes = static_cast<std::uint64_t>(impl_->info.device_memory_bytes);
    }
    return refusals.Explain(std::move(status));
  }
  return ExecutionContext::Adopt(shared_from_this(), context);
}

Result<std::shared_ptr<EngineInspector>> Engine::CreateInspector() {
  Logger::Scope scope(impl_->runtime->logger());
  void* inspector =
      abi::Invoke<m::VCudaEngine_createEngineInspector>(impl_->major(), impl_->engine.get());
  if (!abi::IsObject(inspector)) {
    return CallFailed(ErrorCode::kExecution, "ICudaEngine::createEngineInspector",
                      "TensorRT could not create an engine inspector.", scope, &impl_->recorder);
  }
  return EngineInspector::Adopt(shared_from_this(), inspector);
}

bool Engine::IsDebugTensor(const std::string& name) const {
  const Version version = impl_->runtime->library()->version();
  Logger::Scope scope(impl_->runtime->logger());  // it complains about names that it does not know
  const Result<bool> is =
      abi::Call<m::VCudaEngine_isDebugTensor>(version, impl_->engine.get(), name.c_str());
  return is.ok() && is.value();
}

const std::shared_ptr<Runtime>& Engine::runtime() const noexcept { return impl_->runtime; }
void* Engine::abi_object() const noexcept { return impl_->engine.get(); }

}  // namespace trtnode::tensorrt
