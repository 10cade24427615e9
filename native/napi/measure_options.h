// Reading the options of a measurement.
#pragma once

#include "bench/measure.h"
#include "napi/js.h"

namespace trtnode::napi {

// Copies the inputs' bytes.
Result<bench::Options> ReadMeasureOptions(napi_env env, napi_value object);

}  // namespace trtnode::napi
