// Driver API: copies and fills, with every range checked both when the call is made and when the stream gets to it.
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "reference/cuda/machine.h"
#include "reference/faults.h"

namespace trtnode::reference {
namespace {

enum class Side { kDevice, kHost, kAny };  // what kind of address the call promises

void* ToPointer(CUdeviceptr address) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(address));
}

// A checked end of a copy. Pageable host memory belongs to no block.
struct End {
  char* pointer = nullptr;
  bool pageable = false;
};

CUresult Check(void* pointer, size_t size, Side side, End* end) {
  if (pointer == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto block = Machine::Get().memory.Find(pointer);
  if (block && !block->Covers(pointer, size)) return CUDA_ERROR_INVALID_VALUE;
  if (!block && side != Side::kHost && side != Side::kAny) return CUDA_ERROR_INVALID_VALUE;
  *end = {static_cast<char*>(pointer), block == nullptr};
  return CUDA_SUCCESS;
}

// What the GPU would do: memory that was freed since is an illegal address.
CUresult Still(const End& end, size_t size, std::shared_ptr<const Block>* hold) {
  if (end.pageable) return CUDA_SUCCESS;
  *hold = Machine::Get().memory.Find(end.pointer);
  return *hold && (*hold)->Covers(end.pointer, size) ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

Work CopyWork(End to, End from, size_t size) {
  return [=]() -> CUresult {
    std::shared_ptr<const Block> hold_to;
    std::shared_ptr<const Block> hold_from;
    if (const CUresult result = Still(to, size, &hold_to)) return result;
    if (const CUresult result = Still(from, size, &hold_from)) return result;
    std::memmove(to.pointer, from.pointer, size);
    return CUDA_SUCCESS;
  };
}

CUresult InjectedCopyFault() {
  const auto fault = Faults::Get().Hit("copy");
  return fault ? static_cast<CUresult>(*fault) : CUDA_SUCCESS;
}

// Runs the work on the stream and waits for it.
CUresult RunNow(Context& context, Stream& stream, Work work) {
  if (const CUresult result = CheckUnsafeCall()) return result;
  if (const CUresult result = SubmitOrRecord(stream, std::move(work))) return result;
  stream.Last().Wait();
  return context.Sticky();
}

CUresult CopyNow(void* to, Side to_side, const void* from, Side from_side, size_t size) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (const CUresult result = InjectedCopyFault()) return result;
  if (size == 0) return CUDA_SUCCESS;
  End to_end;
  End from_end;
  if (const CUresult result = Check(to, size, to_side, &to_end)) return result;
  if (const CUresult result = Check(const_cast<void*>(from), size, from_side, &from_end))
    return result;
  return RunNow(*context, *context->Legacy(), CopyWork(to_end, from_end, size));
}

CUresult CopyLater(void* to, Side to_side, const void* from, Side from_side, size_t size,
                   CUstream handle) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  const auto stream = FindStream(*context, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult result = InjectedCopyFault()) return result;
  if (size == 0) return CUDA_SUCCESS;
  End to_end;
  End from_end;
  if (const CUresult result = Check(to, size, to_side, &to_end)) return result;
  if (const CUresult result = Check(const_cast<void*>(from), size, from_side, &from_end))
    return result;
  const bool capturing = IsCapturing(*stream);
  if (from_end.pageable && !to_end.pageable && !capturing) {
    // The driver has staged pageable memory when the call returns, so the caller may change it.
    auto staged = std::make_shared<std::vector<char>>(from_end.pointer, from_end.pointer + size);
    const Work copy = CopyWork(to_end, {staged->data(), true}, size);
    return SubmitOrRecord(*stream, [staged, copy] { return copy(); });
  }
  if (const CUresult result = SubmitOrRecord(*stream, CopyWork(to_end, from_end, size)))
    return result;
  if (to_end.pageable && !capturing) {
    // Into pageable memory the driver returns only once the copy is done.
    stream->Last().Wait();
    return context->Sticky();
  }
  return CUDA_SUCCESS;
}

