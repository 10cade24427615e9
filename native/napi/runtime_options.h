// Options of a runtime, and small values that several classes make.
#pragma once

#include "core/status.h"
#include "napi/env_state.h"
#include "tensorrt/runtime.h"
#include "tensorrt/types.h"

namespace trtnode::napi {

struct RuntimeOptions {
  int device = 0;
  tensorrt::RuntimeOptions runtime;
};

Result<RuntimeOptions> ReadRuntimeOptions(EnvState& state, napi_value options);
Result<napi_value> MakeVersion(napi_env env, const tensorrt::Version& version);

}  // namespace trtnode::napi
