// Driver: one opened implementation of the CUDA driver API. NVIDIA's and the reference runtime's may both be open in a process.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "cuda/abi.h"

namespace trtnode::cuda {

class PrimaryContext;

inline constexpr const char* kDriverLibrary = "libcuda.so.1";

struct DeviceInfo {
  int index = 0;
  std::string name;
  std::string uuid;        // "GPU-…", empty where the driver cannot tell
  std::string pci_bus_id;  // likewise
  std::uint64_t total_memory_bytes = 0;
  int compute_capability_major = 0, compute_capability_minor = 0;
  int multiprocessors = 0;
  bool integrated = false;
  bool can_map_host_memory = false;
};

struct MemoryInfo {
  std::uint64_t free_bytes = 0, total_bytes = 0;
};

// Safe from any thread. Never dlclosed and never destroyed: CUDA has exit handlers of its own.
class Driver : public std::enable_shared_from_this<Driver> {
 public:
  // The same Driver for the same `library` each time. kNoDriver: it cannot be opened, or lacks a function.
  static Result<std::shared_ptr<Driver>> Open(const std::string& library);

  // cuInit, and at least one device; every function below needs it first (Retain calls it). A failure is tried anew each time.
  Status Initialize();

  int version()
      const noexcept;  // 12080: CUDA 12.8; needs no Initialize; 0 if the driver does not say
  const std::string& library() const noexcept { return library_; }
  const abi::Functions& f() const noexcept { return functions_; }

  Result<int> DeviceCount();
  Result<DeviceInfo> Describe(int device);
  Result<std::vector<DeviceInfo>> Devices();

  // Whether `device` can read and write the memory of `peer` directly. Copies work all the same, through the host.
  Result<bool> CanAccessPeer(int device, int peer);

  // The device's primary context, shared by all who hold it; released with the last one.
  Result<std::shared_ptr<PrimaryContext>> Retain(int device);

  // Ok for CUDA_SUCCESS, else an Error that names the call and what CUDA says. Errors that leave the context unusable are
  // kDeviceLost. `requested_bytes` (0: none) is told for kOutOfMemory, with the current context's free memory.
  Status Check(abi::CUresult result, const char* call, std::uint64_t requested_bytes = 0) const {
    return result == abi::kSuccess ? Status() : MakeError(result, call, requested_bytes);
  }

  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() = default;

 private:
  explicit Driver(std::string library) : library_(std::move(library)) {}
  Status Load();
  bool IsUnreachable() const noexcept;
  Status MakeError(abi::CUresult result, const char* call, std::uint64_t requested_bytes) const;

  const std::string library_;
  abi::Functions functions_;
  std::mutex mutex_;  // guards what follows
  bool initialized_ = false;
  std::vector<std::weak_ptr<PrimaryContext>> contexts_;  // by device
};

// Whether a CUresult means that the process can do no more CUDA work.
bool IsSticky(abi::CUresult result) noexcept;

// "1.5 GiB (1610612736 bytes)"
std::string FormatBytes(std::uint64_t bytes);

}  // namespace trtnode::cuda
