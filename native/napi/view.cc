// Reading ArrayBufferViews.
#include "napi/view.h"

#include <optional>
#include <string>

#include "napi/values.h"

namespace trtnode::napi {
namespace {

constexpr auto kUnknownType = static_cast<napi_typedarray_type>(15);  // what Node-API leaves unset

std::optional<std::size_t> ElementSize(int type) noexcept {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return std::nullopt;  // newer than these headers (Float16Array)
  }
}

}  // namespace

bool IsView(napi_env env, napi_value value) noexcept {
  bool typed = false;
  bool data_view = false;
  return (napi_is_typedarray(env, value, &typed) == napi_ok && typed) ||
         (napi_is_dataview(env, value, &data_view) == napi_ok && data_view);
}

Result<std::span<std::byte>> ReadView(napi_env env, napi_value value, const char* what) {
  auto type = kUnknownType;
  void* data = nullptr;
  std::size_t length = 0;
  napi_value buffer = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, nullptr) == napi_ok) {
    const std::optional<std::size_t> size = ElementSize(static_cast<int>(type));
    if (size.has_value()) {
      length *= *size;
    } else {
      NAPI_TRY(napi_get_buffer_info(env, value, &data, &length));
    }
  } else if (napi_get_dataview_info(env, value, &length, &data, &buffer, nullptr) != napi_ok) {
    return WrongType(what, "a typed array or DataView");
  }
  bool plain = false;
  if (napi_is_arraybuffer(env, buffer, &plain) != napi_ok || !plain) {
    return Status(
        ErrorCode::kInvalidBuffer, std::string(what) + " is a view of a SharedArrayBuffer.",
        "Copy it into an array of its own: another thread could change it while it is read.");
  }
  if (length == 0) {
    bool detached = false;
    if (napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && detached) {
      return Status(
          ErrorCode::kInvalidBuffer, std::string(what) + " is a view of a detached ArrayBuffer.",
          "It was transferred (postMessage, structuredClone) or its pinned buffer was closed.");
    }
  }
  return std::span<std::byte>(static_cast<std::byte*>(data), length);
}

}  // namespace trtnode::napi
