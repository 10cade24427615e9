// Signal: how the end of a slot's run is noticed. The stream is asked; or a word in host memory that the stream's last node writes is
// looked at; or a host function wakes the owner.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/status.h"
#include "cuda/buffer.h"
#include "cuda/stream.h"

namespace trtnode::executor {

// How a session waits for its runs (SessionOptions.completion).
enum class Completion : std::uint8_t { kAdaptive, kSpin, kBlock };

class Signal {
 public:
  // What tells the end. On an H200 a run whose stream is asked ends 6 µs sooner than one that writes a word, but asking costs the
  // driver more than looking: with many runs in flight the word is the better one.
  enum class Mark : std::uint8_t { kStream, kWord };
  // `notify` (kBlock only): called by a thread of the driver's when the run has ended; must not call CUDA.
  struct Notify {
    void (*call)(void* data) noexcept = nullptr;
    void* data = nullptr;
  };

  static Result<std::unique_ptr<Signal>> Create(std::shared_ptr<cuda::Stream> stream,
                                                Completion completion);
  Signal(std::shared_ptr<cuda::Stream> stream, Completion completion,
         std::shared_ptr<cuda::PinnedBuffer> page) noexcept;

  void SetNotify(Notify notify) noexcept { notify_ = notify; }
  // Whether the end of every run is told to the notify function.
  bool notifies() const noexcept;

  // Before each run, on the thread that looks for its end.
  void Reset() noexcept {
    if (has_word()) word().store(0, std::memory_order_relaxed);
  }
  // Before each launch; `mark`: what the launch brings with it.
  void Arm(Mark mark) noexcept;
  // Capturing: the last node of the graph; `word`: kWord is wanted. Says what the graph will bring with it.
  Mark EmitCaptured(bool word);
  // Not capturing: the last thing in the stream.
  Status Emit();

  // After the launch. Ok(false): not yet. `ask_driver`: also looks for errors, after which no word is written.
  Result<bool> Done(bool ask_driver) const;
  // Waits on this thread: sleeping, or asking again and again, which notices the end sooner.
  Status Wait(bool blocking) const;

 private:
  static void OnHost(void* self) noexcept;
  bool has_word() const noexcept { return page_ != nullptr; }
  Status LaunchHostFunction();
  std::atomic_ref<std::uint32_t> word() const noexcept {
    return std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(page_->data()));
  }

  const std::shared_ptr<cuda::Stream> stream_;
  const Completion completion_;
  const std::shared_ptr<cuda::PinnedBuffer> page_;  // null: no words
  Notify notify_;
  // Another thread may still be asking when the next run begins.
  std::atomic<Mark> mark_{Mark::kStream};
};

}  // namespace trtnode::executor
