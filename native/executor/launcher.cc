// Launching off the owner's thread.
#include "executor/launcher.h"

#include <system_error>
#include <utility>

#include "executor/clock.h"

namespace trtnode::executor {
namespace {

constexpr std::int64_t kSpin = 100'000;  // nanoseconds
constexpr int kMostQuick = 2;

}  // namespace

Launcher::Launcher(std::shared_ptr<cuda::PrimaryContext> context, int most_threads, bool spin,
                   std::function<void(int slot)> launch)
    : context_(std::move(context)),
      most_threads_(static_cast<std::size_t>(most_threads)),
      spin_(spin),
      launch_(std::move(launch)) {
  queue_.reserve(1024);
}

Status Launcher::Push(int slot, bool quick) {
  {
    const std::lock_guard lock(lock_);
    queue_.push_back({slot, quick});
  }
  ++waiting_;
  if (looking_ > 0 || (quick && busy_quick_ >= kMostQuick)) return {};
  Recruit();
  if (!threads_.empty()) return {};
  const std::lock_guard lock(lock_);
  queue_.pop_back();
  --waiting_;
  return Status(ErrorCode::kOutOfMemory, "The system gives no thread for launching.",
                "Raise the limit of processes (ulimit -u, the container's pids limit).");
}

// Sees to it that another thread looks at the queue, if there can be one.
void Launcher::Recruit() {
  const std::lock_guard lock(mutex_);
  if (asleep_ > 0) {
    changed_.notify_one();
  } else if (threads_.size() < most_threads_ && !stop_) {
    try {
      threads_.emplace_back([this] { Loop(); });
    } catch (const std::system_error&) {  // those that there are do it
    }
  }
}

void Launcher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

bool Launcher::Take(Job& job) noexcept {
  if (waiting_.load(std::memory_order_acquire) == 0) return false;
  const std::lock_guard lock(lock_);
  if (queue_.empty()) return false;
  job = queue_.front();
  queue_.erase(queue_.begin());
  --waiting_;
  return true;
}

void Launcher::Loop() noexcept {
  cuda::EnterThread(*context_);
  bool spin = false;
  for (;;) {
    ++looking_;
    Job job;
    bool taken = Take(job);
    if (!taken && spin) {
      const std::int64_t end = Now() + kSpin;
      while (!(taken = Take(job)) && Now() < end) CpuRelax();
    }
    --looking_;
    // Who pushed meanwhile counted on this thread: so it looks once more before it sleeps.
    if (!taken) taken = Take(job);
    if (!taken) {
      std::unique_lock lock(mutex_);
      // Counted first: whoever pushes after our last look sees a sleeper, and wakes it once we wait.
      ++asleep_;
      if (waiting_ == 0 && !stop_) changed_.wait(lock);
      --asleep_;
      if (waiting_ == 0 && stop_) return;
      continue;
    }
    if (job.quick) {
      ++busy_quick_;
      launch_(job.slot);
      --busy_quick_;
    } else {
      // This takes long: others take what else waits.
      if (waiting_ > 0 && looking_ == 0) Recruit();
      launch_(job.slot);
    }
    spin = spin_ && job.quick;
  }
}

}  // namespace trtnode::executor
