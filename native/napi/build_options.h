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
};

Result<BuildRequest> ReadBuildOptions(EnvState& state, napi_value options);

}  // namespace trtnode::napi
