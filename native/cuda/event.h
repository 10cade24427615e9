// Event: CUevent. A mark in a stream that can be asked, waited for and timed.
#pragma once

#include <memory>

#include "core/status.h"
#include "cuda/context.h"

namespace trtnode::cuda {

class Event {
 public:
  // `blocking_sync`: Synchronize sleeps (some 50 µs to wake) instead of spinning.
  // `interprocess`: other processes can open it by its handle; needs to be without timing.
  static Result<std::shared_ptr<Event>> Create(std::shared_ptr<PrimaryContext> context, bool timing,
                                               bool blocking_sync, bool interprocess = false);
  Event(std::shared_ptr<PrimaryContext> context, abi::CUevent event) noexcept;
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  abi::CUevent handle() const noexcept { return event_; }
  const std::shared_ptr<PrimaryContext>& context() const noexcept { return context_; }

  Result<bool> Query() const;  // true: all work before the mark is done
  Status Synchronize() const;
  // Both must have been recorded, with timing, and be done.
  Result<float> MillisecondsSince(const Event& start) const;

 private:
  const std::shared_ptr<PrimaryContext> context_;
  const abi::CUevent event_;
};

}  // namespace trtnode::cuda
