// How many CPUs this process may use, and so whether one may spin.
#pragma once

#include <sched.h>

#include <cstdlib>

namespace trtnode::executor {

// Spinning takes a CPU from those who compute: the rest of the process, and the device itself where it is the CPU. TRT_NODE_SPIN=1 or 0
// decides otherwise: for tests, which shall reach either way on any machine.
inline bool MaySpin() noexcept {
  static const bool may = [] {
    if (const char* const told = std::getenv("TRT_NODE_SPIN"); told != nullptr && *told != '\0') {
      return *told == '1';
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) > 2;
  }();
  return may;
}

}  // namespace trtnode::executor
