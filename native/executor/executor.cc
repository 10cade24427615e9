// The slots of a session and their states.
#include "executor/executor.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include "executor/clock.h"
#include "executor/counting_allocator.h"
#include "executor/cpus.h"
#include "executor/reactor.h"

namespace trtnode::executor {
namespace {

constexpr std::int64_t kMicrosecond = 1'000;
// Up to here a run is short enough for the owner to spin for it.
constexpr std::int64_t kShort = 600 * kMicrosecond;
// Up to here a run is so short that the host's work for it counts.
constexpr std::int64_t kTiny = 250 * kMicrosecond;
// Waking the owner's thread takes about as long; it is woken so much before the expected end.
constexpr std::int64_t kWakeUp = 200 * kMicrosecond;
// Beyond this the end is not foreseen well enough.
constexpr std::int64_t kForeseeable = 20'000 * kMicrosecond;
// A launch that costs more is not the owner's thread's business.
constexpr std::int64_t kCheap = 25 * kMicrosecond;
// What a run takes of the owner's time besides its launch.
constexpr std::int64_t kOwnShare = 1'500;
constexpr int kMostLaunchers = 4;
// From here on looking at words pays more than the sooner end of each run.
constexpr int kMany = 5;
constexpr int kCalm = 64;

void Average(std::atomic<std::int64_t>& average, std::int64_t value) noexcept {
  const std::int64_t old = average.load(std::memory_order_relaxed);
  // First runs take much longer than all that follow: what is far below the average counts more.
  const std::int64_t share = value < old / 2 ? 2 : 8;
  average.store(old == 0 ? value : old + (value - old) / share, std::memory_order_relaxed);
}

// Creeps up, so that it is forgotten when things change.
void Least(std::atomic<std::int64_t>& least, std::int64_t value) noexcept {
  const std::int64_t old = least.load(std::memory_order_relaxed);
  least.store(old == 0 || value < old ? value : old + old / 4096 + 1, std::memory_order_relaxed);
}

}  // namespace

Result<std::unique_ptr<Executor>> Executor::Create(std::shared_ptr<cuda::PrimaryContext> context,
                                                   std::shared_ptr<tensorrt::Engine> engine,
                                                   const ExecutorOptions& options,
                                                   std::shared_ptr<ActivationPool> activations,
                                                   std::shared_ptr<CompletionSink> sink) {
  RETURN_IF_ERROR(Reactor::Get().Start());
  auto shared = std::make_shared<SlotShared>();
  ASSIGN_OR_RETURN(const cuda::DeviceInfo device, context->driver().Describe(context->device()));
  shared->zero_copy = device.integrated && device.can_map_host_memory &&
                      context->f().cuMemHostGetDevicePointer_v2 != nullptr;
  shared->layout = std::make_shared<const IoLayout>(engine->info());
  if (options.allocation == tensorrt::AllocationStrategy::kUserManaged) {
    ActivationPool::Allocate allocate;
    if (const auto& allocator = engine->runtime()->gpu_allocator()) {
      allocate = [allocator, context](std::size_t bytes) {
        return AllocateFrom(allocator, context, bytes);
      };
    }
    shared->activations = activations != nullptr
                              ? std::move(activations)
                              : std::make_shared<ActivationPool>(context, std::move(allocate));
  }
  shared->outputs = std::make_shared<DevicePool>(context);
  shared->options = static_cast<const SlotOptions&>(options);
  shared->context = std::move(context);
  shared->engine = std::move(engine);
  auto executor = std::make_unique<Executor>(std::move(shared), options, std::move(sink));
  for (int i = 0; i < options.slots; ++i) {
    ASSIGN_OR_RETURN(auto slot, Slot::Create(executor->shared_));
    auto entry = std::make_unique<Entry>();
    entry->executor = executor.get();
    entry->index = i;
    slot->signal().SetNotify({[](void* data) noexcept {
                                const Entry& ended = *static_cast<Entry*>(data);
                                ended.executor->sink_->Wake(ended.index);
                              },
                              entry.get()});
    executor->entries_.push_back(std::move(entry));
    executor->slots_.push_back(std::move(slot));
  }
  RETURN_IF_ERROR(executor->slots_.front()->ReserveActivations());
  if (options.timing) {
    ASSIGN_OR_RETURN(executor->clock_, DeviceClock::Create(executor->shared_->context));
  }
  return executor;
}

Executor::Executor(std::shared_ptr<SlotShared> shared, const ExecutorOptions& options,
                   std::shared_ptr<CompletionSink> sink)
    : shared_(std::move(shared)),
      options_(options),
      sink_(std::move(sink)),
      spin_(options.completion != Completion::kBlock && MaySpin()),
      launcher_(std::make_unique<Launcher>(shared_->context,
                                           std::min(options.slots, kMostLaunchers), spin_,
                                           [this](int slot) { LaunchQueued(slot); })) {}

Executor::~Executor() {
  try {
    Close();
  } catch (...) {  // no memory for the reason of a run that failed: it has ended all the same
  }
  const cuda::ContextGuard guard(*shared_->context);
  launcher_.reset();
  slots_.clear();
  clock_.reset();
  shared_->engine.reset();
}

bool Executor::running(int index) const noexcept {
  return entry(index).phase.load(std::memory_order_acquire) != Phase::kIdle;
}

Status Executor::CheckIdle(int index) const {
  if (index < 0 || index >= slots()) {
    return Status(ErrorCode::kInvalidArgument, "There is no slot " + std::to_string(index) +
                                                   ": the executor has " + std::to_string(slots()) +
                                                   ".");
  }
  if (running(index)) {
    return Status(ErrorCode::kInvalidArgument,
                  "Slot " + std::to_string(index) + " is in use by a run that has not completed.");
  }
  return {};
}

Result<bool> Executor::Prepare(int index, int profile, std::span<const Dims> shapes,
                               std::span<const ShapeValues> values) {
  RETURN_IF_ERROR(CheckIdle(index));
  Result<bool> changed = slot(index).Prepare(profile, shapes, values);
  // The sizes of the new shapes are not those of the last run's outputs: reading would leave the staging memory.
  if (!changed.ok() || changed.value()) entry(index).completed = false;
  return changed;
}

Status Executor::Bind(int index, std::span<const Input> inputs,
                      std::span<const OutputTarget> outputs) {
  RETURN_IF_ERROR(CheckIdle(index));
  entry(index).completed = false;
  return slot(index).Bind(inputs, outputs);
}

Status Executor::Stage(int index, std::span<const Input> inputs) {
  RETURN_IF_ERROR(CheckIdle(index));
  return slot(index).Stage(inputs);
}

Result<Staging> Executor::GetStaging(int index) {
  RETURN_IF_ERROR(CheckIdle(index));
  return slot(index).GetStaging();
}

Executor::Watcher Executor::ChooseWatcher() const noexcept {
  if (!options_.owner_polls || options_.completion == Completion::kBlock) return Watcher::kReactor;
  if (options_.completion == Completion::kSpin) return Watcher::kOwner;
  const std::int64_t expected = expected_.load(std::memory_order_relaxed);
  // With several in flight one of them ends that much sooner.
  const bool soon = expected != 0 && expected < kForeseeable && expected < kShort * crowd_;
  return spin_ && soon ? Watcher::kOwner : Watcher::kReactor;
}

std::int64_t Executor::Patience() const noexcept {
  if (options_.completion == Completion::kSpin) return std::int64_t{1} << 62;
  return 2 * expected_.load(std::memory_order_relaxed) + 50 * kMicrosecond;
}

GraphVariant Executor::Variant() const noexcept {
  const bool tiny = expected_.load(std::memory_order_relaxed) < kTiny;
  return spin_ && tiny && crowd_ >= kMany ? GraphVariant::kThroughput : GraphVariant::kLatency;
}

// Whether launching is cheap enough for the owner's thread, from what it has cost so far.
bool Executor::LaunchHere() const noexcept {
  const std::int64_t cost = graph_cost_.load(std::memory_order_relaxed);
  if (cost == 0 || cost > kCheap) return false;
  // With many tiny runs in flight their launches fill the owner's time: better that other threads launch while the owner prepares the
  // next one. With few the way to another thread is longer than the launch.
  const std::int64_t fastest = fastest_.load(std::memory_order_relaxed);
  return !spin_ || crowd_ == 1 || crowd_ * (cost + kOwnShare) <= 2 * fastest;
}

// How many were in flight at most, of late: how many there are just now says little.
void Executor::CountCrowd() noexcept {
  if (in_flight_ >= crowd_) {
    crowd_ = in_flight_;
    calm_ = 0;
  } else if (++calm_ >= kCalm) {
    --crowd_;
    calm_ = 0;
  }
}

Result<Executor::Watcher> Executor::Start(int index) {
  RETURN_IF_ERROR(CheckIdle(index));
  Entry& run = entry(index);
  run.completed = false;
  Status held = slot(index).Hold();
  if (!held.ok()) {
    slot(index).Release();
    return held;
  }
  run.started = Now();
  run.status = Status();
  run.run.fetch_add(1);
  run.eager.store(false);
  Watcher watcher = ChooseWatcher();
  // One that launches for long (and for outputs of unknown size waits as well) is not spun for.
  if (slot(index).waits_in_launch()) watcher = Watcher::kReactor;
  run.watched.store(watcher == Watcher::kReactor);
  ++in_flight_;
  CountCrowd();
  run.alone = crowd_ == 1;
  run.variant = Variant();
  const bool graph = slot(index).ClaimGraph(run.variant);
  if (graph && LaunchHere()) {
    ++inline_launches_;
    const cuda::ContextGuard guard(*shared_->context);
    run.status = Launch(run, run.variant, true);
    if (run.status.ok()) {
      run.phase.store(Phase::kLaunched, std::memory_order_release);
      if (watcher == Watcher::kReactor) WatchNow(run);
      return watcher;
    }
    // Recovering waits for the device: not here.
  } else {
    ++off_thread_launches_;
  }
  run.phase.store(Phase::kQueued, std::memory_order_release);
  Status pushed = launcher_->Push(index, graph && run.status.ok());
  if (!pushed.ok()) {
    slot(index).Release();
    run.phase.store(Phase::kIdle);
    --in_flight_;
    return pushed;
  }
  return watcher;
}

Status Executor::Launch(Entry& run, GraphVariant variant, bool timed) {
  Status status;
  try {
    if (!timed) return slot(run.index).Launch(variant);
    const std::int64_t before = Now();
    const bool quick = slot(run.index).HasGraph();
    status = slot(run.index).Launch(variant);
    run.launched = Now();
    if (quick && status.ok()) Least(graph_cost_, run.launched - before);
  } catch (const std::exception& error) {
    status = Status(ErrorCode::kInternal, std::string("A run failed: ") + error.what());
  }
  return status;
}

void Executor::LaunchQueued(int index) {
  Entry& run = entry(index);
  if (run.status.ok()) run.status = Launch(run, run.variant, true);
  if (run.status.ok() && !slot(index).waits_in_launch()) {
    // From the phase on the owner may find the end, and start the slot's next run.
    const std::uint32_t number = run.run.load();
    const std::int64_t started = run.started;
    run.phase.store(Phase::kLaunched);
    if (run.watched.load()) Watch(run, number, started);
    return;
  }
  Finish(run, std::move(run.status));
  sink_->Wake(index);
}

bool Executor::DriverTells(const Entry& run) const noexcept {
  return options_.completion == Completion::kBlock && slot(run.index).signal().notifies();
}

bool Executor::Outdated(int index, std::uint32_t number) const noexcept {
  const Entry& run = entry(index);
  return run.run.load() != number || run.phase.load(std::memory_order_acquire) == Phase::kIdle;
}

void Executor::WatchNow(Entry& run) { Watch(run, run.run.load(), run.started); }

void Executor::Watch(Entry& run, std::uint32_t number, std::int64_t started) {
  Reactor::Watch watch;
  watch.executor = this;
  watch.slot = run.index;
  watch.run = number;
  watch.sink = sink_;
  watch.started = started;
  watch.lazy = DriverTells(run) && !run.eager.load();
  if (options_.completion == Completion::kAdaptive) {
    std::int64_t expected = expected_.load(std::memory_order_relaxed);
    // An end that is noticed late makes the average longer, and that the next end is noticed later still: the least, less the time to wake
    // up, is before it.
    const std::int64_t fastest = fastest_.load(std::memory_order_relaxed);
    if (run.alone) expected = std::min(expected, fastest);
    watch.expected = expected;
    if (options_.owner_polls && spin_ && expected > kWakeUp && expected < kForeseeable) {
      watch.wake_at = started + expected - kWakeUp;
      // Too late, or handed over by the owner: it has spun enough.
      if (Now() + kWakeUp / 2 > watch.wake_at) watch.wake_at = 0;
    }
  }
  Reactor::Get().Add(std::move(watch));
}

bool Executor::Poll(int index, bool ask_driver) {
  Entry& run = entry(index);
  const Phase phase = run.phase.load(std::memory_order_acquire);
  if (phase == Phase::kFinished) return true;
  if (phase != Phase::kLaunched || run.asking.exchange(true, std::memory_order_acquire))
    return false;
  // One at a time: what another one sees late may be the end of this run when the next one is in flight already, or break the
  // capture of its graph.
  bool over = false;
  Status status;
  if (run.phase.load(std::memory_order_acquire) == Phase::kLaunched) {
    Result<bool> done = slot(index).Done(ask_driver);
    over = !done.ok() || done.value();
    if (over) {
      status = done.TakeStatus();
      run.phase.store(Phase::kFinishing, std::memory_order_relaxed);
    }
  }
  run.asking.store(false, std::memory_order_release);
  if (over) Finish(run, std::move(status));
  return over;
}

void Executor::HandOver(int index) {
  Entry& run = entry(index);
  const bool watched = run.watched.exchange(true);
  if (DriverTells(run)) {
    run.eager.store(true);
  } else if (watched) {
    return;
  }
  // Still queued: whoever launches it sees `watched`, or we see that it is launched; if both, the reactor gets it twice.
  if (run.phase.load() == Phase::kLaunched) WatchNow(run);
}

void Executor::HandOverAll() {
  for (const auto& entry : entries_) {
    entry->watched.store(true);
    entry->eager.store(true);
    if (entry->phase.load() == Phase::kLaunched) WatchNow(*entry);
  }
}

void Executor::Learn(const Entry& run) noexcept {
  const std::int64_t took = run.finished - run.started;
  Average(expected_, took);
  // Only runs that were alone tell how long one takes; others take longer.
  const std::int64_t fastest = fastest_.load(std::memory_order_relaxed);
  if (run.alone || fastest == 0 || took < fastest) Least(fastest_, took);
}

void Executor::Finish(Entry& run, Status status) {
  run.finished = Now();
  if (!status.ok()) {
    const cuda::ContextGuard guard(*shared_->context);
    slot(run.index).Recover();
  } else {
    Learn(run);
  }
  slot(run.index).Release();
  run.status = std::move(status);
  // Before the phase: after it this executor may be gone.
  sink_->OnEnd(run.index);
  run.phase.store(Phase::kFinished, std::memory_order_release);
}

Status Executor::Collect(int index) {
  Entry& run = entry(index);
  Status status = std::move(run.status);
  run.completed = status.ok();
  run.phase.store(Phase::kIdle, std::memory_order_release);
  --in_flight_;
  return status;
}

Status Executor::RunSync(int index) {
  RETURN_IF_ERROR(CheckIdle(index));
  Entry& run = entry(index);
  run.completed = false;
  Slot& one = slot(index);
  const cuda::ContextGuard guard(*shared_->context);
  RETURN_IF_ERROR(guard.status());
  Status status = one.Hold();
  if (status.ok()) {
    const bool timed = clock_ != nullptr;
    if (timed) run.started = Now();
    status = Launch(run, GraphVariant::kLatency, timed);
    if (status.ok() && !one.waits_in_launch()) status = one.Wait(false);
    if (!status.ok()) one.Recover();
    if (timed) run.finished = Now();
  }
  one.Release();
  run.completed = status.ok();
  return status;
}

void Executor::Close() {
  // The owner may not look any more (its environment ends): then this thread does.
  for (const auto& entry : entries_) {
    for (int round = 0;; ++round) {
      const Phase phase = entry->phase.load(std::memory_order_acquire);
      if (phase == Phase::kIdle || phase == Phase::kFinished) break;
      if (Poll(entry->index, round % 32 == 31)) {
        sink_->Wake(entry->index);
        break;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  launcher_->Stop();
  Reactor::Get().Forget(*this);
}

}  // namespace trtnode::executor
