// NativeExecutionContext: memory, streams, profiling and other settings.
#include <limits>
#include <utility>

#include "napi/allocator_resource.h"
#include "napi/context_object.h"
#include "napi/values.h"

namespace trtnode::napi {

Result<napi_value> ContextObject::SetDeviceMemory(Call& call) {
  ASSIGN_OR_RETURN(DeviceBufferObject * buffer,
                   Unwrap<DeviceBufferObject>(call, call.arguments[0], "buffer"));
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[1], "byteOffset"));
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[2], "bytes"));
  RETURN_IF_ERROR(CheckRange("byteOffset", offset, bytes, buffer->buffer().bytes()));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(
      execution().SetDeviceMemory(reinterpret_cast<void*>(buffer->buffer().address() + offset),
                                  static_cast<std::int64_t>(bytes)));
  Replace(resource_->device_memory, buffer->resource());
  return nullptr;
}

Result<napi_value> ContextObject::UpdateDeviceMemorySizeForShapes(Call& call) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(const std::int64_t bytes, execution().UpdateDeviceMemorySizeForShapes());
  return MakeNumber(call.env, static_cast<double>(bytes));
}

Result<napi_value> ContextObject::SetAuxStreams(Call& call) {
  ASSIGN_OR_RETURN(const std::uint32_t count, ReadLength(call.env, call.arguments[0], "streams"));
  std::vector<void*> handles;
  std::vector<std::shared_ptr<Resource>> streams;
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(napi_value element, GetElement(call.env, call.arguments[0], i));
    ASSIGN_OR_RETURN(StreamObject * stream, Unwrap<StreamObject>(call, element, "streams"));
    handles.push_back(stream->resource()->stream->handle());
    streams.push_back(stream->resource());
  }
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(execution().SetAuxStreams(handles));
  for (auto& old : resource_->aux_streams) Replace(old, nullptr);
  resource_->aux_streams = std::move(streams);
  return nullptr;
}

Result<napi_value> ContextObject::GetPersistentCacheLimit(Call& call) {
  return MakeNumber(call.env, static_cast<double>(execution().persistent_cache_limit()));
}

Result<napi_value> ContextObject::SetPersistentCacheLimit(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t bytes,
                   ReadSize(call.env, call.arguments[0], "persistentCacheLimit"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(execution().SetPersistentCacheLimit(bytes));
  return nullptr;
}

Result<napi_value> ContextObject::GetNvtxVerbosity(Call& call) {
  return MakeNumber(call.env, execution().nvtx_verbosity());
}

Result<napi_value> ContextObject::SetNvtxVerbosity(Call& call) {
  ASSIGN_OR_RETURN(const int verbosity, ReadInt(call.env, call.arguments[0], "nvtxVerbosity", 0,
                                                std::numeric_limits<int>::max()));
  RETURN_IF_ERROR(execution().SetNvtxVerbosity(verbosity));
  return nullptr;
}

Result<napi_value> ContextObject::SetInputConsumedEvent(Call& call) {
  if (IsNullish(call.env, call.arguments[0])) {
    RETURN_IF_ERROR(execution().SetInputConsumedEvent(nullptr));
    Replace(resource_->consumed_event, nullptr);
    return nullptr;
  }
  ASSIGN_OR_RETURN(EventObject * event, Unwrap<EventObject>(call, call.arguments[0], "event"));
  RETURN_IF_ERROR(execution().SetInputConsumedEvent(event->resource()->event->handle()));
  Replace(resource_->consumed_event, event->resource());
  return nullptr;
}

Result<napi_value> ContextObject::SetProfiling(Call& call) {
  ASSIGN_OR_RETURN(const bool on, ReadBool(call.env, call.arguments[0], "on"));
  RETURN_IF_ERROR(execution().SetProfiling(on));
  return nullptr;
}

Result<napi_value> ContextObject::SetEnqueueEmitsProfile(Call& call) {
  ASSIGN_OR_RETURN(const bool on, ReadBool(call.env, call.arguments[0], "on"));
  RETURN_IF_ERROR(execution().SetEnqueueEmitsProfile(on));
  return nullptr;
}

Result<napi_value> ContextObject::ReportToProfiler(Call& /*call*/) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(execution().ReportToProfiler());
  return nullptr;
}

Result<napi_value> ContextObject::TakeLayerTimes(Call& call) {
  const std::vector<tensorrt::LayerTime> times = execution().TakeLayerTimes();
  ASSIGN_OR_RETURN(napi_value array, MakeArray(call.env, times.size()));
  for (std::size_t i = 0; i < times.size(); ++i) {
    ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
    RETURN_IF_ERROR(object.Set("name", times[i].name));
    RETURN_IF_ERROR(object.Set("milliseconds", static_cast<double>(times[i].milliseconds)));
    RETURN_IF_ERROR(SetElement(call.env, array, i, object.value()));
  }
  return array;
}

}  // namespace trtnode::napi
