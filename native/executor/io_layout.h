// IoLayout: the engine's tensors as a run sees them (inputs and outputs, in engine order) and how many bytes they take.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/dims.h"
#include "tensorrt/types.h"

namespace trtnode::executor {

struct IoTensor {
  int index = 0;                               // into EngineInfo::tensors
  const tensorrt::TensorInfo* info = nullptr;  // the engine's, which outlives this
  bool on_host = false;
};

struct IoLayout {
  explicit IoLayout(const tensorrt::EngineInfo& info);
  std::vector<IoTensor> inputs, outputs;
  bool needs_profile = false;  // an input's shape or values are not fixed
};

// Where a piece of an arena starts: TensorRT wants 256-aligned addresses, and every tensor one of its own, empty ones too.
inline constexpr std::size_t kTensorAlignment = 256;
std::size_t AlignedSize(std::size_t bytes) noexcept;

// Bytes of a tensor of `dims` in the profile's memory format (vectorized formats pad a dimension). Null: a dimension is
// unknown, or the size overflows.
std::optional<std::size_t> TensorBytes(const tensorrt::TensorInfo& info, int profile,
                                       const Dims& dims) noexcept;

}  // namespace trtnode::executor
