// ActivationPool: device memory for the activations of execution contexts, lent to one run at a time. Slots, and sessions that
// share a pool, need as much as runs at once, not the sum of all.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/status.h"
#include "cuda/buffer.h"

namespace trtnode::executor {

class ActivationPool {
 public:
  // Stays where it is as long as the pool lives; its memory is exchanged only while nobody holds it.
  class Block {
   public:
    void* memory() const noexcept { return memory_ != nullptr ? memory_->pointer() : nullptr; }
    std::size_t bytes() const noexcept { return memory_ != nullptr ? memory_->bytes() : 0; }

   private:
    friend class ActivationPool;
    std::shared_ptr<cuda::DeviceBuffer> memory_;
    std::atomic<bool> in_use_{false};
  };

  using Allocate = std::function<Result<std::shared_ptr<cuda::DeviceBuffer>>(std::size_t bytes)>;

  // `allocate`: where its memory comes from; default: the device.
  explicit ActivationPool(std::shared_ptr<cuda::PrimaryContext> context,
                          Allocate allocate = {}) noexcept
      : context_(std::move(context)), allocate_(std::move(allocate)) {}

  // A block of at least `bytes` that is the caller's until Release: `preferred` (may be null) if it is free and large enough,
  // else another free one, else a free one grown, else a new one. May allocate and, when it grows one, wait for the device.
  Result<Block*> Acquire(std::size_t bytes, Block* preferred);
  // The block that was held before, if it is free and still has its memory at `memory`. Never waits.
  static bool TryAcquire(Block& block, const void* memory) noexcept;
  static void Release(Block& block) noexcept { block.in_use_.store(false); }

  const std::shared_ptr<cuda::PrimaryContext>& context() const noexcept { return context_; }
  std::uint64_t bytes() const noexcept { return bytes_.load(); }  // any thread

 private:
  Status Grow(Block& block, std::size_t bytes);

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const Allocate allocate_;
  std::mutex mutex_;  // one Acquire at a time
  std::vector<std::unique_ptr<Block>> blocks_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace trtnode::executor
