// Launcher: the threads that launch an executor's runs when that is too expensive for the owner's thread. Started when first needed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/status.h"
#include "cuda/context.h"
#include "executor/spin_lock.h"

namespace trtnode::executor {

class Launcher {
 public:
  // `launch` is called with a slot, on a thread whose current context is `context`; must not throw. `spin`: threads look for the next
  // slot for a moment before they sleep (waking costs some 50 µs), where that does not take the CPU from others.
  Launcher(std::shared_ptr<cuda::PrimaryContext> context, int most_threads, bool spin,
           std::function<void(int slot)> launch);
  ~Launcher() { Stop(); }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  // Owner's thread. `quick`: launching takes microseconds: two threads do all of these, as more would only fight for the driver's
  // locks; those that are not quick get a thread each, as long as there are any. Fails only if the system gives no thread at all.
  Status Push(int slot, bool quick);
  // Ends the threads once all that was pushed is launched.
  void Stop();

 private:
  struct Job {
    int slot = 0;
    bool quick = false;
  };
  void Loop() noexcept;
  bool Take(Job& job) noexcept;
  void Recruit();

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const std::size_t most_threads_;
  const bool spin_;
  const std::function<void(int)> launch_;

  // A mutex would be waited for in the kernel, which takes longer than what it guards here.
  SpinLock lock_;           // guards queue_
  std::vector<Job> queue_;  // oldest first; at most as many as there are slots: erasing is cheap
  std::atomic<int> waiting_{0};     // how many, to be looked at without the lock
  std::atomic<int> looking_{0};     // threads that will look at the queue before they sleep
  std::atomic<int> busy_quick_{0};  // threads that launch what is quick
  std::atomic<int> asleep_{0};

  std::mutex mutex_;  // for sleeping; guards threads_ and stop_
  std::condition_variable changed_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace trtnode::executor
