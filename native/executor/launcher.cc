// Launching off the owner's thread.
#include "executor/launcher.h"

#include <string>
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

Status Launcher::Push(int slot) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(slot);
    ++waiting_;
    // Whoever spins takes this one; with more waiting, another is needed.
    if (spinning_ < waiting_) {
      wake = asleep_ > 0;
      if (!wake && threads_.size() < most_threads_) {
        try {
          threads_.emplace_back([this] { Loop(); });
        } catch (const std::system_error& error) {
          if (threads_.empty()) {
            queue_.pop_back();
            --waiting_;
            return Status(ErrorCode::kOutOfMemory,
                          std::string("A thread for launching cannot be started: ") + error.what(),
                          "Raise the limit of processes (ulimit -u, the container's pids limit).");
          }
        }
      }
    }
  }
  if (wake) changed_.notify_one();
  return {};
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

void Launcher::Loop() noexcept {
  cuda::EnterThread(*context_);
  for (;;) {
    if (spin_) {
      ++spinning_;
      const std::int64_t end = Now() + kSpin;
      while (waiting_.load(std::memory_order_acquire) == 0 && Now() < end) CpuRelax();
      --spinning_;
    }
    int slot = 0;
    {
      std::unique_lock lock(mutex_);
      while (queue_.empty() && !stop_) {
        ++asleep_;
        changed_.wait(lock);
        --asleep_;
      }
      if (queue_.empty()) return;
      slot = queue_.front();
      queue_.erase(queue_.begin());
      --waiting_;
    }
    launch_(slot);
  }
}

}  // namespace trtnode::executor
