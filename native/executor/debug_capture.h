// DebugCapture: a debug listener that copies what it is told to host memory.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/dims.h"
#include "core/dtype.h"
#include "core/status.h"
#include "cuda/context.h"
#include "tensorrt/debug_listener.h"

namespace trtnode::executor {

// A tensor as it was when the engine passed it. In a loop there is one for each turn.
struct DebugTensor {
  std::string name;
  DataType dtype = DataType::kFloat;
  Dims shape;
  std::vector<std::byte> data;
};

// Which tensors a run shall tell of.
struct DebugRequest {
  bool all = false;
  std::vector<std::string> names;
  bool empty() const noexcept { return !all && names.empty(); }
};

class DebugCapture final : public tensorrt::DebugListener {
 public:
  // On the enqueueing thread, in order.
  using Sink = std::function<void(DebugTensor tensor)>;
  DebugCapture(std::shared_ptr<cuda::PrimaryContext> context, Sink sink)
      : context_(std::move(context)), sink_(std::move(sink)) {}

  // Waits for the stream: TensorRT may reuse the memory as soon as this returns.
  bool Process(const tensorrt::DebugTensorView& tensor) override;
  // Why the last one failed, once.
  Status TakeStatus() noexcept { return std::move(status_); }

 private:
  Status Copy(const tensorrt::DebugTensorView& tensor);

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const Sink sink_;
  Status status_;
};

}  // namespace trtnode::executor
