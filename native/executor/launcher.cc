// Launching off the owner's thread.
#include "executor/launcher.h"

#include <system_error>
#include <utility>

#include "executor/clock.h"

namespace trtnode::executor {
namespace {

constexpr std::int64_t kSpin = 100'000;  // nanoseconds

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
  const std::lock_guard lock(mutex_);
  queue_.push_back({slot, quick});
  ++waiting_;
  Recruit();
  if (!threads_.empty()) return {};
  queue_.pop_back();
  --waiting_;
  return Status(ErrorCode::kOutOfMemory, "The system gives no thread for launching.",
                "Raise the limit of processes (ulimit -u, the container's pids limit).");
}

void Launcher::Recruit() {
  if (queue_.empty() || available_ > 0) return;
  if (asleep_ > 0) {
    changed_.notify_one();
    return;
  }
  if (threads_.size() >= most_threads_) return;
  try {
    threads_.emplace_back([this] { Loop(); });
    ++available_;
  } catch (const std::system_error&) {  // those that there are do it
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

// A thread is available from its start until it sleeps or takes a job that is not quick.
void Launcher::Loop() noexcept {
  cuda::EnterThread(*context_);
  bool spin = false;
  for (;;) {
    if (spin) {
      const std::int64_t end = Now() + kSpin;
      while (waiting_.load(std::memory_order_acquire) == 0 && Now() < end) CpuRelax();
    }
    Job job{};
    {
      std::unique_lock lock(mutex_);
      while (queue_.empty() && !stop_) {
        --available_;
        ++asleep_;
        changed_.wait(lock);
        --asleep_;
        ++available_;
      }
      if (queue_.empty()) return;
      job = queue_.front();
      queue_.erase(queue_.begin());
      --waiting_;
      if (!job.quick) {
        --available_;
        Recruit();
      }
    }
    launch_(job.slot);
    spin = spin_ && job.quick;
    if (job.quick) continue;
    const std::lock_guard lock(mutex_);
    ++available_;
  }
}

}  // namespace trtnode::executor
