// TaskPool: an environment's threads for what takes long (deserializing, building, waiting). As many as there is work at once, kept
// until the environment ends. libuv's four threads stay free for others.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/status.h"

namespace trtnode::napi {

class TaskPool {
 public:
  TaskPool() = default;
  ~TaskPool() { Shutdown(); }
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  // Never waits behind another task. `task` must not throw. JavaScript thread.
  Status Run(std::function<void()> task);
  // Waits for the tasks; later ones are refused. JavaScript thread.
  void Shutdown();

 private:
  void Loop() noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::size_t idle_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace trtnode::napi
