// Driver API: primary contexts and the current-context stack.
#include "reference/cuda/machine.h"

namespace trtnode::reference {
namespace {

CUresult FindDevice(CUdevice device, Context** context) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (OnStreamThread()) return CUDA_ERROR_NOT_PERMITTED;
  *context = Machine::Get().Device(device);
  return *context == nullptr ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

// Null is a valid context to set: it means none.
CUresult FindContext(CUcontext handle, Context** context) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (OnStreamThread()) return CUDA_ERROR_NOT_PERMITTED;
  *context = handle == nullptr ? nullptr : Machine::Get().FindContext(handle);
  return handle != nullptr && (*context == nullptr || !(*context)->active())
             ? CUDA_ERROR_INVALID_CONTEXT
             : CUDA_SUCCESS;
}

}  // namespace

TRTNODE_REFERENCE_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* out, CUdevice device) {
  Context* context = nullptr;
  if (const CUresult result = FindDevice(device, &context)) return result;
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult sticky = context->Sticky()) return sticky;
  context->Retain();
  *out = context->handle();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  Context* context = nullptr;
  if (const CUresult result = FindDevice(device, &context)) return result;
  return context->Release() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  Context* context = nullptr;
  if (const CUresult result = FindDevice(device, &context)) return result;
  context->flags.store(flags);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags,
                                                             int* active) {
  Context* context = nullptr;
  if (const CUresult result = FindDevice(device, &context)) return result;
  if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = context->flags.load();
  *active = context->active() ? 1 : 0;
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuCtxSetCurrent(CUcontext handle) {
  Context* context = nullptr;
  if (const CUresult result = FindContext(handle, &context)) return result;
  auto& stack = ContextStack();
  if (!stack.empty()) stack.pop_back();
  if (context != nullptr) stack.push_back(context);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuCtxGetCurrent(CUcontext* out) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* current = CurrentContext();
  *out = current == nullptr ? nullptr : current->handle();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext handle) {
  Context* context = nullptr;
  if (const CUresult result = FindContext(handle, &context)) return result;
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  ContextStack().push_back(context);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext* out) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  auto& stack = ContextStack();
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (out != nullptr) *out = stack.back()->handle();
  stack.pop_back();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuCtxGetDevice(CUdevice* device) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* current = CurrentContext();
  if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  *device = current->ordinal();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuCtxSynchronize() {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (const CUresult result = CheckUnsafeCall()) return result;
  context->Synchronize();
  return context->Sticky();
}

TRTNODE_REFERENCE_EXPORT CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (least != nullptr) *least = kLeastPriority;
  if (greatest != nullptr) *greatest = kGreatestPriority;
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  Context* other = Machine::Get().FindContext(peer);
  if (other == nullptr || !other->active()) return CUDA_ERROR_INVALID_CONTEXT;
  if (other == context) return CUDA_ERROR_INVALID_DEVICE;
  return context->EnablePeer(other->ordinal()) ? CUDA_SUCCESS
                                               : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
}

}  // namespace trtnode::reference
