// GpuAllocator: whom TensorRT asks for device memory; GpuAllocatorAdapter: the IGpuAsyncAllocator that TensorRT calls in front of it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "core/status.h"
#include "tensorrt/abi/callbacks.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

// Any thread, several at once, at any time between the creation and the end of what it was given to. Must not throw.
class GpuAllocator {
 public:
  GpuAllocator() = default;
  virtual ~GpuAllocator() = default;
  GpuAllocator(const GpuAllocator&) = delete;
  GpuAllocator& operator=(const GpuAllocator&) = delete;

  // `stream`: the memory is used in its order; null: at once. Null: refused, and Refuse was told why.
  virtual void* Allocate(std::uint64_t bytes, std::uint64_t alignment, std::uint32_t flags,
                         void* stream) = 0;
  // Other memory with the same content; the old one is gone then. Null: refused, and the old one is as it was.
  virtual void* Reallocate(void* address, std::uint64_t alignment, std::uint64_t bytes) = 0;
  virtual bool Deallocate(void* address, void* stream) = 0;

  std::uint64_t refusals() const {
    const std::lock_guard lock(mutex_);
    return refusals_;
  }
  // Why memory was refused the last time; ok: never.
  Status last_refusal() const {
    const std::lock_guard lock(mutex_);
    return refusals_ > 0 ? Status(reason_.error()) : Status();
  }

 protected:
  void Refuse(Status reason) {
    const std::lock_guard lock(mutex_);
    reason_ = std::move(reason);
    ++refusals_;
  }

 private:
  mutable std::mutex mutex_;
  Status reason_;
  std::uint64_t refusals_ = 0;
};

class GpuAllocatorAdapter final : public abi::GpuAllocatorInterface {
 public:
  explicit GpuAllocatorAdapter(std::shared_ptr<GpuAllocator> target) : target_(std::move(target)) {}

  // TensorRT 8 has another layout and knows no streams.
  static Status CheckVersion(const Version& version) {
    if (version.major >= 10) return Status();
    return Status(ErrorCode::kUnsupported,
                  "GPU allocators need TensorRT 10 or newer; this is " + version.ToString() + ".",
                  "Leave `gpuAllocator` out.");
  }

  abi::IGpuAllocator* abi_object() noexcept {
    return reinterpret_cast<abi::IGpuAllocator*>(static_cast<abi::GpuAllocatorInterface*>(this));
  }
  const std::shared_ptr<GpuAllocator>& target() const noexcept { return target_; }

  void* allocate(abi::u64 size, abi::u64 alignment, abi::u32 flags) noexcept override {
    return allocateAsync(size, alignment, flags, nullptr);
  }
  void* allocateAsync(abi::u64 size, abi::u64 alignment, abi::u32 flags,
                      abi::CUstream_st* stream) noexcept override {
    if (size == 0) return nullptr;  // what TensorRT documents for it
    return Guard(static_cast<void*>(nullptr),
                 [&] { return target_->Allocate(size, alignment, flags, stream); });
  }
  void* reallocate(void* address, abi::u64 alignment, abi::u64 new_size) noexcept override {
    if (address == nullptr || new_size == 0) return nullptr;
    return Guard(static_cast<void*>(nullptr),
                 [&] { return target_->Reallocate(address, alignment, new_size); });
  }
  bool deallocate(void* address) noexcept override { return deallocateAsync(address, nullptr); }
  bool deallocateAsync(void* address, abi::CUstream_st* stream) noexcept override {
    if (address == nullptr) return true;
    return Guard(false, [&] { return target_->Deallocate(address, stream); });
  }

 private:
  // TensorRT must never see an exception of ours.
  template <typename T, typename F>
  static T Guard(T otherwise, F body) noexcept {
    try {
      return body();
    } catch (...) {
      return otherwise;
    }
  }

  const std::shared_ptr<GpuAllocator> target_;
};

// Around a call in which TensorRT may ask `allocator` (may be null) for memory: its reason says more than TensorRT's error.
class RefusalScope {
 public:
  explicit RefusalScope(const GpuAllocator* allocator)
      : allocator_(allocator), before_(allocator != nullptr ? allocator->refusals() : 0) {}

  Status Explain(Status failure) const {
    if (allocator_ == nullptr || allocator_->refusals() == before_) return failure;
    Status reason = allocator_->last_refusal();
    reason.error().log = std::move(failure.error().log);
    if (reason.error().call.empty()) reason.error().call = std::move(failure.error().call);
    return reason;
  }

 private:
  const GpuAllocator* const allocator_;
  const std::uint64_t before_;
};

}  // namespace trtnode::tensorrt
