// View: the bytes behind a typed array or DataView, valid until JavaScript runs again.
#pragma once

#include <cstddef>
#include <span>

#include "core/status.h"
#include "napi/js.h"

namespace trtnode::napi {

// kInvalidBuffer: detached, or shared between threads. Read at the moment of the copy: a resizable buffer has then the length
// that it has then. `what` names the argument.
Result<std::span<std::byte>> ReadView(napi_env env, napi_value value, const char* what);
bool IsView(napi_env env, napi_value value) noexcept;

}  // namespace trtnode::napi
