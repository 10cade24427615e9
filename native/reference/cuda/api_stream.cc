// Driver API: streams, host functions, and writes and waits on 32-bit flags.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "reference/cuda/machine.h"
#include "reference/exit_gate.h"
#include "reference/faults.h"

namespace trtnode::reference {
namespace {

// Enter, and the stream behind the handle.
CUresult EnterStream(CUstream handle, Context** context, std::shared_ptr<Stream>* stream) {
  if (const CUresult result = Enter(context)) return result;
  *stream = FindStream(**context, handle);
  return *stream ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// The flag behind an address, if it is one: aligned, and in memory that a device sees.
CUresult FindFlag(CUdeviceptr address, uint32_t** out) {
  auto* flag = reinterpret_cast<uint32_t*>(static_cast<uintptr_t>(address));
  const auto block = Machine::Get().memory.Find(flag);
  if (!block || !block->Covers(flag, sizeof(*flag)) || address % sizeof(*flag) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  *out = flag;
  return CUDA_SUCCESS;
}

// CUstreamWaitValue_flags: 0 greater or equal (cyclic), 1 equal, 2 and, 3 nor.
bool Satisfied(uint32_t found, uint32_t value, unsigned condition) {
  switch (condition) {
    case 0:
      return static_cast<int32_t>(found - value) >= 0;
    case 1:
      return found == value;
    case 2:
      return (found & value) != 0;
    default:
      return ~(found | value) != 0;
  }
}

}  // namespace

TRTNODE_REFERENCE_EXPORT CUresult cuStreamCreateWithPriority(CUstream* out, unsigned flags,
                                                             int priority) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (out == nullptr || (flags & ~kStreamNonBlocking) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (Faults::Get().Hit("stream")) return CUDA_ERROR_OUT_OF_MEMORY;
  // Out-of-range priorities are clamped, as the driver does.
  *out = Machine::Get().streams.Add<CUstream>(
      context->CreateStream(flags, std::clamp(priority, kGreatestPriority, kLeastPriority)));
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamCreate(CUstream* out, unsigned flags) {
  return cuStreamCreateWithPriority(out, flags, kLeastPriority);
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamDestroy_v2(CUstream handle) {
  Context* context = nullptr;
  const CUresult entered = Enter(&context);
  if (context == nullptr) return entered;
  const auto stream = Machine::Get().streams.Remove(handle);
  if (!stream) return entered != CUDA_SUCCESS ? entered : CUDA_ERROR_INVALID_HANDLE;
  {
    const std::lock_guard lock(CaptureMutex());
    if (const auto capture = stream->capture) {
      capture->Invalidate();
      if (capture->origin() == stream) {
        capture->Detach(capture);
      } else {
        capture->Drop(*stream);
        stream->capture.reset();
      }
    }
  }
  // After a sticky error the stream goes away all the same: leaving its thread behind would help nobody.
  stream->context().Forget(*stream);
  stream->Close();
  return entered;
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamSynchronize(CUstream handle) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  if (const CUresult result = RefuseCapturing(*stream)) return result;
  if (stream->context().IsLegacy(*stream)) {
    // Only an item of its own carries the legacy stream's implicit wait for the others.
    stream->context().Submit(*stream, [] { return CUDA_SUCCESS; }).Wait();
  } else {
    stream->Last().Wait();
  }
  return stream->context().Sticky();
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamQuery(CUstream handle) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  if (const CUresult result = RefuseCapturing(*stream)) return result;
  if (!stream->Last().Reached()) return CUDA_ERROR_NOT_READY;
  return stream->context().Sticky();
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamGetPriority(CUstream handle, int* priority) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  if (priority == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *priority = stream->priority();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function,
                                                   void* user_data) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  if (function == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return SubmitOrRecord(*stream, [function, user_data] {
    function(user_data);
    return CUDA_SUCCESS;
  });
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamWriteValue32_v2(CUstream handle, CUdeviceptr address,
                                                          uint32_t value, unsigned flags) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  constexpr unsigned kNoMemoryBarrier = 1;
  uint32_t* flag = nullptr;
  if (Faults::Get().Hit("memop")) return CUDA_ERROR_NOT_SUPPORTED;
  if ((flags & ~kNoMemoryBarrier) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = FindFlag(address, &flag)) return result;
  return SubmitOrRecord(*stream, [flag, value]() -> CUresult {
    const auto hold = Machine::Get().memory.Find(flag);
    if (!hold) return CUDA_ERROR_ILLEGAL_ADDRESS;
    std::atomic_ref(*flag).store(value, std::memory_order_release);
    return CUDA_SUCCESS;
  });
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamWaitValue32_v2(CUstream handle, CUdeviceptr address,
                                                         uint32_t value, unsigned flags) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  constexpr unsigned kLastCondition = 3;
  uint32_t* flag = nullptr;
  if (Faults::Get().Hit("memop")) return CUDA_ERROR_NOT_SUPPORTED;
  if (flags > kLastCondition) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = FindFlag(address, &flag)) return result;
  return SubmitOrRecord(*stream, [flag, value, flags]() -> CUresult {
    const auto hold = Machine::Get().memory.Find(flag);
    if (!hold) return CUDA_ERROR_ILLEGAL_ADDRESS;
    while (!Satisfied(std::atomic_ref(*flag).load(std::memory_order_acquire), value, flags)) {
      ExitGate::ParkIfExiting();
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
    return CUDA_SUCCESS;
  });
}

}  // namespace trtnode::reference
