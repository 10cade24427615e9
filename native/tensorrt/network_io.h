// What the steps of a build ask of a network's inputs and outputs.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/build_settings.h"

namespace trtnode::tensorrt {

struct NetworkTensor {
  std::string name;
  abi::ITensor* tensor = nullptr;
};

std::vector<NetworkTensor> InputTensors(const BuildObjects& objects);
std::vector<NetworkTensor> OutputTensors(const BuildObjects& objects);

// Types and allowed formats of inputs or outputs; `which` is "input" or "output". A strongly typed network keeps its types.
Status ApplyIoFormats(BuildObjects& objects, const std::vector<NetworkTensor>& tensors,
                      const std::map<std::string, IoFormat>& formats, const std::string& which,
                      bool strongly_typed);

}  // namespace trtnode::tensorrt
