// NativeAddon.readGpus.
#pragma once

#include "napi/object.h"

namespace trtnode::napi {

Result<napi_value> ReadGpus(Call& call);

}  // namespace trtnode::napi
