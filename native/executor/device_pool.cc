// Keeping device buffers for the next run.
#include "executor/device_pool.h"

#include <utility>

namespace trtnode::executor {
namespace {

constexpr std::size_t kMostIdle = 16;

}  // namespace

Result<std::shared_ptr<cuda::DeviceBuffer>> DevicePool::Acquire(std::size_t bytes) {
  std::shared_ptr<cuda::DeviceBuffer> buffer;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = idle_.size(); i-- > 0 && buffer == nullptr;) {
      const std::size_t has = idle_[i]->bytes();
      if (has < bytes || has / 2 > bytes + 4096) continue;
      buffer = std::move(idle_[i]);
      idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
      idle_bytes_ -= has;
    }
  }
  if (buffer == nullptr) {
    ASSIGN_OR_RETURN(buffer, cuda::DeviceBuffer::Allocate(context_, bytes));
  }
  cuda::DeviceBuffer* memory = buffer.get();
  // The deleter holds the buffer: dropping the last reference hands it back instead of freeing it.
  return std::shared_ptr<cuda::DeviceBuffer>(
      memory, [held = std::move(buffer), pool = weak_from_this()](cuda::DeviceBuffer*) mutable {
        if (const auto alive = pool.lock()) alive->Return(std::move(held));
      });
}

void DevicePool::Return(std::shared_ptr<cuda::DeviceBuffer> buffer) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (idle_.size() >= kMostIdle) return;
    const std::size_t bytes = buffer->bytes();
    idle_.push_back(std::move(buffer));
    idle_bytes_ += bytes;
  } catch (...) {  // no memory to remember it: it is freed
  }
}

}  // namespace trtnode::executor
