// DevicePool: device buffers that come back when their last owner lets go: outputs that stay on the device cost no cuMemAlloc and no
// cuMemFree (which waits for the device) in steady state.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/status.h"
#include "cuda/buffer.h"

namespace trtnode::executor {

// Any thread. Buffers may outlive their pool.
class DevicePool : public std::enable_shared_from_this<DevicePool> {
 public:
  explicit DevicePool(std::shared_ptr<cuda::PrimaryContext> context) noexcept
      : context_(std::move(context)) {}

  // At least `bytes`; the one that came back last, if it is large enough and not wastefully so.
  Result<std::shared_ptr<cuda::DeviceBuffer>> Acquire(std::size_t bytes);
  std::uint64_t bytes() const noexcept { return idle_bytes_.load(); }  // of idle buffers

 private:
  void Return(std::shared_ptr<cuda::DeviceBuffer> buffer) noexcept;

  const std::shared_ptr<cuda::PrimaryContext> context_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<cuda::DeviceBuffer>> idle_;
  std::atomic<std::uint64_t> idle_bytes_{0};
};

}  // namespace trtnode::executor
