// Resource: the native side of a handle; Reaper: the thread that frees what the garbage collector found.
#pragma once

#include <memory>

#include "cuda/context.h"
#include "napi/kind.h"

namespace trtnode::napi {

// Held by the handle, by the handles made from it, and by work that uses it; freed with the last of them, on any thread.
struct Resource {
  Resource(Kind kind, std::shared_ptr<cuda::PrimaryContext> cuda_context) noexcept
      : token(kind), context(std::move(cuda_context)) {}
  virtual ~Resource() = default;
  Resource(const Resource&) = delete;
  Resource& operator=(const Resource&) = delete;

  const LiveToken token;
  const std::shared_ptr<cuda::PrimaryContext> context;  // null where no CUDA is involved
};

// Lets go of a resource on a thread of its own: freeing may wait for the device, which no finalizer may do.
// The thread is the process's, made at the first use, and never ends.
void FreeLater(std::shared_ptr<Resource> resource) noexcept;
// Waits until everything handed over before has been let go.
void FlushFreed() noexcept;

}  // namespace trtnode::napi
