// NativeDeviceBuffer.
#include <array>

#include "napi/objects.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> DeviceBufferObject::Definition() {
  using Self = DeviceBufferObject;
  static const std::array kProperties = {
      Getter<&Self::Device>("device"),       Getter<&Self::Bytes>("bytes"),
      Getter<&Self::Address>("address"),     Method<&Self::WriteSync>("writeSync"),
      Method<&Self::ReadSync>("readSync"),   Method<&Self::View>("view"),
      Method<&Self::ExportIpc>("exportIpc"), CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> DeviceBufferObject::Device(Call& call) {
  return MakeNumber(call.env, resource_->context->device());
}

Result<napi_value> DeviceBufferObject::Bytes(Call& call) {
  return MakeNumber(call.env, static_cast<double>(buffer().bytes()));
}

Result<napi_value> DeviceBufferObject::Address(Call& call) {
  return MakeBigint(call.env, buffer().address());
}

Result<napi_value> DeviceBufferObject::WriteSync(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[1], "byteOffset"));
  ASSIGN_OR_RETURN(const std::span<std::byte> from, ReadView(call.env, call.arguments[0], "from"));
  RETURN_IF_ERROR(CheckRange("byteOffset", offset, from.size(), buffer().bytes()));
  RETURN_IF_ERROR(buffer().Write(from, offset));
  return nullptr;
}

Result<napi_value> DeviceBufferObject::ReadSync(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[1], "byteOffset"));
  ASSIGN_OR_RETURN(const std::span<std::byte> into, ReadView(call.env, call.arguments[0], "into"));
  RETURN_IF_ERROR(CheckRange("byteOffset", offset, into.size(), buffer().bytes()));
  RETURN_IF_ERROR(buffer().Read(into, offset));
  return nullptr;
}

}  // namespace trtnode::napi
