// Reactor: the one thread of the process that watches runs whose owner does not: those that take long, and those of owners that sleep.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/status.h"
#include "executor/completion_sink.h"

namespace trtnode::executor {

class Executor;

class Reactor {
 public:
  // How a run is watched.
  struct Watch {
    Executor* executor = nullptr;
    int slot = 0;
    std::shared_ptr<CompletionSink> sink;
    std::int64_t started = 0;  // Now() at the launch
    // If not 0: at this time the owner is woken and the run is its own again, ended or not: it spins for the short rest.
    std::int64_t wake_at = 0;
    std::int64_t expected = 0;  // nanoseconds from `started`; 0: unknown
    bool lazy = false;          // somebody else tells the end; only errors are looked for
    std::int64_t next = 0;      // set by the reactor: when to look again
  };

  // Never destroyed: its thread may outlive static destructors, which must not find it waiting on something destroyed.
  static Reactor& Get();

  // Starts the thread, once. Fails if the system gives none.
  Status Start();
  // Any thread, after Start. The executor must call Forget before it goes.
  void Add(Watch watch);
  // The reactor has let go of the executor when this returns.
  void Forget(const Executor& executor);

 private:
  Reactor() = default;
  void Run() noexcept;
  // Ends or wakes what is due; when to look again.
  std::int64_t Scan(std::int64_t now);

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<Watch> incoming_;
  bool running_ = false;
  int forgetting_ = 0;

  std::mutex scanning_;  // held while watches are looked at
  std::vector<Watch> watches_;
  std::vector<Watch> taken_;  // what came in, on its way to watches_
};

}  // namespace trtnode::executor
