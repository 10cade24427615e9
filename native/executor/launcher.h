// Launcher: the threads that launch an executor's runs when that is too expensive for the owner's thread. Started when first needed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/status.h"
#include "cuda/context.h"

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

  // Owner's thread. `quick`: launching takes microseconds: one thread does all of these, as several would only fight for the driver's
  // locks; those that are not quick get a thread each, as long as there are any. Fails only if the system gives no thread at all.
  Status Push(int slot, bool quick);
  // Ends the threads once all that was pushed is launched.
  void Stop();

 private:
  struct Job {
    int slot;
    bool quick;
  };
  void Loop() noexcept;
  // With the mutex held: sees to it that somebody takes what is in the queue.
  void Recruit();

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const std::size_t most_threads_;
  const bool spin_;
  const std::function<void(int)> launch_;

  std::atomic<int> waiting_{0};  // jobs in queue_, to be looked at without the mutex
  std::mutex mutex_;             // guards what follows
  std::condition_variable changed_;
  std::vector<Job> queue_;  // oldest first; at most as many as there are slots: erasing is cheap
  int asleep_ = 0;
  int available_ = 0;  // threads that look at the queue again in a moment
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace trtnode::executor
