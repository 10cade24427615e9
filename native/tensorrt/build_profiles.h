// Optimization profiles of a build: checked against the network's inputs, then added to the configuration.
#pragma once

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {

Status AddProfiles(BuildObjects& objects, const BuildOptions& options);

}  // namespace trtnode::tensorrt
