// ExecutionContext: memory, auxiliary streams, limits and profiling.
#include "tensorrt/execution_context_impl.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

Status ExecutionContext::SetDeviceMemory(void* memory, std::int64_t bytes) {
  Logger::Scope scope(impl_->logger);
  const std::int64_t needed = impl_->engine->info().device_memory_bytes;
  if (impl_->version.major == 8 && bytes < needed) {
    return Status(ErrorCode::kInvalidArgument, "The device memory of " + std::to_string(bytes) +
                                                   " bytes is too small: TensorRT 8 uses " +
                                                   std::to_string(needed) +
                                                   " whatever the shapes.");
  }
  // Before 10.1 TensorRT trusts the caller with the size.
  if (abi::Supports<m::VExecutionContext_setDeviceMemoryV2>(impl_->version)) {
    RETURN_IF_ERROR(abi::Call<m::VExecutionContext_setDeviceMemoryV2>(impl_->version, impl_->get(),
                                                                      memory, bytes));
  } else {
    impl_->Ask<m::VExecutionContext_setDeviceMemory>(memory);
  }
  // The method answers nothing: a refusal (too small, not aligned) is only in the log.
  if (scope.has_errors()) {
    return impl_->Failed(
        ErrorCode::kInvalidArgument, "setDeviceMemoryV2",
        "TensorRT refused the device memory of " + std::to_string(bytes) + " bytes.", scope);
  }
  return Status();
}

Result<std::int64_t> ExecutionContext::UpdateDeviceMemorySizeForShapes() {
  Logger::Scope scope(impl_->logger);
  // TensorRT 8 uses as much for small shapes as for large ones.
  const auto bytes = abi::CallOr<m::VExecutionContext_updateDeviceMemorySizeForShapes>(
      impl_->version, static_cast<abi::u64>(impl_->engine->info().device_memory_bytes),
      impl_->get());
  if (bytes == 0 && scope.has_errors()) {
    return impl_->Failed(ErrorCode::kExecution, "updateDeviceMemorySizeForShapes",
                         "TensorRT cannot tell the device memory that these shapes need.", scope);
  }
  return static_cast<std::int64_t>(bytes);
}

Status ExecutionContext::SetAuxStreams(const std::vector<void*>& streams) {
  Logger::Scope scope(impl_->logger);
  std::vector<abi::CUstream_st*> handles;
  handles.reserve(streams.size());
  for (void* stream : streams) handles.push_back(static_cast<abi::CUstream_st*>(stream));
  RETURN_IF_ERROR(abi::Call<m::VExecutionContext_setAuxStreams>(
      impl_->version, impl_->get(), handles.data(), static_cast<abi::i32>(handles.size())));
  if (scope.has_errors()) {
    return impl_->Failed(ErrorCode::kInvalidArgument, "setAuxStreams",
                         "TensorRT refused the auxiliary streams.", scope);
  }
  return Status();
}

Status ExecutionContext::SetPersistentCacheLimit(std::uint64_t bytes) {
  Logger::Scope scope(impl_->logger);
  impl_->Ask<m::VExecutionContext_setPersistentCacheLimit>(bytes);
  if (scope.has_errors()) {
    return impl_->Failed(
        ErrorCode::kInvalidArgument, "setPersistentCacheLimit",
        "TensorRT refused a persistent cache of " + std::to_string(bytes) + " bytes.", scope);
  }
  return Status();
}

std::uint64_t ExecutionContext::persistent_cache_limit() const {
  return impl_->Ask<m::VExecutionContext_getPersistentCacheLimit>();
}

Status ExecutionContext::SetNvtxVerbosity(int verbosity) {
  Logger::Scope scope(impl_->logger);
  if (impl_->Ask<m::VExecutionContext_setNvtxVerbosity>(
          static_cast<abi::ProfilingVerbosity>(verbosity))) {
    return Status();
  }
  return impl_->Failed(ErrorCode::kInvalidArgument, "setNvtxVerbosity",
                       "TensorRT refused NVTX verbosity " + std::to_string(verbosity) +
                           ": it cannot be above the verbosity that the engine was built with.",
                       scope);
}

int ExecutionContext::nvtx_verbosity() const {
  return static_cast<int>(impl_->Ask<m::VExecutionContext_getNvtxVerbosity>());
}

Status ExecutionContext::SetInputConsumedEvent(void* event) {
  Logger::Scope scope(impl_->logger);
  if (impl_->Ask<m::VExecutionContext_setInputConsumedEvent>(
          static_cast<abi::CUevent_st*>(event))) {
    return Status();
  }
  return impl_->Failed(ErrorCode::kInvalidArgument, "setInputConsumedEvent",
                       "TensorRT refused the event.", scope);
}

Status ExecutionContext::SetProfiling(bool on) {
  // TensorRT 10.6 refuses a null profiler, so once set it stays and is told to listen or not; without the emission of profiles,
  // which starts as on, enqueueing costs the same as before.
  if (!on && !impl_->profiler.attached()) return Status();
  Logger::Scope scope(impl_->logger);
  if (on && !impl_->profiler.attached()) {
    impl_->Ask<m::VExecutionContext_setProfiler>(impl_->profiler.abi_object(impl_->version.major));
    if (scope.has_errors()) {
      return impl_->Failed(ErrorCode::kExecution, "setProfiler", "TensorRT refused the profiler.",
                           scope);
    }
  }
  impl_->profiler.Listen(on);
  return SetEnqueueEmitsProfile(on);
}

Status ExecutionContext::SetEnqueueEmitsProfile(bool on) {
  impl_->Ask<m::VExecutionContext_setEnqueueEmitsProfile>(on);
  return Status();
}

Status ExecutionContext::ReportToProfiler() {
  Logger::Scope scope(impl_->logger);
  if (impl_->Ask<m::VExecutionContext_reportToProfiler>()) return Status();
  return impl_->Failed(ErrorCode::kExecution, "reportToProfiler",
                       "TensorRT has no layer times to report.", scope);
}

std::vector<LayerTime> ExecutionContext::TakeLayerTimes() { return impl_->profiler.Take(); }

}  // namespace trtnode::tensorrt
