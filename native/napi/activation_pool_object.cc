// NativeActivationPool.
#include <array>

#include "napi/objects.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> ActivationPoolObject::Definition() {
  using Self = ActivationPoolObject;
  static const std::array kProperties = {
      Getter<&Self::Device>("device"),
      Getter<&Self::Bytes>("bytes"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> ActivationPoolObject::Device(Call& call) {
  return MakeNumber(call.env, resource_->context->device());
}

Result<napi_value> ActivationPoolObject::Bytes(Call& call) {
  return MakeNumber(call.env, static_cast<double>(resource_->pool->bytes()));
}

}  // namespace trtnode::napi
