// Marking the end of a run, and looking for the mark.
#include "executor/signal.h"

#include <thread>
#include <utility>

#include "executor/clock.h"
#include "executor/cpus.h"

namespace trtnode::executor {
namespace {

// How often a wait asks the driver whether the run has failed, in which case no word is written.
constexpr std::int64_t kAskDriver = 200'000;

}  // namespace

Result<std::unique_ptr<Signal>> Signal::Create(std::shared_ptr<cuda::Stream> stream,
                                               Completion completion) {
  const std::shared_ptr<cuda::PrimaryContext>& context = stream->context();
  const cuda::abi::Functions& f = context->f();
  std::shared_ptr<cuda::PinnedBuffer> page;
  if (f.cuMemHostGetDevicePointer_v2 != nullptr && f.cuStreamWriteValue32_v2 != nullptr) {
    ASSIGN_OR_RETURN(page, cuda::PinnedBuffer::Allocate(context, 64, true));
  }
  return std::make_unique<Signal>(std::move(stream), completion, std::move(page));
}

Signal::Signal(std::shared_ptr<cuda::Stream> stream, Completion completion,
               std::shared_ptr<cuda::PinnedBuffer> page) noexcept
    : stream_(std::move(stream)), completion_(completion), page_(std::move(page)) {}

bool Signal::notifies() const noexcept {
  return completion_ == Completion::kBlock && notify_.call != nullptr &&
         stream_->context()->f().cuLaunchHostFunc != nullptr;
}

void Signal::Arm(Mark mark) noexcept {
  // Seldom another one than before: then the memory is not written to, which would take it from those who look at it.
  if (mark_.load(std::memory_order_relaxed) != mark) mark_.store(mark, std::memory_order_release);
}

void Signal::OnHost(void* self) noexcept {
  const Notify notify = static_cast<Signal*>(self)->notify_;
  notify.call(notify.data);
}

Status Signal::LaunchHostFunction() {
  const cuda::PrimaryContext& context = *stream_->context();
  return context.driver().Check(context.f().cuLaunchHostFunc(stream_->handle(), OnHost, this),
                                "cuLaunchHostFunc");
}

Signal::Mark Signal::EmitCaptured(bool word) {
  if (notifies()) {
    (void)LaunchHostFunction().ok();  // a failure breaks the capture, whose end tells
    return Mark::kStream;
  }
  if (!word || !has_word()) return Mark::kStream;
  const cuda::abi::CUresult result = stream_->context()->f().cuStreamWriteValue32_v2(
      stream_->handle(), page_->device_address(), 1, cuda::abi::kStreamWriteValueDefault);
  return result == cuda::abi::kSuccess ? Mark::kWord : Mark::kStream;
}

Status Signal::Emit() { return notifies() ? LaunchHostFunction() : Status(); }

Result<bool> Signal::Done(bool ask_driver) const {
  if (mark_.load(std::memory_order_acquire) == Mark::kWord) {
    if (word().load(std::memory_order_acquire) != 0) return true;
    if (!ask_driver) return false;
  }
  return stream_->Query();
}

Status Signal::Wait(bool blocking) const {
  if (blocking || !MaySpin()) return stream_->Synchronize();
  if (mark_.load(std::memory_order_relaxed) == Mark::kStream) {
    // Nothing but the question, so that the answer comes soon.
    const cuda::PrimaryContext& context = *stream_->context();
    cuda::abi::CUresult result = cuda::abi::kNotReady;
    while (result == cuda::abi::kNotReady) result = context.f().cuStreamQuery(stream_->handle());
    return context.driver().Check(result, "cuStreamQuery");
  }
  std::int64_t ask = Now() + kAskDriver;
  for (;;) {
    const bool due = Now() > ask;
    ASSIGN_OR_RETURN(const bool done, Done(due));
    if (done) return {};
    if (due) ask = Now() + kAskDriver;
    CpuRelax();
  }
}

}  // namespace trtnode::executor
