// ExecutionContext: what TensorRT calls while it enqueues: the temporary allocator and the debug listener.
#include "tensorrt/execution_context_impl.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

Status ExecutionContext::SetTemporaryStorageAllocator(std::shared_ptr<GpuAllocator> allocator) {
  Logger::Scope scope(impl_->logger);
  std::unique_ptr<GpuAllocatorAdapter> adapter;
  if (allocator != nullptr) {
    RETURN_IF_ERROR(GpuAllocatorAdapter::CheckVersion(impl_->version));
    adapter = std::make_unique<GpuAllocatorAdapter>(std::move(allocator));
  }
  if (!impl_->Ask<m::VExecutionContext_setTemporaryStorageAllocator>(
          adapter != nullptr ? adapter->abi_object() : nullptr)) {
    return impl_->Failed(ErrorCode::kExecution, "setTemporaryStorageAllocator",
                         "TensorRT refused the temporary storage allocator.", scope);
  }
  impl_->temporary_allocator = std::move(adapter);  // only now may the previous one go
  return Status();
}

Status ExecutionContext::SetDebugListener(std::shared_ptr<DebugListener> listener) {
  Logger::Scope scope(impl_->logger);
  std::unique_ptr<DebugListenerAdapter> adapter;
  if (listener != nullptr) adapter = std::make_unique<DebugListenerAdapter>(std::move(listener));
  abi::IDebugListener* object = adapter != nullptr ? adapter->abi_object() : nullptr;
  ASSIGN_OR_RETURN(const bool taken, abi::Call<m::VExecutionContext_setDebugListener>(
                                         impl_->version, impl_->get(), object));
  if (!taken) {
    return impl_->Failed(ErrorCode::kExecution, "setDebugListener",
                         "TensorRT refused the debug listener.", scope);
  }
  impl_->debug_listener = std::move(adapter);
  return Status();
}

Status ExecutionContext::SetTensorDebugState(const std::string& name, bool on) {
  Logger::Scope scope(impl_->logger);
  ASSIGN_OR_RETURN(const bool taken, abi::Call<m::VExecutionContext_setTensorDebugState>(
                                         impl_->version, impl_->get(), name.c_str(), on));
  if (taken) return Status();
  Status status = impl_->Failed(ErrorCode::kUnknownTensor, "setTensorDebugState",
                                "'" + name + "' is no debug tensor of this engine.", scope);
  status.error().hint =
      "Only what was marked when the plan was built can be watched: build with markDebug: ['" +
      name + "'] (trt-node build --markDebug=" + name + ").";
  return status;
}

Status ExecutionContext::SetAllTensorsDebugState(bool on) {
  Logger::Scope scope(impl_->logger);
  ASSIGN_OR_RETURN(const bool taken, abi::Call<m::VExecutionContext_setAllTensorsDebugState>(
                                         impl_->version, impl_->get(), on));
  if (taken) return Status();
  return impl_->Failed(ErrorCode::kExecution, "setAllTensorsDebugState",
                       "TensorRT refused to switch the debug tensors.", scope);
}

bool ExecutionContext::DebugState(const std::string& name) const {
  Logger::Scope scope(impl_->logger);
  const Result<bool> on =
      abi::Call<m::VExecutionContext_getDebugState>(impl_->version, impl_->get(), name.c_str());
  return on.ok() && on.value();
}

}  // namespace trtnode::tensorrt
