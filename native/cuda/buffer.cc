// Device and pinned memory.
#include "cuda/buffer.h"

#include <algorithm>
#include <utility>

namespace trtnode::cuda {

Result<std::shared_ptr<DeviceBuffer>> DeviceBuffer::Allocate(
    std::shared_ptr<PrimaryContext> context, std::size_t bytes) {
  const ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  abi::CUdeviceptr address = 0;
  // cuMemAlloc refuses 0, and TensorRT refuses a null address even for an empty tensor.
  RETURN_IF_ERROR(
      context->driver().Check(context->f().cuMemAlloc_v2(&address, std::max<std::size_t>(bytes, 1)),
                              "cuMemAlloc_v2", bytes));
  return std::make_shared<DeviceBuffer>(std::move(context), address, bytes);
}

DeviceBuffer::DeviceBuffer(std::shared_ptr<PrimaryContext> context, abi::CUdeviceptr address,
                           std::size_t bytes, std::shared_ptr<const void> owner) noexcept
    : context_(std::move(context)), address_(address), bytes_(bytes), owner_(std::move(owner)) {}

DeviceBuffer::~DeviceBuffer() {
  if (owner_ != nullptr) return;
  const ContextGuard guard(*context_);
  context_->f().cuMemFree_v2(address_);
}

Status DeviceBuffer::Write(std::span<const std::byte> from, std::size_t offset) const {
  if (from.empty()) return {};
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  return context_->driver().Check(
      context_->f().cuMemcpyHtoD_v2(address_ + offset, from.data(), from.size()),
      "cuMemcpyHtoD_v2");
}

Status DeviceBuffer::Read(std::span<std::byte> into, std::size_t offset) const {
  if (into.empty()) return {};
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  return context_->driver().Check(
      context_->f().cuMemcpyDtoH_v2(into.data(), address_ + offset, into.size()),
      "cuMemcpyDtoH_v2");
}

Result<std::shared_ptr<PinnedBuffer>> PinnedBuffer::Allocate(
    std::shared_ptr<PrimaryContext> context, std::size_t bytes, bool mapped) {
  const ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  const abi::Functions& f = context->f();
  if (mapped && f.cuMemHostGetDevicePointer_v2 == nullptr) {
    return Status(ErrorCode::kUnsupported, "This driver cannot map host memory into the device.",
                  "Allocate the pinned buffer without `mapped`.");
  }
  void* data = nullptr;
  const unsigned flags = abi::kHostAllocPortable | (mapped ? abi::kHostAllocDeviceMap : 0U);
  RETURN_IF_ERROR(context->driver().Check(
      f.cuMemHostAlloc(&data, std::max<std::size_t>(bytes, 1), flags), "cuMemHostAlloc", bytes));
  auto buffer = [&](abi::CUdeviceptr address) {
    return std::make_shared<PinnedBuffer>(context, static_cast<std::byte*>(data), bytes, address);
  };
  if (!mapped) return buffer(0);
  abi::CUdeviceptr address = 0;
  Status status = context->driver().Check(f.cuMemHostGetDevicePointer_v2(&address, data, 0),
                                          "cuMemHostGetDevicePointer_v2");
  if (!status.ok()) {
    f.cuMemFreeHost(data);
    return status;
  }
  return buffer(address);
}

PinnedBuffer::PinnedBuffer(std::shared_ptr<PrimaryContext> context, std::byte* data,
                           std::size_t bytes, abi::CUdeviceptr device_address) noexcept
    : context_(std::move(context)), data_(data), bytes_(bytes), device_address_(device_address) {}

PinnedBuffer::~PinnedBuffer() {
  const ContextGuard guard(*context_);
  context_->f().cuMemFreeHost(data_);
}

}  // namespace trtnode::cuda
