// OutputAllocatorAdapter: the IOutputAllocator that TensorRT calls, in front of our OutputAllocator; in the layout of either major.
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
      : v8_(*this), target_(std::move(target)) {}

  abi::IOutputAllocator* abi_object(int abi_major) noexcept {
    void* object = abi_major == 8
                       ? static_cast<void*>(static_cast<abi::OutputAllocator8*>(&v8_))
                       : static_cast<void*>(static_cast<abi::OutputAllocatorInterface*>(this));
    return static_cast<abi::IOutputAllocator*>(object);
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
    Notify(tensor, dims);
  }

 private:
  // The same object for TensorRT 8.
  class V8 final : public abi::OutputAllocator8 {
   public:
    explicit V8(OutputAllocatorAdapter& owner) : owner_(owner) {}
    void* reallocateOutput(char const* tensor, void* current, abi::u64 size,
                           abi::u64 alignment) noexcept override {
      return owner_.reallocateOutput(tensor, current, size, alignment);
    }
    void notifyShape(char const* tensor, abi::Dims32 const& dims) noexcept override {
      owner_.Notify(tensor, dims);
    }

   private:
    OutputAllocatorAdapter& owner_;
  };

  template <typename T>
  void Notify(char const* tensor, T const& dims) noexcept {
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

  V8 v8_;
  const std::shared_ptr<OutputAllocator> target_;
  bool failed_ = false;  // TensorRT calls on the enqueueing thread only
};

}  // namespace trtnode::tensorrt
