// LeasedMapping: a file mapped under a read lease, so that nobody can shrink it under the mapping (SIGBUS, the end of the process).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "core/descriptor.h"
#include "core/memory_region.h"

namespace trtnode {

// The kernel makes whoever opens a leased file for writing, or truncates it, wait until the lease is given back, and takes it after
// lease-break-time (45 s). Deserializing may take longer than that, and a writer should not wait for it at all: at the first sign of
// one, a thread of ours copies the file into memory, puts the copy in the mapping's place, at the same addresses, and gives the
// lease back. What is left of SIGBUS is a page that was dropped for want of memory and then cannot be read from its disk again.
class LeasedMapping {
 public:
  // Takes over `file`, a regular one that was opened for reading only. Null, and the file stays the caller's, where it cannot be
  // mapped safely: no lease (it is not ours, somebody has it open for writing, the file system has none), not on a local file system,
  // too large for a copy within lease-break-time, empty, a page that cannot be read.
  static std::unique_ptr<LeasedMapping> Create(Descriptor& file);
  ~LeasedMapping();
  LeasedMapping(const LeasedMapping&) = delete;
  LeasedMapping& operator=(const LeasedMapping&) = delete;

  // Valid, and as the file was, for as long as this lives.
  std::span<const std::byte> bytes() const noexcept { return region_.bytes(); }

 private:
  enum class State : std::uint8_t { kStarting, kMapped, kRefused };

  LeasedMapping() = default;
  void Watch(int fd);
  bool Map(int fd);
  bool Detach(int fd);

  Descriptor file_{-1};
  MemoryRegion
      region_;  // of the thread until it has said kMapped; its address and size never change afterwards
  std::mutex mutex_;
  std::condition_variable started_;
  State state_ = State::kStarting;
  std::atomic<bool> stop_{false};
  std::thread watcher_;
};

}  // namespace trtnode
