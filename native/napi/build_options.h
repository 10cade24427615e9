// NativeBuildOptions to BuildOptions.
#pragma once

#include <memory>

#include "napi/env_state.h"
#include "napi/js_reference.h"
#include "tensorrt/builder.h"

namespace trtnode::napi {

struct BuildRequest {
  int device = 0;
  tensorrt::BuildOptions options;  // all but `progress`
  std::shared_ptr<JsReference> progress;
  std::shared_ptr<JsReference> next_batch;  // null: no calibration data
};

Result<BuildRequest> ReadBuildOptions(EnvState& state, napi_value options);
// Only the device and the log: for what builds nothing.
Result<BuildRequest> ReadCheckOptions(EnvState& state, napi_value options);

}  // namespace trtnode::napi
