// Debug tensors as JavaScript gets them.
#pragma once

#include "core/status.h"
#include "executor/debug_capture.h"
#include "napi/js.h"

namespace trtnode::napi {

// { name, dtype, shape, data }
Result<napi_value> MakeDebugTensor(napi_env env, const executor::DebugTensor& tensor);

}  // namespace trtnode::napi
