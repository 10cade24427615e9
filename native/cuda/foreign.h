// Device memory that another library of this process has allocated, used where it is.
#pragma once

#include <cstddef>
#include <memory>

#include "core/status.h"
#include "cuda/buffer.h"

namespace trtnode::cuda {

// Ok when the first and the last of `bytes` at `address` are device memory of the context's device. (Not the range's borders: memory
// that was mapped piece by piece has several.)
Status CheckDeviceMemory(const PrimaryContext& context, abi::CUdeviceptr address,
                         std::size_t bytes);

}  // namespace trtnode::cuda
