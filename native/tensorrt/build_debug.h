// Marks tensors of a parsed network as debug tensors, by name.
#pragma once

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {

Status MarkDebugTensors(BuildObjects& objects, const BuildOptions& options);

}  // namespace trtnode::tensorrt
