// DebugListener: who is told the values of debug tensors; DebugListenerAdapter: the IDebugListener that TensorRT calls in front of it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/dims.h"
#include "core/dtype.h"
#include "tensorrt/abi/callbacks.h"
#include "tensorrt/abi/dims.h"

namespace trtnode::tensorrt {

// What TensorRT tells; the address is valid during the call only, and for work in `stream`.
struct DebugTensorView {
  const char* name = "";
  DataType dtype = DataType::kFloat;
  Dims shape;
  const void* address = nullptr;
  bool on_host = false;
  void* stream = nullptr;
};

class DebugListener {
 public:
  virtual ~DebugListener() = default;
  // Inside Enqueue, on the enqueueing thread. False: the enqueue shall fail.
  virtual bool Process(const DebugTensorView& tensor) = 0;
};

class DebugListenerAdapter final : public abi::DebugListenerInterface {
 public:
  explicit DebugListenerAdapter(std::shared_ptr<DebugListener> target)
      : target_(std::move(target)) {}

  abi::IDebugListener* abi_object() noexcept {
    return reinterpret_cast<abi::IDebugListener*>(static_cast<abi::DebugListenerInterface*>(this));
  }

  bool processDebugTensor(void const* address, TensorLocation location, DataType type,
                          abi::Dims64 const& dims, char const* name,
                          abi::CUstream_st* stream) noexcept override {
    try {
      const auto shape = abi::FromAbi(dims);
      if (!shape) return false;
      return target_->Process({name != nullptr ? name : "", type, *shape, address,
                               location == TensorLocation::kHost, stream});
    } catch (...) {  // no memory for the copy
      return false;
    }
  }

 private:
  const std::shared_ptr<DebugListener> target_;
};

}  // namespace trtnode::tensorrt
