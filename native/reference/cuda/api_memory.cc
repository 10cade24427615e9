// Driver API: device, pinned and registered memory, and what an address belongs to.
#include <functional>

#include "reference/cuda/machine.h"
#include "reference/faults.h"

namespace trtnode::reference {
namespace {

void* ToPointer(CUdeviceptr address) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(address));
}
CUdeviceptr ToAddress(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

CUresult Allocate(Context& context, CUdeviceptr* out, size_t bytes) {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (Faults::Get().Hit("alloc")) return CUDA_ERROR_OUT_OF_MEMORY;
  void* pointer = nullptr;
  const CUresult result = Machine::Get().memory.AllocateDevice(
      context.ordinal(), Machine::Get().total_memory(), bytes, &pointer);
  if (result == CUDA_SUCCESS) *out = ToAddress(pointer);
  return result;
}

}  // namespace

TRTNODE_REFERENCE_EXPORT CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (free == nullptr || total == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *total = Machine::Get().total_memory();
  *free = *total - Machine::Get().memory.Used(context->ordinal());
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* out, size_t bytes) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (const CUresult result = CheckUnsafeCall()) return result;
  return Allocate(*context, out, bytes);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemFree_v2(CUdeviceptr address) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (address == 0) return CUDA_SUCCESS;
  if (const CUresult result = CheckUnsafeCall()) return result;
  // As on a GPU, freeing waits for the device: work under way may still use the memory.
  context->Synchronize();
  return Machine::Get().memory.Release(ToPointer(address), MemoryKind::kDevice);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemAllocAsync(CUdeviceptr* out, size_t bytes, CUstream handle) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  const auto stream = FindStream(*context, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  // Graph memory nodes are left out: an allocation made while capturing would belong to the graph.
  if (const CUresult result = RefuseCapturing(*stream)) return result;
  return Allocate(*context, out, bytes);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  const auto stream = FindStream(*context, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (address == 0) return CUDA_SUCCESS;
  if (const CUresult result = RefuseCapturing(*stream)) return result;
  const auto block = Machine::Get().memory.Find(ToPointer(address));
  if (!block || block->base() != address || block->kind() != MemoryKind::kDevice)
    return CUDA_ERROR_INVALID_VALUE;
  return SubmitOrRecord(*stream, [pointer = ToPointer(address)] {
    Machine::Get().memory.Release(pointer, MemoryKind::kDevice);
    return CUDA_SUCCESS;
  });
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemHostAlloc(void** out, size_t bytes, unsigned flags) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  constexpr unsigned kAllFlags = 7;  // portable, device map, write combined
  if (out == nullptr || (flags & ~kAllFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = CheckUnsafeCall()) return result;
  if (Faults::Get().Hit("pinned")) return CUDA_ERROR_OUT_OF_MEMORY;
  return Machine::Get().memory.AllocatePinned(context->ordinal(), bytes, out);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemFreeHost(void* pointer) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (pointer == nullptr) return CUDA_SUCCESS;
  if (const CUresult result = CheckUnsafeCall()) return result;
  context->Synchronize();
  return Machine::Get().memory.Release(pointer, MemoryKind::kPinned);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* out, void* pointer,
                                                               unsigned flags) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (out == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  const auto block = Machine::Get().memory.Find(pointer);
  if (!block || block->OnDevice()) return CUDA_ERROR_INVALID_VALUE;
  *out = ToAddress(pointer);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemHostRegister_v2(void* pointer, size_t bytes,
                                                       unsigned flags) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  constexpr unsigned kAllFlags = 15;  // portable, device map, I/O memory, read only
  if ((flags & ~kAllFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = CheckUnsafeCall()) return result;
  return Machine::Get().memory.Register(context->ordinal(), pointer, bytes);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemHostUnregister(void* pointer) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (const CUresult result = CheckUnsafeCall()) return result;
  context->Synchronize();
  return Machine::Get().memory.Release(pointer, MemoryKind::kRegistered);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* size,
                                                          CUdeviceptr address) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  const auto block = Machine::Get().memory.Find(ToPointer(address));
  if (!block || !block->OnDevice()) return CUDA_ERROR_INVALID_VALUE;
  if (base != nullptr) *base = block->base();
  if (size != nullptr) *size = block->size();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuPointerGetAttribute(void* out, int attribute,
                                                        CUdeviceptr address) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto block = Machine::Get().memory.Find(ToPointer(address));
  if (!block) return CUDA_ERROR_INVALID_VALUE;
  constexpr unsigned kMemoryTypeHost = 1;
  constexpr unsigned kMemoryTypeDevice = 2;
  const bool device = block->OnDevice();
  switch (attribute) {
    case 1:  // CONTEXT
      *static_cast<CUcontext*>(out) = Machine::Get().Device(block->device())->handle();
      return CUDA_SUCCESS;
    case 2:  // MEMORY_TYPE
      *static_cast<unsigned*>(out) = device ? kMemoryTypeDevice : kMemoryTypeHost;
      return CUDA_SUCCESS;
    case 3:  // DEVICE_POINTER
      *static_cast<CUdeviceptr*>(out) = address;
      return CUDA_SUCCESS;
    case 4:  // HOST_POINTER
      if (device) return CUDA_ERROR_INVALID_VALUE;
      *static_cast<void**>(out) = ToPointer(address);
      return CUDA_SUCCESS;
    case 8:  // IS_MANAGED
      *static_cast<unsigned*>(out) = 0;
      return CUDA_SUCCESS;
    case 9:  // DEVICE_ORDINAL
      *static_cast<int*>(out) = block->device();
      return CUDA_SUCCESS;
    case 11:  // RANGE_START_ADDR
      *static_cast<CUdeviceptr*>(out) = block->base();
      return CUDA_SUCCESS;
    case 12:  // RANGE_SIZE
      *static_cast<size_t*>(out) = block->size();
      return CUDA_SUCCESS;
    case 13:  // MAPPED
      *static_cast<unsigned*>(out) = 1;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace trtnode::reference
