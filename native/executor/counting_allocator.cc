// Counting what TensorRT allocates, and refusing what is beyond the limit.
#include "executor/counting_allocator.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

namespace trtnode::executor {
namespace {

constexpr std::uint64_t kAlignment = 256;

cuda::abi::CUdeviceptr Address(void* pointer) {
  return reinterpret_cast<cuda::abi::CUdeviceptr>(pointer);
}

class DeviceSource final : public DeviceMemorySource {
 public:
  explicit DeviceSource(std::shared_ptr<cuda::PrimaryContext> context)
      : context_(std::move(context)), pools_(HasPools(*context_)) {}

  Result<void*> Allocate(std::size_t bytes, std::uint64_t /*alignment*/, std::uint32_t /*flags*/,
                         void* stream) override {
    // TensorRT never asks for more alignment than cuMemAlloc gives.
    const cuda::ContextGuard guard(*context_);
    RETURN_IF_ERROR(guard.status());
    cuda::abi::CUdeviceptr address = 0;
    if (stream == nullptr || !pools_) {
      RETURN_IF_ERROR(context_->driver().Check(context_->f().cuMemAlloc_v2(&address, bytes),
                                               "cuMemAlloc_v2", bytes));
      return reinterpret_cast<void*>(address);
    }
    const auto handle = static_cast<cuda::abi::CUstream>(stream);
    RETURN_IF_ERROR(context_->driver().Check(context_->f().cuMemAllocAsync(&address, bytes, handle),
                                             "cuMemAllocAsync", bytes));
    const std::lock_guard lock(mutex_);
    pooled_.insert(reinterpret_cast<void*>(address));
    return reinterpret_cast<void*>(address);
  }

  bool Free(void* address, void* stream) override {
    bool pooled = false;
    {
      const std::lock_guard lock(mutex_);
      pooled = pooled_.erase(address) > 0;
    }
    const cuda::ContextGuard guard(*context_);
    // cuMemFree waits for the device, and takes memory of a pool as well.
    if (!pooled || stream == nullptr) {
      return context_->f().cuMemFree_v2(Address(address)) == cuda::abi::kSuccess;
    }
    return context_->f().cuMemFreeAsync(
               Address(address), static_cast<cuda::abi::CUstream>(stream)) == cuda::abi::kSuccess;
  }

 private:
  static bool HasPools(const cuda::PrimaryContext& context) {
    const cuda::abi::Functions& f = context.f();
    if (f.cuMemAllocAsync == nullptr || f.cuMemFreeAsync == nullptr) return false;
    int has = 0;
    cuda::abi::CUdevice device = 0;
    return f.cuDeviceGet(&device, context.device()) == cuda::abi::kSuccess &&
           f.cuDeviceGetAttribute(&has, cuda::abi::kAttributeMemoryPoolsSupported, device) ==
               cuda::abi::kSuccess &&
           has != 0;
  }

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const bool pools_;
  std::mutex mutex_;
  std::unordered_set<void*> pooled_;  // what the memory pool gave
};

}  // namespace

std::unique_ptr<DeviceMemorySource> MakeDeviceSource(
    std::shared_ptr<cuda::PrimaryContext> context) {
  return std::make_unique<DeviceSource>(std::move(context));
}

// The graph would keep an address that is given to others afterwards, or own the memory, counted once for all its launches.
Status CountingAllocator::CheckCapture(void* stream) const {
  if (stream == nullptr) return {};
  const cuda::ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  int capturing = cuda::abi::kCaptureStatusNone;
  RETURN_IF_ERROR(context_->driver().Check(
      context_->f().cuStreamIsCapturing(static_cast<cuda::abi::CUstream>(stream), &capturing),
      "cuStreamIsCapturing"));
  if (capturing == cuda::abi::kCaptureStatusNone) return {};
  return Status(ErrorCode::kOutOfMemory,
                "The GPU allocator gives no memory while a CUDA graph is captured.",
                "Run without CUDA graphs (cudaGraph: 'off').");
}

Status CountingAllocator::Take(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t used = stats_.allocated_bytes;
  if (limit_ != 0 && (bytes > limit_ || used > limit_ - bytes)) {
    ++stats_.refusals;
    Error error;
    error.code = ErrorCode::kOutOfMemory;
    error.message = "The GPU allocator's limit of " + cuda::FormatBytes(limit_) +
                    " does not allow " + cuda::FormatBytes(bytes) +
                    " more: " + cuda::FormatBytes(used) + " are allocated.";
    error.hint = "Raise `limitBytes`, or close what uses this allocator.";
    error.requested_bytes = bytes;
    return Status(std::move(error));
  }
  stats_.allocated_bytes += bytes;
  stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.allocated_bytes);
  ++stats_.allocations;
  return {};
}

