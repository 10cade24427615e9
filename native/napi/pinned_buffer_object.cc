// NativePinnedBuffer.
#include <array>
#include <cstring>
#include <utility>

#include "napi/objects.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {
namespace {

// The memory lives as long as an ArrayBuffer can reach it; V8 tells when that has ended, after close() detached it or the collector
// found it.
void ReleaseMemory(napi_env /*env*/, void* /*data*/, void* hint) noexcept {
  const std::unique_ptr<std::shared_ptr<PinnedBufferResource>> held(
      static_cast<std::shared_ptr<PinnedBufferResource>*>(hint));
  FreeLater(std::move(*held));
}

}  // namespace

std::span<const napi_property_descriptor> PinnedBufferObject::Definition() {
  using Self = PinnedBufferObject;
  static const std::array kProperties = {
      Getter<&Self::Device>("device"),
      Getter<&Self::Bytes>("bytes"),
      Getter<&Self::DeviceAddress>("deviceAddress"),
      Getter<&Self::ArrayBuffer>("arrayBuffer"),
      Method<&Self::Write>("write"),
      Method<&Self::Read>("read"),
      Method<&Self::Close, WhenClosed::kAllow>("close"),
  };
  return kProperties;
}

void PinnedBufferObject::DropReferences(napi_env env) noexcept {
  if (array_buffer_ != nullptr) {
    (void)napi_delete_reference(env, std::exchange(array_buffer_, nullptr));
  }
}

Result<napi_value> PinnedBufferObject::Device(Call& call) {
  return MakeNumber(call.env, resource_->context->device());
}

Result<napi_value> PinnedBufferObject::Bytes(Call& call) {
  return MakeNumber(call.env, static_cast<double>(buffer().bytes()));
}

Result<napi_value> PinnedBufferObject::DeviceAddress(Call& call) {
  return MakeBigint(call.env, buffer().device_address());
}

Result<napi_value> PinnedBufferObject::ArrayBuffer(Call& call) {
  napi_value array_buffer = nullptr;
  if (array_buffer_ != nullptr) {
    NAPI_TRY(napi_get_reference_value(call.env, array_buffer_, &array_buffer));
    return array_buffer;
  }
  // Its size counts in V8's memory pressure by itself, once: no napi_adjust_external_memory on top.
  auto held = std::make_unique<std::shared_ptr<PinnedBufferResource>>(resource_);
  const napi_status status = napi_create_external_arraybuffer(
      call.env, buffer().data(), buffer().bytes(), ReleaseMemory, held.get(), &array_buffer);
  if (status == napi_no_external_buffers_allowed) {
    return Status(ErrorCode::kUnsupported,
                  "This JavaScript engine (Electron's) does not allow external ArrayBuffers.",
                  "Use write() and read() of the pinned buffer.");
  }
  NAPI_TRY(status);
  (void)held.release();
  NAPI_TRY(napi_create_reference(call.env, array_buffer, 1, &array_buffer_));
  return array_buffer;
}

Result<napi_value> PinnedBufferObject::Write(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[1], "byteOffset"));
  ASSIGN_OR_RETURN(const std::span<std::byte> from, ReadView(call.env, call.arguments[0], "from"));
  RETURN_IF_ERROR(CheckRange("byteOffset", offset, from.size(), buffer().bytes()));
  if (!from.empty()) std::memmove(buffer().data() + offset, from.data(), from.size());
  return nullptr;
}

Result<napi_value> PinnedBufferObject::Read(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[1], "byteOffset"));
  ASSIGN_OR_RETURN(const std::span<std::byte> into, ReadView(call.env, call.arguments[0], "into"));
  RETURN_IF_ERROR(CheckRange("byteOffset", offset, into.size(), buffer().bytes()));
  if (!into.empty()) std::memmove(into.data(), buffer().data() + offset, into.size());
  return nullptr;
}

Result<napi_value> PinnedBufferObject::Close(Call& call) {
  if (closed()) return nullptr;
  if (array_buffer_ != nullptr) {
    napi_value array_buffer = nullptr;
    NAPI_TRY(napi_get_reference_value(call.env, array_buffer_, &array_buffer));
    // From here on JavaScript sees length 0. (It fails only where a caller transferred it: then it is detached already.)
    (void)napi_detach_arraybuffer(call.env, array_buffer);
  }
  DropReferences(call.env);
  Detach().reset();
  return nullptr;
}

}  // namespace trtnode::napi
