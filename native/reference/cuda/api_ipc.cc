// Driver API: memory and events for other processes.
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "reference/cuda/machine.h"
#include "reference/cuda/shared_event.h"

namespace trtnode::reference {
namespace {

void* ToPointer(CUdeviceptr address) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(address));
}

template <typename Handle>
Handle ToHandle(const SharedPlace& place) {
  Handle handle{};
  std::memcpy(handle.reserved, &place, sizeof(place));
  return handle;
}

template <typename Handle>
SharedPlace ToPlace(const Handle& handle) {
  SharedPlace place{};
  std::memcpy(&place, handle.reserved, sizeof(place));
  return place;
}

// Integrated devices have no IPC, as Jetson's.
CUresult EnterIpc(Context** context) {
  if (const CUresult result = Enter(context)) return result;
  return Machine::Get().integrated() ? CUDA_ERROR_NOT_SUPPORTED : CUDA_SUCCESS;
}

// What is open: a handle opened again gives the same address, and counts.
struct Opened {
  CUdeviceptr address = 0;
  size_t count = 0;
};
struct OpenedHandles {
  std::mutex mutex;
  std::map<std::pair<int, std::string>, Opened> open;  // by device and handle
};
OpenedHandles& GetOpened() {
  static OpenedHandles* const handles = new OpenedHandles;  // NOLINT: never destroyed
  return *handles;
}

}  // namespace

TRTNODE_REFERENCE_EXPORT CUresult cuIpcGetMemHandle(CUipcMemHandle* out, CUdeviceptr address) {
  Context* context = nullptr;
  if (const CUresult result = EnterIpc(&context)) return result;
  const auto block = Machine::Get().memory.Find(ToPointer(address));
  // Memory that came from another process is that process's to export.
  if (out == nullptr || !block || block->kind() != MemoryKind::kDevice) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *out = ToHandle<CUipcMemHandle>(block->shared()->place());
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr* out, CUipcMemHandle handle,
                                                        unsigned flags) {
  Context* context = nullptr;
  if (const CUresult result = EnterIpc(&context)) return result;
  constexpr unsigned kLazyEnablePeerAccess = 1;
  if (out == nullptr || flags != kLazyEnablePeerAccess) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = CheckUnsafeCall()) return result;
  OpenedHandles& handles = GetOpened();
  const std::lock_guard lock(handles.mutex);
  const std::pair key(context->ordinal(), std::string(handle.reserved, sizeof(handle.reserved)));
  MemoryRegistry& memory = Machine::Get().memory;
  Opened opened = handles.open.count(key) == 0 ? Opened{} : handles.open[key];
  if (opened.count == 0 || !memory.Find(ToPointer(opened.address))) {
    std::unique_ptr<SharedPiece> piece;
    if (const CUresult result = SharedPiece::Open(ToPlace(handle), &piece)) return result;
    opened = {memory.Import(context->ordinal(), std::move(piece)), 0};
  }
  ++opened.count;
  handles.open[key] = opened;
  *out = opened.address;
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr address) {
  Context* context = nullptr;
  if (const CUresult result = EnterIpc(&context)) return result;
  if (const CUresult result = CheckUnsafeCall()) return result;
  context->Synchronize();
  OpenedHandles& handles = GetOpened();
  const std::lock_guard lock(handles.mutex);
  for (auto it = handles.open.begin(); it != handles.open.end(); ++it) {
    if (it->second.count == 0 || it->second.address != address) continue;
    if (--it->second.count > 0) return CUDA_SUCCESS;
    handles.open.erase(it);
    return Machine::Get().memory.Release(ToPointer(address), MemoryKind::kImported);
  }
  return CUDA_ERROR_INVALID_VALUE;
}

TRTNODE_REFERENCE_EXPORT CUresult cuIpcGetEventHandle(CUipcEventHandle* out, CUevent handle) {
  Context* context = nullptr;
  if (const CUresult result = EnterIpc(&context)) return result;
  const auto event = Machine::Get().events.Find(handle);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  if (out == nullptr || !event->shared) return CUDA_ERROR_INVALID_VALUE;
  *out = ToHandle<CUipcEventHandle>(event->shared->place());
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuIpcOpenEventHandle(CUevent* out, CUipcEventHandle handle) {
  Context* context = nullptr;
  if (const CUresult result = EnterIpc(&context)) return result;
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<SharedEvent> shared;
  if (const CUresult result = SharedEvent::Open(ToPlace(handle), &shared)) return result;
  *out = Machine::Get().events.Add<CUevent>(std::make_shared<Event>(
      kEventInterprocess | kEventDisableTiming, context->ordinal(), std::move(shared)));
  return CUDA_SUCCESS;
}

}  // namespace trtnode::reference