template <typename T>
Work FillWork(End end, T value, size_t count) {
  return [=]() -> CUresult {
    std::shared_ptr<const Block> hold;
    if (const CUresult result = Still(end, count * sizeof(T), &hold)) return result;
    auto* to = reinterpret_cast<T*>(end.pointer);
    for (size_t i = 0; i < count; ++i) to[i] = value;
    return CUDA_SUCCESS;
  };
}

template <typename T>
CUresult PrepareFill(Context& context, CUdeviceptr address, size_t count, End* end) {
  if (const CUresult result = InjectedCopyFault()) return result;
  if (address % sizeof(T) != 0 || count > SIZE_MAX / sizeof(T)) return CUDA_ERROR_INVALID_VALUE;
  if (count == 0) return CUDA_SUCCESS;
  const auto block = Machine::Get().memory.Find(ToPointer(address));
  if (block && block->OnDevice() && !context.Reaches(block->device())) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return Check(ToPointer(address), count * sizeof(T), Side::kDevice, end);
}

template <typename T>
CUresult FillLater(CUdeviceptr address, T value, size_t count, CUstream handle) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  const auto stream = FindStream(*context, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  End end;
  if (const CUresult result = PrepareFill<T>(*context, address, count, &end)) return result;
  return count == 0 ? CUDA_SUCCESS : SubmitOrRecord(*stream, FillWork(end, value, count));
}

}  // namespace

TRTNODE_REFERENCE_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t size) {
  return CopyNow(ToPointer(to), Side::kDevice, from, Side::kHost, size);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t size) {
  return CopyNow(to, Side::kHost, ToPointer(from), Side::kDevice, size);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size) {
  return CopyNow(ToPointer(to), Side::kDevice, ToPointer(from), Side::kDevice, size);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from,
                                                       size_t size, CUstream stream) {
  return CopyLater(ToPointer(to), Side::kDevice, from, Side::kHost, size, stream);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t size,
                                                       CUstream stream) {
  return CopyLater(to, Side::kHost, ToPointer(from), Side::kDevice, size, stream);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from,
                                                       size_t size, CUstream stream) {
  return CopyLater(ToPointer(to), Side::kDevice, ToPointer(from), Side::kDevice, size, stream);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t size,
                                                CUstream stream) {
  return CopyLater(ToPointer(to), Side::kAny, ToPointer(from), Side::kAny, size, stream);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context,
                                                    CUdeviceptr from, CUcontext from_context,
                                                    size_t size, CUstream stream) {
  Machine& machine = Machine::Get();
  const Context* to_device = machine.FindContext(to_context);
  const Context* from_device = machine.FindContext(from_context);
  if (to_device == nullptr || from_device == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  const auto lies_on = [&](CUdeviceptr address, const Context& context) {
    const auto block = machine.memory.Find(ToPointer(address));
    return block && block->OnDevice() && block->device() == context.ordinal();
  };
  if (size != 0 && (!lies_on(to, *to_device) || !lies_on(from, *from_device))) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CopyLater(ToPointer(to), Side::kDevice, ToPointer(from), Side::kDevice, size, stream);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemsetD8_v2(CUdeviceptr address, unsigned char value,
                                                size_t count) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  End end;
  if (const CUresult result = PrepareFill<unsigned char>(*context, address, count, &end))
    return result;
  return count == 0 ? CUDA_SUCCESS
                    : RunNow(*context, *context->Legacy(), FillWork(end, value, count));
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value,
                                                  size_t count, CUstream stream) {
  return FillLater(address, value, count, stream);
}

TRTNODE_REFERENCE_EXPORT CUresult cuMemsetD32Async(CUdeviceptr address, unsigned value,
                                                   size_t count, CUstream stream) {
  return FillLater(address, value, count, stream);
}

}  // namespace trtnode::reference
