// CudaCopy: the bytes of a plan to where TensorRT wants them, host or device.
#pragma once

#include <memory>
#include <span>
#include <utility>

#include "cuda/context.h"
#include "tensorrt/plan_source.h"

namespace trtnode::executor {

class CudaCopy final : public tensorrt::DeviceCopy {
 public:
  explicit CudaCopy(std::shared_ptr<cuda::PrimaryContext> context) : context_(std::move(context)) {}

  bool IsDevice(const void* address) const override {
    const auto get = context_->f().cuPointerGetAttribute;
    if (get == nullptr) return false;
    unsigned type = 0;
    // Ordinary host memory is unknown to CUDA, which is an error here.
    return get(&type, cuda::abi::kPointerMemoryType,
               reinterpret_cast<cuda::abi::CUdeviceptr>(address)) == cuda::abi::kSuccess &&
           type == cuda::abi::kMemoryTypeDevice;
  }
  Status ToDevice(void* to, std::span<const std::byte> from, void* stream) override {
    if (from.empty()) return {};
    const auto handle = static_cast<cuda::abi::CUstream>(stream);
    RETURN_IF_ERROR(context_->driver().Check(
        context_->f().cuMemcpyHtoDAsync_v2(reinterpret_cast<cuda::abi::CUdeviceptr>(to),
                                           from.data(), from.size(), handle),
        "cuMemcpyHtoDAsync_v2"));
    return context_->driver().Check(context_->f().cuStreamSynchronize(handle),
                                    "cuStreamSynchronize");
  }

 private:
  const std::shared_ptr<cuda::PrimaryContext> context_;
};

}  // namespace trtnode::executor
