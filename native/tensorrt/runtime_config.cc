// IRuntimeConfig.
#include "tensorrt/runtime_config.h"

#include <utility>

#include "tensorrt/abi/call.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/failure.h"
#include "tensorrt/gpu_allocator.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

struct RuntimeConfig::Impl {
  Impl(std::shared_ptr<Engine> e, abi::IRuntimeConfig* c)
      : engine(std::move(e)),
        version(engine->runtime()->library()->version()),
        config(version.major, c) {}

  abi::ICudaEngine* cuda_engine() const noexcept {
    return static_cast<abi::ICudaEngine*>(engine->abi_object());
  }

  const std::shared_ptr<Engine> engine;
  const Version version;
  abi::Owned<abi::VRuntimeConfig> config;
};

RuntimeConfig::RuntimeConfig(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RuntimeConfig::~RuntimeConfig() = default;

Result<std::shared_ptr<RuntimeConfig>> RuntimeConfig::Create(std::shared_ptr<Engine> engine) {
  const Version version = engine->runtime()->library()->version();
  Logger::Scope scope(engine->runtime()->logger());
  ASSIGN_OR_RETURN(void* const config,
                   abi::Call<m::VCudaEngine_createRuntimeConfig>(
                       version, static_cast<abi::ICudaEngine*>(engine->abi_object())));
  if (!abi::IsObject(config)) {
    return CallFailed(ErrorCode::kExecution, "ICudaEngine::createRuntimeConfig",
                      "TensorRT could not create a runtime config.", scope, nullptr);
  }
  auto impl = std::make_unique<Impl>(std::move(engine), static_cast<abi::IRuntimeConfig*>(config));
  return std::shared_ptr<RuntimeConfig>(
      new RuntimeConfig(std::move(impl)));  // NOLINT: private constructor
}

Status RuntimeConfig::SetAllocationStrategy(AllocationStrategy strategy) {
  return abi::Call<m::VRuntimeConfig_setExecutionContextAllocationStrategy>(
      impl_->version, impl_->config.get(), strategy);
}

Result<AllocationStrategy> RuntimeConfig::allocation_strategy() const {
  return abi::Call<m::VRuntimeConfig_getExecutionContextAllocationStrategy>(impl_->version,
                                                                            impl_->config.get());
}

Result<std::shared_ptr<ExecutionContext>> RuntimeConfig::CreateExecutionContext() {
  Logger::Scope scope(impl_->engine->runtime()->logger());
  const RefusalScope refusals(impl_->engine->runtime()->gpu_allocator().get());
  ASSIGN_OR_RETURN(void* const context,
                   abi::Call<m::VCudaEngine_createExecutionContextWithRuntimeConfig>(
                       impl_->version, impl_->cuda_engine(), impl_->config.get()));
  if (!abi::IsObject(context)) {
    return refusals.Explain(CallFailed(ErrorCode::kExecution, "ICudaEngine::createExecutionContext",
                                       "TensorRT could not create an execution context.", scope,
                                       nullptr));
  }
  return ExecutionContext::Adopt(impl_->engine, context);
}

}  // namespace trtnode::tensorrt
