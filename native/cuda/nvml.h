// Nvml: what NVIDIA's management library tells of the GPUs, opened at run time. For metrics: what cannot be told is missing, no error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"

namespace trtnode::cuda {

inline constexpr const char* kNvmlLibrary = "libnvidia-ml.so.1";

// Of one GPU; without a value: it does not tell (MIG, no permission, an old driver).
struct GpuReading {
  std::string uuid;                   // "GPU-…"
  std::optional<double> utilization;  // 0 to 1
  std::optional<std::uint64_t> memory_total_bytes, memory_used_bytes;
  std::optional<double> power_usage_watts, power_limit_watts;
  std::optional<double> energy_joules;  // since the driver was loaded
};

// Safe from any thread. Initialized once and never shut down by Open's users: starting NVML takes tens of milliseconds.
class Nvml {
 public:
  // The same one for the same `library` each time. kNoDriver: it cannot be opened, lacks a function or does not start; tried anew
  // each time.
  static Result<std::shared_ptr<Nvml>> Open(const std::string& library);

  // All GPUs that tell their uuid; takes milliseconds.
  std::vector<GpuReading> Read() const;

  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml();

 private:
  struct Functions;
  explicit Nvml(std::unique_ptr<Functions> functions);
  static Result<std::unique_ptr<Functions>> Load(const std::string& library);

  const std::unique_ptr<const Functions> functions_;
};

}  // namespace trtnode::cuda
