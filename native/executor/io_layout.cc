// Sizes of tensors.
#include "executor/io_layout.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/dtype.h"

namespace trtnode::executor {

IoLayout::IoLayout(const tensorrt::EngineInfo& info) {
  for (std::size_t i = 0; i < info.tensors.size(); ++i) {
    const tensorrt::TensorInfo& tensor = info.tensors[i];
    const IoTensor io{static_cast<int>(i), &tensor,
                      tensor.location == tensorrt::TensorLocation::kHost};
    if (tensor.mode == tensorrt::TensorIOMode::kInput) {
      inputs.push_back(io);
      needs_profile = needs_profile || io.on_host || !tensor.shape.IsConcrete();
    }
    if (tensor.mode == tensorrt::TensorIOMode::kOutput) outputs.push_back(io);
  }
}

std::size_t AlignedSize(std::size_t bytes) noexcept {
  return (std::max<std::size_t>(bytes, 1) + kTensorAlignment - 1) / kTensorAlignment *
         kTensorAlignment;
}

std::optional<std::size_t> TensorBytes(const tensorrt::TensorInfo& info, int profile,
                                       const Dims& dims) noexcept {
  constexpr std::uint64_t kMost = std::numeric_limits<std::size_t>::max() / 4;
  Dims padded = dims;
  std::uint64_t component_bytes = 0;
  if (!info.layouts.empty()) {
    const auto last = static_cast<int>(info.layouts.size()) - 1;
    const auto& layout = info.layouts[static_cast<std::size_t>(std::clamp(profile, 0, last))];
    const int dim = layout.vectorized_dim;
    if (dim >= 0 && dim < dims.rank() && layout.components_per_element > 1) {
      const std::int64_t components = layout.components_per_element;
      if (dims[dim] > std::numeric_limits<std::int64_t>::max() - components) return std::nullopt;
      padded[dim] = (dims[dim] + components - 1) / components * components;
      if (layout.bytes_per_component > 0) {
        component_bytes = static_cast<std::uint64_t>(layout.bytes_per_component);
      }
    }
  }
  const std::optional<std::int64_t> volume = padded.Volume();
  if (!volume.has_value()) return std::nullopt;
  const auto elements = static_cast<std::uint64_t>(*volume);
  if (component_bytes != 0) {
    if (elements > kMost / component_bytes) return std::nullopt;
    return static_cast<std::size_t>(elements * component_bytes);
  }
  const std::optional<std::uint64_t> bytes = ByteSize(info.dtype, *volume);
  if (!bytes.has_value() || *bytes > kMost) return std::nullopt;
  return static_cast<std::size_t>(*bytes);
}

}  // namespace trtnode::executor
