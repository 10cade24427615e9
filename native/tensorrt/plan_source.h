// PlanSource: where a plan is read from piece by piece; DeviceCopy: how its bytes get to where TensorRT wants them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/status.h"

namespace trtnode::tensorrt {

// Called by the deserializing thread. May block until there are bytes.
class PlanSource {
 public:
  virtual ~PlanSource() = default;
  // At most into.size() bytes, at least one; 0: the end.
  virtual Result<std::size_t> Read(std::span<std::byte> into) = 0;
};

// TensorRT may want bytes in device memory; this layer knows no CUDA.
class DeviceCopy {
 public:
  virtual ~DeviceCopy() = default;
  virtual bool IsDevice(const void* address) const = 0;
  // Done when it returns. `stream`: a CUstream, may be null.
  virtual Status ToDevice(void* to, std::span<const std::byte> from, void* stream) = 0;
};

}  // namespace trtnode::tensorrt
