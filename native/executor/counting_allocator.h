// CountingAllocator: the GpuAllocator that users give: a limit and statistics over whatever the memory comes from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/status.h"
#include "cuda/buffer.h"
#include "cuda/context.h"
#include "tensorrt/gpu_allocator.h"

namespace trtnode::executor {

// Where the memory comes from. Any thread, several at once.
class DeviceMemorySource {
 public:
  virtual ~DeviceMemorySource() = default;
  virtual Result<void*> Allocate(std::size_t bytes, std::uint64_t alignment, std::uint32_t flags,
                                 void* stream) = 0;
  virtual bool Free(void* address, void* stream) = 0;
};

// The device itself: its memory pool in a stream's order, else cuMemAlloc.
std::unique_ptr<DeviceMemorySource> MakeDeviceSource(std::shared_ptr<cuda::PrimaryContext> context);

struct AllocatorStats {
  std::uint64_t allocated_bytes = 0, peak_bytes = 0;
  std::uint64_t allocations = 0, deallocations = 0, refusals = 0;
};

class CountingAllocator final : public tensorrt::GpuAllocator {
 public:
  // `limit`: of all that is allocated at a time, in bytes; 0: none.
  CountingAllocator(std::shared_ptr<cuda::PrimaryContext> context, std::uint64_t limit,
                    std::unique_ptr<DeviceMemorySource> source)
      : context_(std::move(context)), limit_(limit), source_(std::move(source)) {}

  void* Allocate(std::uint64_t bytes, std::uint64_t alignment, std::uint32_t flags,
                 void* stream) override;
  void* Reallocate(void* address, std::uint64_t alignment, std::uint64_t bytes) override;
  bool Deallocate(void* address, void* stream) override;

  AllocatorStats stats() const;
  const std::shared_ptr<cuda::PrimaryContext>& context() const noexcept { return context_; }

 private:
  Status CheckCapture(void* stream) const;
  Status Take(std::uint64_t bytes);  // counts them, or kOutOfMemory
  void Give(std::uint64_t bytes, bool never_had) noexcept;

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const std::uint64_t limit_;
  const std::unique_ptr<DeviceMemorySource> source_;
  mutable std::mutex mutex_;  // guards the next two; not held while the source works
  std::unordered_map<void*, std::uint64_t> sizes_;
  AllocatorStats stats_;
};

// A buffer whose memory `allocator` gives and gets back. kOutOfMemory with its reason.
Result<std::shared_ptr<cuda::DeviceBuffer>> AllocateFrom(
    const std::shared_ptr<tensorrt::GpuAllocator>& allocator,
    const std::shared_ptr<cuda::PrimaryContext>& context, std::size_t bytes);

}  // namespace trtnode::executor
