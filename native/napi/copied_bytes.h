// CopiedBytes: what was in a caller's view when it was called, for a native thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace trtnode::napi {

struct CopiedBytes {
  std::unique_ptr<std::byte[]> data;
  std::size_t size = 0;
  std::span<const std::byte> bytes() const noexcept { return {data.get(), size}; }
};

// Node-API cannot keep a caller from transferring the ArrayBuffer away, and so freeing it, while another thread reads it.
std::shared_ptr<const CopiedBytes> CopyBytes(std::span<const std::byte> bytes);

}  // namespace trtnode::napi
