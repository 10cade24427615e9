// The build options that are one BuilderFlag each: one table for reading, checking and applying them.
#pragma once

#include <span>

#include "core/status.h"
#include "tensorrt/abi/enums.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {

struct BuilderFlagOption {
  const char* option = nullptr;  // its name in lib/
  bool BuildOptions::* member = nullptr;
  const abi::EnumInfo& flag;
  // Says in which types TensorRT may compute, which only weakly typed networks leave open.
  bool is_precision = false;
};

std::span<const BuilderFlagOption> BuilderFlagOptions();

// TensorRT 8 takes the types from nothing but flags, 10 as told, 11 always from the model.
bool IsStronglyTyped(const Version& version, const BuildOptions& options);

// Refuses flags that this version has not got, precisions beside strong typing, and flags that exclude or need each other.
Status CheckBuilderFlags(const Version& version, const BuildOptions& options);

Status ApplyBuilderFlags(BuildObjects& objects, const BuildOptions& options);

}  // namespace trtnode::tensorrt
