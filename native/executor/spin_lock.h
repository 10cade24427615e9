// SpinLock: for a few instructions at a time between threads that run.
#pragma once

#include <atomic>
#include <thread>

#include "executor/clock.h"

namespace trtnode::executor {

class SpinLock {
 public:
  void lock() noexcept {
    for (int round = 1; locked_.exchange(true, std::memory_order_acquire); ++round) {
      // Its holder may have lost its CPU.
      if (round % 128 == 0) std::this_thread::yield();
      CpuRelax();
    }
  }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

}  // namespace trtnode::executor
