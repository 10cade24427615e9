// Stream: CUstream. Work in one stream runs in order, asynchronously to the host.
#pragma once

#include <cstddef>
#include <memory>

#include "core/status.h"
#include "cuda/context.h"
#include "cuda/event.h"
#include "cuda/graph.h"

namespace trtnode::cuda {

class Stream {
 public:
  // Does not synchronize with the default stream. `priority`: lower is more urgent; CUDA clamps it to the device's range.
  static Result<std::shared_ptr<Stream>> Create(std::shared_ptr<PrimaryContext> context,
                                                int priority);
  Stream(std::shared_ptr<PrimaryContext> context, abi::CUstream stream, int priority) noexcept;
  // Does not wait: what is in the stream still runs to its end.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  abi::CUstream handle() const noexcept { return stream_; }
  int priority() const noexcept { return priority_; }
  const std::shared_ptr<PrimaryContext>& context() const noexcept { return context_; }

  Result<bool> Query() const;  // true: everything is done
  Status Synchronize() const;
  Status Wait(const Event& event) const;
  Status Record(const Event& event) const;

  // `mode`: 0 global, 1 thread local, 2 relaxed.
  Status BeginCapture(int mode) const;
  Result<std::shared_ptr<Graph>> EndCapture() const;
  Result<bool> Capturing() const;

  // None waits; the memory stays the caller's until the stream has passed. Ranges were checked by the caller; 0 bytes do nothing.
  // They expect the stream's context to be current (ContextGuard): they are called in a row.
  Status CopyToDevice(abi::CUdeviceptr to, const void* from, std::size_t bytes) const;
  Status CopyToHost(void* to, abi::CUdeviceptr from, std::size_t bytes) const;
  Status CopyOnDevice(abi::CUdeviceptr to, abi::CUdeviceptr from, std::size_t bytes) const;
  // `from` on another device: the stream is of one of the two.
  Status CopyBetween(const PrimaryContext& to_context, abi::CUdeviceptr to,
                     const PrimaryContext& from_context, abi::CUdeviceptr from,
                     std::size_t bytes) const;
  Status Fill(abi::CUdeviceptr to, unsigned char value, std::size_t bytes) const;

 private:
  const std::shared_ptr<PrimaryContext> context_;
  const abi::CUstream stream_;
  const int priority_;
};

}  // namespace trtnode::cuda
