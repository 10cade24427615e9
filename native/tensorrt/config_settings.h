// ConfigSettings, checked and put into an IBuilderConfig.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {

// Refuses, before anything is created, what this version has not got, and DLA settings that contradict each other.
Status CheckConfigSettings(const Version& version, const BuildOptions& options);

Status ApplyConfigSettings(BuildObjects& objects, const BuildOptions& options);

// The plugin libraries that go into the plan: those that were asked for and, in a version-compatible plan with its lean runtime,
// those that the parser used, unless it was told to ignore them. (A plan without a lean runtime gets its plugins where it runs.)
Status AddPluginsToSerialize(BuildObjects& objects, const BuildOptions& options,
                             const abi::nvonnxparser::IParser* parser);

}  // namespace trtnode::tensorrt
