// HostMemory: IHostMemory.
#include "tensorrt/abi/call.h"
#include "tensorrt/engine.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

HostMemory::HostMemory(int abi_major, void* host_memory)
    : abi_major_(abi_major), object_(host_memory) {}

HostMemory::~HostMemory() {
  abi::Delete<abi::VHostMemory>(abi_major_, static_cast<abi::IHostMemory*>(object_));
}

std::span<const std::byte> HostMemory::bytes() const noexcept {
  if (object_ == nullptr) return {};
  const auto* memory = static_cast<const abi::IHostMemory*>(object_);
  const void* data = abi::Invoke<m::VHostMemory_data>(abi_major_, memory);
  const std::uint64_t size = abi::Invoke<m::VHostMemory_size>(abi_major_, memory);
  if (data == nullptr) return {};
  return {static_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

}  // namespace trtnode::tensorrt
