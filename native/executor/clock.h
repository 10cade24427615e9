// The host's monotonic clock in nanoseconds, the one that Node's performance.now() counts on; and giving up the CPU for a moment.
#pragma once

#include <cstdint>
#include <ctime>

namespace trtnode::executor {

inline std::int64_t Now() noexcept {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// In a loop that waits for another core or for the device.
inline void CpuRelax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace trtnode::executor
