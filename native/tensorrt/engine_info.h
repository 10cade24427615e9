// Reads all that an engine says of itself into an EngineInfo.
#pragma once

#include "tensorrt/abi/types.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

EngineInfo ReadEngineInfo(const Version& version, const abi::ICudaEngine* engine);

}  // namespace trtnode::tensorrt
