// Bindings: the memory behind an execution context's inputs and outputs, on the host and on the device, and the copies between.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "bench/measure.h"
#include "core/status.h"
#include "cuda/buffer.h"
#include "cuda/stream.h"
#include "executor/growing_output.h"
#include "executor/io_layout.h"
#include "tensorrt/execution_context.h"

namespace trtnode::bench {

class Bindings {
 public:
  // Sets the shapes of `execution`, whose profile is selected, takes memory and sets the addresses. The context must be current.
  static Result<std::unique_ptr<Bindings>> Create(
      std::shared_ptr<cuda::PrimaryContext> context,
      const std::shared_ptr<tensorrt::ExecutionContext>& execution, const Options& options);
  Bindings(std::shared_ptr<cuda::PrimaryContext> context, executor::IoLayout layout, int profile);

  // Neither waits.
  Status CopyIn(const cuda::Stream& stream) const;
  Status CopyOut(const cuda::Stream& stream);

  // Around each enqueueing: outputs of unknown size learn theirs there.
  void BeforeEnqueue() noexcept;
  bool data_dependent() const noexcept { return data_dependent_; }

  // What was copied out last.
  Result<std::vector<Output>> Outputs() const;

 private:
  struct Tensor {
    int index = 0;
    std::size_t bytes = 0;
    Dims dims;
    std::vector<std::byte> on_host;  // where TensorRT itself reads or writes host memory
    std::shared_ptr<cuda::PinnedBuffer> staging;
    std::shared_ptr<cuda::DeviceBuffer> device;
    std::shared_ptr<executor::GrowingOutput> growing;
  };

  Status SetInputs(tensorrt::ExecutionContext& execution, const std::vector<Input>& inputs);
  Status SetOutputs(tensorrt::ExecutionContext& execution);
  Status Fit(Tensor& output, const tensorrt::TensorInfo& info, const cuda::Stream& stream) const;

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const executor::IoLayout layout_;
  const int profile_;
  std::vector<Tensor> inputs_, outputs_;
  bool data_dependent_ = false;
};

}  // namespace trtnode::bench
