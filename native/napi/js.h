// The one include site of Node-API, and its failures as Status.
#pragma once

// PinnedBuffer.arrayBuffer needs an external ArrayBuffer; where they are forbidden (Electron) the call says so at run time.
#undef NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
#include <node_api.h>

#include "core/status.h"

#if NAPI_VERSION != 9
#error "NAPI_VERSION must be 9 in every file: CMakeLists.txt sets it"
#endif

namespace trtnode::napi {

// Where a JavaScript exception is pending, it stays and is what JavaScript gets; this Status only unwinds.
Status NapiFailure(napi_status status, const char* call);

inline Status FromNapi(napi_status status, const char* call) {
  return status == napi_ok ? Status() : NapiFailure(status, call);
}

}  // namespace trtnode::napi

// Leaves the function with an Error unless CALL gives napi_ok.
#define NAPI_TRY(call) RETURN_IF_ERROR(::trtnode::napi::FromNapi((call), #call))
