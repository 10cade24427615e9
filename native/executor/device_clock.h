// DeviceClock: places CUDA events on the host's clock.
#pragma once

#include <cstdint>
#include <memory>

#include "core/status.h"
#include "cuda/event.h"
#include "cuda/stream.h"

namespace trtnode::executor {

class DeviceClock {
 public:
  static Result<std::unique_ptr<DeviceClock>> Create(
      const std::shared_ptr<cuda::PrimaryContext>& context);
  DeviceClock(std::shared_ptr<cuda::Stream> stream, std::shared_ptr<cuda::Event> base) noexcept
      : stream_(std::move(stream)), base_(std::move(base)) {}

  // Takes the base event anew if it is old: the difference of two events is a float, which grows coarse.
  Status Refresh();
  const cuda::Event& base() const noexcept { return *base_; }
  // Now() at the base event, to some microseconds.
  std::int64_t base_time() const noexcept { return base_time_; }

 private:
  const std::shared_ptr<cuda::Stream> stream_;
  const std::shared_ptr<cuda::Event> base_;
  std::int64_t base_time_ = 0;
};

}  // namespace trtnode::executor
