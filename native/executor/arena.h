// Arena: a slot's memory for its inputs or its outputs, once in pinned host memory and once on the device, at the same offsets,
// so that neighbours are copied in one piece. Grown when a run needs more, never shrunk: in steady state nothing is allocated.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/status.h"
#include "cuda/buffer.h"

namespace trtnode::executor {

class Arena {
 public:
  // `zero_copy`: the pinned memory is the device's as well.
  Arena(std::shared_ptr<cuda::PrimaryContext> context, bool zero_copy) noexcept
      : context_(std::move(context)), zero_copy_(zero_copy) {}

  // No work that uses the memory may be in flight. `profile_max` (0: unknown): what the largest shapes would need; taken at
  // once where that is small.
  Status ReservePinned(std::size_t bytes, std::size_t profile_max);
  Status ReserveDevice(std::size_t bytes, std::size_t profile_max);

  // Null, 0: nothing was reserved yet.
  std::byte* pinned() const noexcept { return pinned_ != nullptr ? pinned_->data() : nullptr; }
  cuda::abi::CUdeviceptr device() const noexcept {
    if (zero_copy_) return pinned_ != nullptr ? pinned_->device_address() : 0;
    return device_ != nullptr ? device_->address() : 0;
  }
  const std::shared_ptr<cuda::PinnedBuffer>& pinned_buffer() const noexcept { return pinned_; }

  std::uint64_t pinned_bytes() const noexcept { return pinned_bytes_.load(); }  // any thread
  std::uint64_t device_bytes() const noexcept { return device_bytes_.load(); }

  // How much to allocate where `capacity` is too little for `bytes`.
  static std::size_t Grown(std::size_t bytes, std::size_t capacity,
                           std::size_t profile_max) noexcept;

 private:
  const std::shared_ptr<cuda::PrimaryContext> context_;
  const bool zero_copy_;
  std::shared_ptr<cuda::PinnedBuffer> pinned_;
  std::shared_ptr<cuda::DeviceBuffer> device_;
  std::atomic<std::uint64_t> pinned_bytes_{0};
  std::atomic<std::uint64_t> device_bytes_{0};
};

}  // namespace trtnode::executor
