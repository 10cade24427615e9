// NativeEngineInfo from EngineInfo.
#pragma once

#include "napi/js.h"
#include "tensorrt/types.h"

namespace trtnode::napi {

Result<napi_value> MakeEngineInfo(napi_env env, const tensorrt::EngineInfo& info);

}  // namespace trtnode::napi
