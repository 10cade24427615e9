// IHostMemory over a string.
#pragma once

#include <string>
#include <utility>

#include "reference/abi/handles.h"

namespace trtnode::reference {

class HostMemory final : public VHostMemory {
 public:
  explicit HostMemory(std::string bytes) : bytes_(std::move(bytes)) {}
  // The caller's application deletes what it gets, through slot 1 of the handle's own vtable.
  static IHostMemory* Make(std::string bytes) {
    return std::make_unique<IHostMemory>(std::make_unique<HostMemory>(std::move(bytes))).release();
  }

  void* data() const noexcept override { return const_cast<char*>(bytes_.data()); }
  size_t size() const noexcept override { return bytes_.size(); }
  DataType type() const noexcept override { return DataType::kINT8; }

 private:
  std::string bytes_;
};

}  // namespace trtnode::reference
