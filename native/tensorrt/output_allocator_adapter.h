// OutputAllocatorAdapter: the IOutputAllocator that TensorRT calls, in front of our OutputAllocator.
#pragma once

#include <memory>
#include <utility>

#include "tensorrt/abi/callbacks.h"
#include "tensorrt/abi/dims.h"
#include "tensorrt/execution_context.h"

namespace trtnode::tensorrt {

class OutputAllocatorAdapter final : public abi::OutputAllocatorInterface {
 public:
  explicit OutputAllocatorAdapter(std::shared_ptr<OutputAllocator> target)
      : target_(std::move(target)) {}

  abi::IOutputAllocator* abi_object() noexcept {
    return reinterpret_cast<abi::IOutputAllocator*>(
        static_cast<abi::OutputAllocatorInterface*>(this));
  }

  // Whether a request was refused since the last question.
  bool TakeFailure() noexcept { return std::exchange(failed_, false); }

  void* reallocateOutput(char const* tensor, void* current, abi::u64 size,
                         abi::u64 alignment) noexcept override {
    return reallocateOutputAsync(tensor, current, size, alignment, nullptr);
  }

  void* reallocateOutputAsync(char const* tensor, void* current, abi::u64 size, abi::u64 alignment,
                              abi::CUstream_st* stream) noexcept override {
    void* memory = nullptr;
    try {
      memory = target_->Reallocate(tensor, current, size, alignment, stream);
    } catch (...) {
      // Counts as refused.
    }
    if (memory == nullptr) failed_ = true;
    return memory;
  }

  void notifyShape(char const* tensor, abi::Dims64 const& dims) noexcept override {
    try {
      if (const auto shape = abi::FromAbi(dims)) {
        target_->NotifyShape(tensor, *shape);
        return;
      }
    } catch (...) {
      // As above.
    }
    failed_ = true;
  }

 private:
  const std::shared_ptr<OutputAllocator> target_;
  bool failed_ = false;  // TensorRT calls on the enqueueing thread only
};

}  // namespace trtnode::tensorrt
