// Executor: the slots of a session: who launches their runs, who waits for them, and what they need. Called from one thread
// (JavaScript's) unless said otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/dims.h"
#include "core/status.h"
#include "cuda/context.h"
#include "executor/completion_sink.h"
#include "executor/device_clock.h"
#include "executor/launcher.h"
#include "executor/run_io.h"
#include "executor/slot.h"
#include "tensorrt/engine.h"

namespace trtnode::executor {

struct ExecutorOptions : SlotOptions {
  int slots = 1;
  // Whether the owner can look at its slots again and again (Poll) while it waits.
  bool owner_polls = true;
};

struct ExecutorMemory : SlotMemory {
  std::uint64_t activation_bytes = 0;  // of the pool; of all who share it
};

struct ExecutorStats {
  std::uint64_t hits = 0, captures = 0, fallbacks = 0;
  std::string reason;  // of the last fallback
  std::uint64_t inline_launches = 0, off_thread_launches = 0;
};

// When a run was where, in nanoseconds on the clock of Now().
struct RunTimes {
  std::int64_t submit = 0, launched = 0, h2d_start = 0, compute_start = 0, compute_end = 0,
               d2h_end = 0, completed = 0;
};

class Executor {
 public:
  // Blocks. `context`: of the device on which the engine was deserialized. `activations`: null: a pool of its own.
  static Result<std::unique_ptr<Executor>> Create(std::shared_ptr<cuda::PrimaryContext> context,
                                                  std::shared_ptr<tensorrt::Engine> engine,
                                                  const ExecutorOptions& options,
                                                  std::shared_ptr<ActivationPool> activations,
                                                  std::shared_ptr<CompletionSink> sink);
  Executor(std::shared_ptr<SlotShared> shared, const ExecutorOptions& options,
           std::shared_ptr<CompletionSink> sink);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  int slots() const noexcept { return static_cast<int>(slots_.size()); }
  const IoLayout& layout() const noexcept { return *shared_->layout; }

  // A slot between Start and Collect takes none of these (kInvalidArgument); a number that is no slot neither.
  Result<bool> Prepare(int slot, int profile, std::span<const Dims> shapes,
                       std::span<const ShapeValues> values);  // true: the output shapes are new
  Status Bind(int slot, std::span<const Input> inputs, std::span<const OutputTarget> outputs);
  Status Stage(int slot, std::span<const Input> inputs);
  Result<Staging> GetStaging(int slot);
  Status CheckIdle(int slot) const;
  Status RunSync(int slot);

  // Starts what was bound. The sink is told of its end; then, or as soon as Poll is true, Collect.
  // kOwner: the owner shall call Poll again and again until it is true, or HandOver.
  enum class Watcher : std::uint8_t { kOwner, kReactor };
  Result<Watcher> Start(int slot);
  // Any thread. True: the run has ended. `ask_driver`: also looks for errors, which leave no mark.
  bool Poll(int slot, bool ask_driver);
  // The owner was woken before the end and looks by itself from here on, until Poll is true or HandOver.
  void TakeOver(int slot) noexcept { entry(slot).watched.store(false); }
  // The owner looks no more by itself: the sink wakes it.
  void HandOver(int slot);
  // The same for all that is running, also where the owner was woken before the end.
  void HandOverAll();
  // For the reactor: the run that it watches has ended and was collected.
  bool Outdated(int slot, std::uint32_t run) const noexcept;
  // How long the owner shall spin for a run before it hands it over; nanoseconds after Start.
  std::int64_t Patience() const noexcept;
  // How the run ended, once. The slot is idle again.
  Status Collect(int slot);
  bool running(int slot) const noexcept;  // between Start and Collect

  // Of an idle slot.
  std::span<const Dims> PreparedShapes(int slot) const;
  std::span<const Dims> OutputShapes(int slot) const;
  bool HasDataDependentOutputs(int slot) const;
  Status ReadOutput(int slot, int output, std::span<std::byte> into);
  Result<std::shared_ptr<cuda::DeviceBuffer>> TakeDeviceOutput(int slot, int output);
  Result<RunTimes> Times(int slot);

  // Of an idle slot of an executor with timing: whether its next runs are timed.
  Status SetTimed(int slot, bool timed);
  // Of an idle slot: which debug tensors its next runs tell of, and those of its last run.
  Status SetDebug(int slot, DebugRequest request);
  Result<std::vector<DebugTensor>> TakeDebugTensors(int slot);
  // While no run is in flight: waits for the streams, and drops CUDA graphs and all that is known of the contexts.
  Status Forget();

  ExecutorMemory memory() const;
  ExecutorStats stats() const;

  // Waits for the runs in flight and ends the threads. Any thread, once the owner calls nothing but Poll and Collect any more; may
  // be repeated.
  void Close();

 private:
  enum class Phase : std::uint8_t { kIdle, kQueued, kLaunched, kFinishing, kFinished };
  struct Entry {
    Executor* executor = nullptr;
    int index = 0;
    std::atomic<Phase> phase{Phase::kIdle};
    std::atomic<std::uint32_t> run{0};  // counts them
    std::atomic<bool> asking{false};    // somebody looks whether the run has ended: one at a time
    std::atomic<bool> watched{false};   // the reactor was asked, or shall be
    // Where the driver tells the end: it has told, but the owner has waited in vain. The reactor shall look often.
    std::atomic<bool> eager{false};
    bool completed = false;  // the last run succeeded: its outputs may be read
    GraphVariant variant = GraphVariant::kLatency;
    bool alone = true;  // no other was in flight of late
    Status status;      // of the run; before a launch: why it is not to be launched any more
    std::int64_t started = 0, launched = 0, finished = 0;
  };
  Status CheckOutput(int slot, int output) const;
  Slot& slot(int index) const { return *slots_[static_cast<std::size_t>(index)]; }
  Entry& entry(int index) const { return *entries_[static_cast<std::size_t>(index)]; }
  bool LaunchHere() const noexcept;
  void CountCrowd() noexcept;
  // `timed`: what it costs is remembered.
  Status Launch(Entry& entry, GraphVariant variant, bool timed);
  void LaunchQueued(int slot);
  void Finish(Entry& entry, Status status);
  void Watch(Entry& entry, std::uint32_t number, std::int64_t started);
  void WatchNow(Entry& entry);
  bool DriverTells(const Entry& entry) const noexcept;
  Watcher ChooseWatcher() const noexcept;
  GraphVariant Variant() const noexcept;
  void Learn(const Entry& entry) noexcept;

  const std::shared_ptr<SlotShared> shared_;
  const ExecutorOptions options_;
  const std::shared_ptr<CompletionSink> sink_;
  const bool spin_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::unique_ptr<Launcher> launcher_;
  std::unique_ptr<DeviceClock> clock_;  // null without timing
  int in_flight_ = 0;
  int crowd_ = 1;  // see CountCrowd
  int calm_ = 0;
  std::uint64_t inline_launches_ = 0, off_thread_launches_ = 0;
  // What runs have taken, in nanoseconds; 0: nothing is known yet.
  std::atomic<std::int64_t> expected_{0};    // from Start to the end, on average
  std::atomic<std::int64_t> fastest_{0};     // the same, the least of late
  std::atomic<std::int64_t> graph_cost_{0};  // launching a graph, the least of late
};

}  // namespace trtnode::executor
