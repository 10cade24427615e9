// Device memory that the runtime itself takes: weights and activations, from the application's allocator if there is one.
#pragma once

#include <cstddef>
#include <memory>

#include "reference/abi/app.h"

namespace trtnode::reference {

// The CUDA context that TensorRT's calls use: the current one, or device 0's primary context, retained for good, as the
// CUDA runtime does. Null if there is no usable device.
class Context;
Context* RuntimeContext();

class DeviceMemory {
 public:
  // Null if there is not enough. A size of 0 gives an object that holds nothing.
  static std::unique_ptr<DeviceMemory> Allocate(size_t size, IGpuAllocator* allocator);
  ~DeviceMemory();
  void* pointer() const { return pointer_; }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

 private:
  DeviceMemory(void* pointer, IGpuAllocator* allocator)
      : pointer_(pointer), allocator_(allocator) {}

  void* pointer_;
  IGpuAllocator* allocator_;
};

}  // namespace trtnode::reference
