// Runtime: IRuntime. Deserializes plans.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/library.h"
#include "tensorrt/logger.h"

namespace trtnode::tensorrt {

class Engine;
class GpuAllocator;
class PlanSource;
class DeviceCopy;

struct RuntimeOptions {
  Severity log_severity = Severity::kWarning;
  LogSink log_sink;     // may be empty
  int dla_core = -1;    // -1: the GPU
  int max_threads = 0;  // 0: TensorRT's default
  bool engine_host_code_allowed = false;
  std::string temporary_directory;  // empty: TensorRT's default
  // Of all device memory of its engines and their contexts, which keep it; null: TensorRT's own.
  std::shared_ptr<GpuAllocator> gpu_allocator;
};

// The caller has checked that a CUDA device is usable and made its context current: TensorRT crashes or answers junk without one.
class Runtime : public std::enable_shared_from_this<Runtime> {
 public:
  static Result<std::shared_ptr<Runtime>> Create(std::shared_ptr<Library> library,
                                                 RuntimeOptions options);
  ~Runtime();

  // Looks at the header first (plan_header.h), then deserializes on the current CUDA device. `plan` may be freed afterwards.
  // Blocks for as long as TensorRT takes; one call at a time per Runtime (guarded inside).
  // `may_wait`: whether it may wait for a plan that comes in pieces; false where the pieces come from this very thread.
  Result<std::shared_ptr<Engine>> DeserializeEngine(std::span<const std::byte> plan,
                                                    bool may_wait = true);

  // The same, read piece by piece, without the whole plan in our memory (TensorRT 10.0 and newer; before, it is collected). The source
  // is read to its end before this returns, and has to end without an error.
  Result<std::shared_ptr<Engine>> DeserializeEngineFrom(PlanSource& source, DeviceCopy& copy);
  const std::shared_ptr<GpuAllocator>& gpu_allocator() const noexcept;

  int num_dla_cores() const;
  int dla_core() const;
  int max_threads() const;
  bool engine_host_code_allowed() const;
  std::string temporary_directory() const;

  const std::shared_ptr<Library>& library() const noexcept;
  Logger& logger() const noexcept;

 private:
  struct Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trtnode::tensorrt
