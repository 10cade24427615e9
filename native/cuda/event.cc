// Events.
#include "cuda/event.h"

#include <utility>

namespace trtnode::cuda {

Result<std::shared_ptr<Event>> Event::Create(std::shared_ptr<PrimaryContext> context, bool timing,
                                             bool blocking_sync, bool interprocess) {
  const ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  const unsigned flags = (timing ? 0U : abi::kEventDisableTiming) |
                         (blocking_sync ? abi::kEventBlockingSync : 0U) |
                         (interprocess ? abi::kEventInterprocess : 0U);
  abi::CUevent event = nullptr;
  RETURN_IF_ERROR(
      context->driver().Check(context->f().cuEventCreate(&event, flags), "cuEventCreate"));
  return std::make_shared<Event>(std::move(context), event);
}

Event::Event(std::shared_ptr<PrimaryContext> context, abi::CUevent event) noexcept
    : context_(std::move(context)), event_(event) {}

Event::~Event() {
  const ContextGuard guard(*context_);
  context_->f().cuEventDestroy_v2(event_);
}

Result<bool> Event::Query() const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  const abi::CUresult result = context_->f().cuEventQuery(event_);
  if (result == abi::kNotReady) return false;
  RETURN_IF_ERROR(context_->driver().Check(result, "cuEventQuery"));
  return true;
}

Status Event::Synchronize() const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  return context_->driver().Check(context_->f().cuEventSynchronize(event_), "cuEventSynchronize");
}

Result<float> Event::MillisecondsSince(const Event& start) const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  float milliseconds = 0;
  const abi::CUresult result =
      context_->f().cuEventElapsedTime(&milliseconds, start.event_, event_);
  Status status = context_->driver().Check(result, "cuEventElapsedTime");
  if (!status.ok() && result != abi::kSuccess && status.error().hint.empty()) {
    status.error().hint = result == abi::kNotReady
                              ? "Wait for the later event (synchronize) before asking for the time."
                              : "Both events need timing and must have been recorded in a stream.";
  }
  RETURN_IF_ERROR(std::move(status));
  return milliseconds;
}

}  // namespace trtnode::cuda
