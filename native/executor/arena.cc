// Growing arenas.
#include "executor/arena.h"

#include <algorithm>
#include <utility>

namespace trtnode::executor {
namespace {

// Up to here the memory for the largest shapes is taken at once: growing again costs more than it would save.
constexpr std::size_t kSmall = std::size_t{16} << 20;

// Allocates with room to grow; under memory pressure what is needed must do.
template <typename Buffer, typename Allocate>
Status Reserve(std::shared_ptr<Buffer>& buffer, std::atomic<std::uint64_t>& account,
               std::size_t bytes, std::size_t profile_max, Allocate allocate) {
  const std::size_t capacity = buffer != nullptr ? buffer->bytes() : 0;
  if (buffer != nullptr && bytes <= capacity) return {};
  buffer.reset();  // first, so that old and new need not fit together
  account = 0;
  const std::size_t grown = Arena::Grown(bytes, capacity, profile_max);
  Result<std::shared_ptr<Buffer>> result = allocate(grown);
  if (!result.ok() && result.error().code == ErrorCode::kOutOfMemory && grown > bytes) {
    result = allocate(bytes);
  }
  if (!result.ok()) return result.TakeStatus();
  buffer = result.Take();
  account = buffer->bytes();
  return {};
}

}  // namespace

std::size_t Arena::Grown(std::size_t bytes, std::size_t capacity,
                         std::size_t profile_max) noexcept {
  if (profile_max >= bytes && profile_max <= kSmall) return profile_max;
  const std::size_t geometric = std::max(bytes, capacity + capacity / 2);
  return profile_max >= bytes ? std::min(geometric, profile_max) : geometric;
}

Status Arena::ReservePinned(std::size_t bytes, std::size_t profile_max) {
  return Reserve(pinned_, pinned_bytes_, bytes, profile_max, [this](std::size_t size) {
    return cuda::PinnedBuffer::Allocate(context_, size, zero_copy_);
  });
}

Status Arena::ReserveDevice(std::size_t bytes, std::size_t profile_max) {
  if (zero_copy_) return ReservePinned(bytes, profile_max);
  return Reserve(device_, device_bytes_, bytes, profile_max,
                 [this](std::size_t size) { return cuda::DeviceBuffer::Allocate(context_, size); });
}

}  // namespace trtnode::executor
