// CompletionSink: what an executor tells its owner, from any thread.
#pragma once

namespace trtnode::executor {

// Must call neither the executor nor CUDA.
class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  // Once for each run: neither the device nor a native thread works on it any more.
  virtual void OnEnd(int slot) noexcept = 0;
  // The owner's thread shall look at the slot (Executor::Poll). May come more than once, and before the run has ended.
  virtual void Wake(int slot) noexcept = 0;
};

}  // namespace trtnode::executor
