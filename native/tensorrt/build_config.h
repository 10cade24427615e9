// The build options, put into an IBuilderConfig.
#pragma once

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {

// Refuses, before anything is created, what this version cannot build or what contradicts itself.
Status CheckBuildOptions(const Version& version, const BuildOptions& options);

// Flags for IBuilder::createNetworkV2: their bits moved from 10 to 11.
std::uint32_t NetworkFlags(int abi_major, const BuildOptions& options);

Status ApplyBuildOptions(BuildObjects& objects, const BuildOptions& options);

}  // namespace trtnode::tensorrt
