// World: the driver, TensorRT and a deserialized plan, opened through trt-node's own libraries; nothing of this is measured
// but Deserialize, in mode load.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arguments.h"
#include "core/status.h"
#include "cuda/context.h"
#include "tensorrt/engine.h"
#include "tensorrt/library.h"
#include "tensorrt/runtime.h"

namespace trtnode::benchmark {

struct World {
  std::shared_ptr<tensorrt::Library> library;
  std::shared_ptr<cuda::Driver> driver;
  std::shared_ptr<cuda::PrimaryContext> context;
  std::shared_ptr<tensorrt::Runtime> runtime;
};

// Leaves the CUDA context current on this thread, for good.
Result<World> OpenWorld(const Arguments& arguments);

Result<std::vector<std::byte>> ReadFile(const std::string& path);

// Bytes for an input, the same in every peer: element i of a floating-point input is ((i * 7919) mod 1000) / 1000 - 0.5, of an
// integer input (i * 7919) mod 1000, of one whose name has "mask" in it 1, of one with "type" or "segment" in it 0.
std::vector<std::byte> InputData(const tensorrt::TensorInfo& tensor, std::int64_t elements);

}  // namespace trtnode::benchmark