void CountingAllocator::Give(std::uint64_t bytes, bool never_had) noexcept {
  const std::lock_guard lock(mutex_);
  stats_.allocated_bytes -= bytes;
  if (never_had) {
    --stats_.allocations;
    ++stats_.refusals;
  } else {
    ++stats_.deallocations;
  }
}

void* CountingAllocator::Allocate(std::uint64_t bytes, std::uint64_t alignment, std::uint32_t flags,
                                  void* stream) {
  if (Status over = Take(bytes); !over.ok()) {
    Refuse(std::move(over));
    return nullptr;
  }
  const auto ask = [&]() -> Result<void*> {
    RETURN_IF_ERROR(CheckCapture(stream));
    return source_->Allocate(static_cast<std::size_t>(bytes), alignment, flags, stream);
  };
  Result<void*> memory = ask();
  if (!memory.ok()) {
    Give(bytes, true);
    Refuse(memory.TakeStatus());
    return nullptr;
  }
  const std::lock_guard lock(mutex_);
  sizes_[memory.value()] = bytes;
  return memory.value();
}

void* CountingAllocator::Reallocate(void* address, std::uint64_t alignment, std::uint64_t bytes) {
  std::uint64_t old = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(address);
    if (found == sizes_.end()) return nullptr;
    old = found->second;
  }
  void* const memory = Allocate(bytes, alignment, 0, nullptr);
  if (memory == nullptr) return nullptr;
  {
    const cuda::ContextGuard guard(*context_);
    const Status copied = context_->driver().Check(
        context_->f().cuMemcpyDtoDAsync_v2(Address(memory), Address(address),
                                           static_cast<std::size_t>(std::min(old, bytes)), nullptr),
        "cuMemcpyDtoDAsync_v2");
    // The old memory goes next, and the new one may be used in any stream.
    const Status done = copied.ok() ? context_->Synchronize() : Status(copied.error());
    if (!done.ok()) {
      Deallocate(memory, nullptr);
      Refuse(Status(done.error()));
      return nullptr;
    }
  }
  Deallocate(address, nullptr);
  return memory;
}

bool CountingAllocator::Deallocate(void* address, void* stream) {
  std::uint64_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(address);
    if (found == sizes_.end()) return false;
    bytes = found->second;
    sizes_.erase(found);
  }
  const bool freed = source_->Free(address, stream);
  Give(bytes, false);
  return freed;
}

AllocatorStats CountingAllocator::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

Result<std::shared_ptr<cuda::DeviceBuffer>> AllocateFrom(
    const std::shared_ptr<tensorrt::GpuAllocator>& allocator,
    const std::shared_ptr<cuda::PrimaryContext>& context, std::size_t bytes) {
  void* const memory = allocator->Allocate(bytes, kAlignment, 0, nullptr);
  if (memory == nullptr) {
    Status reason = allocator->last_refusal();
    if (!reason.ok()) return reason;
    return Status(ErrorCode::kOutOfMemory, "The GPU allocator gave no memory.");
  }
  std::shared_ptr<const void> owner(
      memory, [allocator](void* address) { (void)allocator->Deallocate(address, nullptr); });
  return std::make_shared<cuda::DeviceBuffer>(context, Address(memory), bytes, std::move(owner));
}

}  // namespace trtnode::executor
