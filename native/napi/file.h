// Reading a whole file into memory.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/status.h"

namespace trtnode::napi {

struct FileContents {
  std::unique_ptr<std::byte[]> data;
  std::size_t size = 0;
  std::span<const std::byte> bytes() const noexcept { return {data.get(), size}; }
};

// Reads, and does not map: a plan that is overwritten in place while TensorRT reads it from a mapping would be SIGBUS, the end of the
// process; so it is an error. kFile, with the system's words ("ENOENT: …") in the message.
Result<FileContents> ReadWholeFile(const std::string& path);

}  // namespace trtnode::napi
