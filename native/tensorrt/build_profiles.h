// Optimization profiles of a build: checked against the network's inputs, then added to the configuration.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {

struct NetworkInput {
  std::string name;
  DataType dtype = DataType::kFloat;
  Dims shape;
  bool is_shape_tensor = false;

  bool NeedsProfile() const { return is_shape_tensor || !shape.IsConcrete(); }
  std::string Describe() const { return "'" + name + "' " + shape.ToString(); }
};

std::vector<NetworkInput> NetworkInputs(const BuildObjects& objects);

// A profile of these ranges that is not added to the configuration; the builder owns it. `who` begins the messages.
Result<abi::IOptimizationProfile*> MakeProfile(BuildObjects& objects,
                                               const std::map<std::string, ProfileShape>& ranges,
                                               const std::string& who);

Status AddProfiles(BuildObjects& objects, const BuildOptions& options);

}  // namespace trtnode::tensorrt
