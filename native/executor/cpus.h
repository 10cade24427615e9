// How many CPUs this process may use, and so whether one may spin.
#pragma once

#include <sched.h>

namespace trtnode::executor {

// Spinning takes a CPU from those who compute: the rest of the process, and the device itself where it is the CPU.
inline bool MaySpin() noexcept {
  static const bool may = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) > 2;
  }();
  return may;
}

}  // namespace trtnode::executor
