// CUDA IPC: device memory and events that other processes of this machine open by a handle of 64 bytes, without a copy.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "core/status.h"
#include "cuda/buffer.h"
#include "cuda/event.h"

namespace trtnode::cuda {

using IpcHandle = std::array<std::byte, 64>;

struct ExportedMemory {
  IpcHandle handle{};
  std::size_t offset = 0;  // of the buffer in the allocation that the handle stands for
};

// kUnsupported: memory of a kind, or a device, that cannot be shared.
Result<ExportedMemory> ExportMemory(const DeviceBuffer& buffer);
// `bytes` from `offset` of the allocation; none: all that is left. The same handle opened again gives the same addresses; it is closed
// with the last buffer over it. kInvalidArgument: the handle is this process's own, or the allocation has not as many bytes.
Result<std::shared_ptr<DeviceBuffer>> ImportMemory(std::shared_ptr<PrimaryContext> context,
                                                   const IpcHandle& handle, std::size_t offset,
                                                   std::optional<std::size_t> bytes);

Result<IpcHandle> ExportEvent(const Event& event);
Result<std::shared_ptr<Event>> ImportEvent(std::shared_ptr<PrimaryContext> context,
                                           const IpcHandle& handle);

}  // namespace trtnode::cuda
