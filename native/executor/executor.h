// Executor: the slots of a session. Called from one thread (JavaScript's); runs happen on threads of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/dims.h"
#include "core/status.h"
#include "cuda/context.h"
#include "executor/run_io.h"
#include "executor/slot.h"
#include "executor/submission.h"
#include "tensorrt/engine.h"

namespace trtnode::executor {

class Executor {
 public:
  // Blocks. `context`: of the device on which the engine was deserialized.
  static Result<std::unique_ptr<Executor>> Create(std::shared_ptr<cuda::PrimaryContext> context,
                                                  std::shared_ptr<tensorrt::Engine> engine,
                                                  int slots, int priority,
                                                  std::shared_ptr<CompletionSink> sink);
  Executor(std::shared_ptr<cuda::PrimaryContext> context, std::shared_ptr<tensorrt::Engine> engine,
           std::shared_ptr<const IoLayout> layout);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  int slots() const noexcept { return static_cast<int>(slots_.size()); }
  const IoLayout& layout() const noexcept { return *layout_; }

  // A slot between Submit and Collect takes none of these (kInvalidArgument); a number that is no slot neither.
  Result<bool> Prepare(int slot, int profile, std::span<const Dims> shapes,
                       std::span<const ShapeValues> values);  // true: the output shapes are new
  Status Submit(int slot, std::span<Input> inputs, std::span<OutputTarget> outputs);
  Status RunSync(int slot, std::span<Input> inputs, std::span<OutputTarget> outputs);
  Status CheckIdle(int slot) const;

  // Once for each OnComplete: how the run ended. The slot is idle again.
  Status Collect(int slot);

  // Of an idle slot.
  std::span<const Dims> PreparedShapes(int slot) const;
  std::span<const Dims> OutputShapes(int slot) const;
  bool HasDataDependentOutputs(int slot) const;
  Status ReadOutput(int slot, int output, std::span<std::byte> into);
  Result<std::shared_ptr<cuda::DeviceBuffer>> TakeDeviceOutput(int slot, int output);

  SlotMemory memory() const;

  // Waits for the runs in flight, which are reported before it returns, and ends the threads. Any thread, once the owner calls
  // nothing else any more; may be repeated.
  void Close();

 private:
  enum class State : std::uint8_t { kIdle, kRunning };
  struct Entry {
    State state = State::kIdle;
    bool completed = false;  // the last run succeeded: its outputs may be read
  };
  Status CheckOutput(int slot, int output) const;
  Slot& slot(int index) const { return *slots_[static_cast<std::size_t>(index)]; }
  Entry& entry(int index) { return entries_[static_cast<std::size_t>(index)]; }

  const std::shared_ptr<cuda::PrimaryContext> context_;
  std::shared_ptr<tensorrt::Engine> engine_;
  const std::shared_ptr<const IoLayout> layout_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Entry> entries_;
  std::unique_ptr<Submission> submission_;
};

}  // namespace trtnode::executor
