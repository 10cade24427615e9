// NativeBuildOptions' settings of the configuration and of the network.
#pragma once

#include "core/status.h"
#include "napi/js.h"
#include "tensorrt/builder.h"

namespace trtnode::napi {

// Everything of it that is a BuilderFlag.
Status ReadBuilderFlags(napi_env env, napi_value object, tensorrt::BuildOptions& options);
Status ReadConfigSettings(napi_env env, napi_value object, tensorrt::ConfigSettings& settings);
Status ReadNetworkSettings(napi_env env, napi_value object, tensorrt::NetworkSettings& settings);

}  // namespace trtnode::napi
