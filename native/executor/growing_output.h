// GrowingOutput: memory for one output whose size TensorRT learns only while it runs; kept between runs, grown as it asks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/dims.h"
#include "core/status.h"
#include "cuda/buffer.h"
#include "tensorrt/execution_context.h"

namespace trtnode::executor {

class GrowingOutput final : public tensorrt::OutputAllocator {
 public:
  explicit GrowingOutput(std::shared_ptr<cuda::PrimaryContext> context) noexcept
      : context_(std::move(context)) {}

  // Before each run. `target` (may be null): the caller's buffer, which cannot grow.
  void Begin(std::shared_ptr<cuda::DeviceBuffer> target) noexcept;

  // After the run.
  const std::optional<Dims>& dims() const noexcept { return dims_; }
  const std::shared_ptr<cuda::DeviceBuffer>& buffer() const noexcept {
    return target_ != nullptr ? target_ : buffer_;
  }
  Status TakeStatus() noexcept { return std::move(status_); }  // why memory could not be given
  std::shared_ptr<cuda::DeviceBuffer> TakeBuffer() noexcept;
  void DropTarget() noexcept { target_.reset(); }
  std::uint64_t device_bytes() const noexcept { return device_bytes_.load(); }  // any thread

  void* Reallocate(const char* tensor, void* current, std::uint64_t size, std::uint64_t alignment,
                   void* stream) override;
  void NotifyShape(const char* tensor, const Dims& dims) override;

 private:
  const std::shared_ptr<cuda::PrimaryContext> context_;
  std::shared_ptr<cuda::DeviceBuffer> buffer_;
  std::shared_ptr<cuda::DeviceBuffer> target_;
  std::optional<Dims> dims_;
  Status status_;
  std::atomic<std::uint64_t> device_bytes_{0};
};

}  // namespace trtnode::executor
