// DeviceBuffer and PinnedBuffer: device memory, owned or somebody else's, and owned page-locked host memory.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/status.h"
#include "cuda/context.h"

namespace trtnode::cuda {

// Freeing waits for the device (cuMemFree), so that work in flight never sees it vanish.
class DeviceBuffer {
 public:
  // The address is never null and at least 256-aligned, also for 0 bytes.
  static Result<std::shared_ptr<DeviceBuffer>> Allocate(std::shared_ptr<PrimaryContext> context,
                                                        std::size_t bytes);
  // `owner`: of memory that is not freed here; does what there is to do when the last buffer over it is gone. Null: it is cuMemAlloc's.
  DeviceBuffer(std::shared_ptr<PrimaryContext> context, abi::CUdeviceptr address, std::size_t bytes,
               std::shared_ptr<const void> owner = nullptr) noexcept;
  ~DeviceBuffer();
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  abi::CUdeviceptr address() const noexcept { return address_; }
  void* pointer() const noexcept { return reinterpret_cast<void*>(address_); }
  std::size_t bytes() const noexcept { return bytes_; }
  const std::shared_ptr<PrimaryContext>& context() const noexcept { return context_; }

  // Blocking, on the default stream. The range was checked by the caller.
  Status Write(std::span<const std::byte> from, std::size_t offset) const;
  Status Read(std::span<std::byte> into, std::size_t offset) const;

 private:
  const std::shared_ptr<PrimaryContext> context_;
  const abi::CUdeviceptr address_;
  const std::size_t bytes_;
  const std::shared_ptr<const void> owner_;  // null: this
};

class PinnedBuffer {
 public:
  // Portable: usable from every device's streams. `mapped`: also addressable by the device. Not zeroed.
  static Result<std::shared_ptr<PinnedBuffer>> Allocate(std::shared_ptr<PrimaryContext> context,
                                                        std::size_t bytes, bool mapped);
  PinnedBuffer(std::shared_ptr<PrimaryContext> context, std::byte* data, std::size_t bytes,
               abi::CUdeviceptr device_address) noexcept;
  ~PinnedBuffer();
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;

  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }
  abi::CUdeviceptr device_address() const noexcept { return device_address_; }  // 0: not mapped
  const std::shared_ptr<PrimaryContext>& context() const noexcept { return context_; }

 private:
  const std::shared_ptr<PrimaryContext> context_;
  std::byte* const data_;
  const std::size_t bytes_;
  const abi::CUdeviceptr device_address_;
};

}  // namespace trtnode::cuda
