// Copying bytes for a native thread.
#include "napi/copied_bytes.h"

#include <cstring>
#include <utility>

namespace trtnode::napi {

std::shared_ptr<const CopiedBytes> CopyBytes(std::span<const std::byte> bytes) {
  CopiedBytes copy;
  copy.size = bytes.size();
  copy.data = std::make_unique_for_overwrite<std::byte[]>(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data.get(), bytes.data(), bytes.size());
  return std::make_shared<const CopiedBytes>(std::move(copy));
}

}  // namespace trtnode::napi
