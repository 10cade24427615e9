// Takes and returns the runtime's own device memory.
#include "reference/runtime/device_memory.h"

#include <mutex>

#include "reference/cuda/machine.h"
#include "reference/faults.h"

namespace trtnode::reference {
namespace {

constexpr uint64_t kAlignment = 256;

}  // namespace

Context* RuntimeContext() {
  Machine& machine = Machine::Get();
  if (machine.Initialize() != CUDA_SUCCESS) return nullptr;
  Context* current = CurrentContext();
  if (current != nullptr && current->active()) return current;
  Context* first = machine.Device(0);
  static std::once_flag retained;
  std::call_once(retained, [&] { first->Retain(); });
  return first;
}

std::unique_ptr<DeviceMemory> DeviceMemory::Allocate(size_t size, IGpuAllocator* allocator) {
  void* pointer = nullptr;
  if (size != 0) {
    if (allocator != nullptr) {
      pointer = allocator->allocateAsync(size, kAlignment, 0, nullptr);
    } else {
      Context* context = RuntimeContext();
      if (context == nullptr || context->Sticky() != CUDA_SUCCESS || Faults::Get().Hit("alloc"))
        return nullptr;
      Machine& machine = Machine::Get();
      machine.memory.AllocateDevice(context->ordinal(), machine.total_memory(), size, &pointer);
    }
    if (pointer == nullptr) return nullptr;
  }
  return std::unique_ptr<DeviceMemory>(
      new DeviceMemory(pointer, allocator));  // NOLINT: the constructor is private
}

DeviceMemory::~DeviceMemory() {
  if (pointer_ == nullptr) return;
  if (allocator_ != nullptr) {
    allocator_->deallocateAsync(pointer_, nullptr);
  } else {
    // Fails only when the device's context, and all memory with it, is gone already.
    Machine::Get().memory.Release(pointer_, MemoryKind::kDevice);
  }
}

}  // namespace trtnode::reference
