// Outputs of unknown size.
#include "executor/growing_output.h"

#include <algorithm>
#include <string>
#include <utility>

namespace trtnode::executor {

void GrowingOutput::Begin(std::shared_ptr<cuda::DeviceBuffer> target) noexcept {
  target_ = std::move(target);
  dims_.reset();
  status_ = Status();
}

std::shared_ptr<cuda::DeviceBuffer> GrowingOutput::TakeBuffer() noexcept {
  device_bytes_ = 0;
  return std::move(buffer_);
}

void* GrowingOutput::Reallocate(const char* tensor, void* /*current*/, std::uint64_t size,
                                std::uint64_t /*alignment*/, void* /*stream*/) {
  try {
    const auto bytes = static_cast<std::size_t>(size);
    if (target_ != nullptr) {
      if (bytes <= target_->bytes()) return target_->pointer();
      status_ = Status(ErrorCode::kOutputAllocator,
                       std::string("Output '") + tensor + "' needs " + std::to_string(bytes) +
                           " bytes, but the device buffer given for it has " +
                           std::to_string(target_->bytes()) + ".",
                       "Give a larger buffer, or let the output be allocated ('device').");
      return nullptr;
    }
    if (buffer_ != nullptr && bytes <= buffer_->bytes()) return buffer_->pointer();
    const std::size_t old = buffer_ != nullptr ? buffer_->bytes() : 0;
    buffer_.reset();
    device_bytes_ = 0;
    auto result = cuda::DeviceBuffer::Allocate(context_, std::max(bytes, old + old / 2));
    if (!result.ok() && old + old / 2 > bytes) {
      result = cuda::DeviceBuffer::Allocate(context_, bytes);
    }
    if (!result.ok()) {
      status_ = result.TakeStatus();
      return nullptr;
    }
    buffer_ = result.Take();
    device_bytes_ = buffer_->bytes();
    return buffer_->pointer();
  } catch (...) {  // TensorRT is between us and the guard of the thread: nothing may fly through it
    return nullptr;
  }
}

void GrowingOutput::NotifyShape(const char* /*tensor*/, const Dims& dims) { dims_ = dims; }

}  // namespace trtnode::executor
