// WholeFile: all bytes of a file, mapped where that is safe, otherwise read into memory, once.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/leased_mapping.h"
#include "core/memory_region.h"
#include "core/status.h"

namespace trtnode {

class WholeFile {
 public:
  // kFile, with the system's words ("ENOENT: …") in the message: also for what is no regular file, and for one that changed while
  // it was read. kOutOfMemory. An empty file has no bytes and is no error.
  static Result<WholeFile> Open(const std::string& path);

  std::span<const std::byte> bytes() const noexcept {
    return mapping_ ? mapping_->bytes() : memory_.bytes();
  }
  bool mapped() const noexcept { return mapping_ != nullptr; }

 private:
  std::unique_ptr<LeasedMapping> mapping_;  // null: `memory_` holds the bytes
  MemoryRegion memory_;
};

}  // namespace trtnode
