// Threads for long work.
#include "napi/task_pool.h"

#include <string>
#include <system_error>
#include <utility>

#include "napi/exit_gate.h"

namespace trtnode::napi {

Status TaskPool::Run(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (stop_) return Status(ErrorCode::kClosed, "The environment is ending.");
  tasks_.push_back(std::move(task));
  if (idle_ < tasks_.size()) {
    try {
      threads_.emplace_back([this] { Loop(); });
    } catch (const std::system_error& error) {
      tasks_.pop_back();
      return Status(ErrorCode::kOutOfMemory,
                    std::string("A thread cannot be started: ") + error.what(),
                    "Raise the limit of processes (ulimit -u, the container's pids limit).");
    }
  }
  changed_.notify_one();
  return {};
}

void TaskPool::Shutdown() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void TaskPool::Loop() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [&] { return stop_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    {
      const GatePass pass;
      if (pass) task();
      task = nullptr;  // what it held may be freed, which has to happen inside the gate
    }
    lock.lock();
  }
}

}  // namespace trtnode::napi
