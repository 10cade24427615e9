// Between our Dims and TensorRT's own, which are 32 bits wide in TensorRT 8 and 64 bits from 10 on.
#pragma once

#include <optional>

#include "core/dims.h"
#include "tensorrt/abi/types.h"

namespace trtnode::tensorrt::abi {

// Null when TensorRT says that there is no such shape (a count below 0).
std::optional<Dims> FromAbi(const Dims64& dims);
std::optional<Dims> FromAbi(const Dims32& dims);

Dims64 ToDims64(const Dims& dims);
// Null when a dimension does not fit into 32 bits.
std::optional<Dims32> ToDims32(const Dims& dims);

}  // namespace trtnode::tensorrt::abi
