// NetworkSettings, checked and put into the parsed network: formats of inputs and outputs, and what is said of single layers.
#pragma once

#include <string_view>

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {

// Whether `name` is `pattern`, in which one "*" stands for any text.
bool MatchesPattern(std::string_view pattern, std::string_view name);

// Refuses, before anything is created, what this version has not got, and precisions of layers in a strongly typed network.
Status CheckNetworkSettings(const Version& version, const BuildOptions& options);

// After parsing. kUnknownTensor and kInvalidArgument for names that nothing in the network has.
Status ApplyNetworkSettings(BuildObjects& objects, const BuildOptions& options);

}  // namespace trtnode::tensorrt
