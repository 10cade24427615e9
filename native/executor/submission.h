// Submission: on which threads a slot's runs are launched and waited for. The executor's one moving part: another way of waiting
// (a reactor, host functions) is another implementation of this.
#pragma once

#include <memory>
#include <vector>

#include "core/status.h"
#include "executor/slot.h"

namespace trtnode::executor {

// Told of the end of a run, on any thread, once for each Start. Must not call back into the executor.
class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  virtual void OnComplete(int slot) noexcept = 0;
};

class Submission {
 public:
  virtual ~Submission() = default;  // Stop was called
  // Runs what was staged in `slot`; its status is in RunStatus when the sink is told.
  virtual void Start(int slot) = 0;
  // Waits until every started run has been reported, then ends the threads.
  virtual void Stop() = 0;
  // Between the report and the next Start.
  virtual Status TakeStatus(int slot) = 0;
};

// One run from beginning to end on this thread, whose current CUDA context is the slot's. Leaves the slot usable in any case.
Status RunOnThisThread(Slot& slot, bool blocking) noexcept;

// A thread a slot, asleep between runs and while the device works. Fails if the system gives no thread.
Result<std::unique_ptr<Submission>> MakeThreadPerSlot(
    const std::vector<std::unique_ptr<Slot>>& slots, std::shared_ptr<CompletionSink> sink);

}  // namespace trtnode::executor
