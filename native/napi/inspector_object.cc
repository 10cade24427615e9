// NativeEngineInspector.
#include <array>
#include <limits>

#include "napi/context_object.h"
#include "napi/objects.h"
#include "napi/values.h"

namespace trtnode::napi {

// All calls have the device's context current: without one Myelin of TensorRT 10.6 finds a device "of SM 0", answers with empty
// texts, and the next execution context of the engine crashes (seen on an H200).

std::span<const napi_property_descriptor> InspectorObject::Definition() {
  using Self = InspectorObject;
  static const std::array kProperties = {
      Method<&Self::SetExecutionContext>("setExecutionContext"),
      Method<&Self::LayerInformation>("layerInformation"),
      Method<&Self::EngineInformation>("engineInformation"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> InspectorObject::SetExecutionContext(Call& call) {
  std::shared_ptr<ExecutionContextResource> execution;
  if (!IsNullish(call.env, call.arguments[0])) {
    ASSIGN_OR_RETURN(ContextObject * context,
                     Unwrap<ContextObject>(call, call.arguments[0], "context"));
    execution = context->resource();
  }
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(resource_->inspector->SetExecutionContext(
      execution != nullptr ? execution->execution : nullptr));
  resource_->execution = std::move(execution);
  return nullptr;
}

Result<napi_value> InspectorObject::LayerInformation(Call& call) {
  ASSIGN_OR_RETURN(const int layer, ReadInt(call.env, call.arguments[0], "layer", 0,
                                            std::numeric_limits<int>::max()));
  ASSIGN_OR_RETURN(const int format, ReadInt(call.env, call.arguments[1], "format", 0, 1));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(const std::string text,
                   resource_->inspector->LayerInformation(
                       layer, static_cast<tensorrt::InspectorFormat>(format)));
  return MakeString(call.env, text);
}

Result<napi_value> InspectorObject::EngineInformation(Call& call) {
  ASSIGN_OR_RETURN(const int format, ReadInt(call.env, call.arguments[0], "format", 0, 1));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(const std::string text, resource_->inspector->EngineInformation(
                                               static_cast<tensorrt::InspectorFormat>(format)));
  return MakeString(call.env, text);
}

}  // namespace trtnode::napi
