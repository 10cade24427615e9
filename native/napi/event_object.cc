// NativeEvent.
#include <array>

#include "napi/objects.h"
#include "napi/promise.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> EventObject::Definition() {
  using Self = EventObject;
  static const std::array kProperties = {
      Getter<&Self::Device>("device"),
      Method<&Self::Query>("query"),
      Method<&Self::Synchronize>("synchronize"),
      Method<&Self::SynchronizeSync>("synchronizeSync"),
      Method<&Self::ElapsedSince>("elapsedSince"),
      Method<&Self::ExportIpc>("exportIpc"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> EventObject::Device(Call& call) {
  return MakeNumber(call.env, resource_->context->device());
}

Result<napi_value> EventObject::Query(Call& call) {
  ASSIGN_OR_RETURN(const bool done, resource_->event->Query());
  return MakeBool(call.env, done);
}

Result<napi_value> EventObject::Synchronize(Call& call) {
  return RunAsync(
      call.state,
      [resource = resource_]() -> Status {
        cuda::RelaxCaptureMode(resource->context->driver());
        return resource->event->Synchronize();
      },
      [](EnvState&) -> Result<napi_value> { return nullptr; });
}

Result<napi_value> EventObject::SynchronizeSync(Call& /*call*/) {
  RETURN_IF_ERROR(resource_->event->Synchronize());
  return nullptr;
}

Result<napi_value> EventObject::ElapsedSince(Call& call) {
  ASSIGN_OR_RETURN(EventObject * start, Unwrap<EventObject>(call, call.arguments[0], "start"));
  ASSIGN_OR_RETURN(const float milliseconds,
                   resource_->event->MillisecondsSince(*start->resource()->event));
  return MakeNumber(call.env, static_cast<double>(milliseconds));
}

}  // namespace trtnode::napi
