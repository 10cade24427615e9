// Memory of inputs and outputs.
#include "bench/bindings.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace trtnode::bench {
namespace {

Status TooLarge(const tensorrt::TensorInfo& info, const Dims& dims) {
  return Status(ErrorCode::kInvalidShape, "The size of tensor '" + info.name + "' with shape " +
                                              dims.ToString() +
                                              " does not fit into memory addresses.");
}

}  // namespace

Bindings::Bindings(std::shared_ptr<cuda::PrimaryContext> context, executor::IoLayout layout,
                   int profile)
    : context_(std::move(context)),
      layout_(std::move(layout)),
      profile_(profile),
      inputs_(layout_.inputs.size()),
      outputs_(layout_.outputs.size()) {}

Result<std::unique_ptr<Bindings>> Bindings::Create(
    std::shared_ptr<cuda::PrimaryContext> context,
    const std::shared_ptr<tensorrt::ExecutionContext>& execution, const Options& options) {
  auto bindings = std::make_unique<Bindings>(
      std::move(context), executor::IoLayout(execution->engine()->info()), options.profile);
  RETURN_IF_ERROR(bindings->SetInputs(*execution, options.inputs));
  RETURN_IF_ERROR(bindings->SetOutputs(*execution));
  return bindings;
}

Status Bindings::SetInputs(tensorrt::ExecutionContext& execution,
                           const std::vector<Input>& inputs) {
  if (inputs.size() != inputs_.size()) {
    return Status(ErrorCode::kInternal, "measure: " + std::to_string(inputs_.size()) +
                                            " inputs are expected, got " +
                                            std::to_string(inputs.size()) + ".");
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const executor::IoTensor& io = layout_.inputs[i];
    const Input& given = inputs[i];
    Tensor& input = inputs_[i];
    input.index = io.index;
    input.dims = given.dims;
    // TensorRT need not be told a shape that is fixed.
    if (!(io.info->shape.IsConcrete() && io.info->shape == given.dims)) {
      RETURN_IF_ERROR(execution.SetInputShape(io.index, given.dims));
    }
    const auto bytes = executor::TensorBytes(*io.info, profile_, given.dims);
    if (!bytes.has_value()) return TooLarge(*io.info, given.dims);
    if (given.bytes.size() != *bytes) {
      return Status(ErrorCode::kLengthMismatch,
                    "Input '" + io.info->name + "' of shape " + given.dims.ToString() + " has " +
                        std::to_string(*bytes) + " bytes, but " +
                        std::to_string(given.bytes.size()) + " were given.");
    }
    input.bytes = *bytes;
    if (io.on_host) {
      input.on_host = given.bytes;
      input.on_host.resize(std::max<std::size_t>(*bytes, 16));
      RETURN_IF_ERROR(execution.SetTensorAddress(io.index, input.on_host.data()));
      continue;
    }
    ASSIGN_OR_RETURN(input.staging, cuda::PinnedBuffer::Allocate(context_, *bytes, false));
    if (*bytes > 0) std::memcpy(input.staging->data(), given.bytes.data(), *bytes);
    ASSIGN_OR_RETURN(input.device, cuda::DeviceBuffer::Allocate(context_, *bytes));
    RETURN_IF_ERROR(execution.SetTensorAddress(io.index, input.device->pointer()));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> missing, execution.InferShapes());
  if (missing.empty()) return {};
  std::string names;
  for (const std::string& name : missing) names += (names.empty() ? "'" : ", '") + name + "'";
  return Status(ErrorCode::kMissingInput,
                "TensorRT misses the shape or the values of: " + names + ".");
}

Status Bindings::SetOutputs(tensorrt::ExecutionContext& execution) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const executor::IoTensor& io = layout_.outputs[i];
    Tensor& output = outputs_[i];
    output.index = io.index;
    ASSIGN_OR_RETURN(output.dims, execution.TensorShape(io.index));
    if (!output.dims.IsConcrete()) {
      if (io.on_host) {
        return Status(ErrorCode::kUnsupported, "Output '" + io.info->name +
                                                   "' is computed in host memory and its size "
                                                   "depends on the data.");
      }
      data_dependent_ = true;
      output.growing = std::make_shared<executor::GrowingOutput>(context_);
      RETURN_IF_ERROR(execution.SetOutputAllocator(io.index, output.growing));
      continue;
    }
    const auto bytes = executor::TensorBytes(*io.info, profile_, output.dims);
    if (!bytes.has_value()) return TooLarge(*io.info, output.dims);
    output.bytes = *bytes;
    if (io.on_host) {
      output.on_host.resize(std::max<std::size_t>(*bytes, 16));
      RETURN_IF_ERROR(execution.SetTensorAddress(io.index, output.on_host.data()));
      continue;
    }
    ASSIGN_OR_RETURN(output.staging, cuda::PinnedBuffer::Allocate(context_, *bytes, false));
    ASSIGN_OR_RETURN(output.device, cuda::DeviceBuffer::Allocate(context_, *bytes));
    RETURN_IF_ERROR(execution.SetTensorAddress(io.index, output.device->pointer()));
  }
  return {};
}

Status Bindings::CopyIn(const cuda::Stream& stream) const {
  for (const Tensor& input : inputs_) {
    if (input.device == nullptr) continue;
    RETURN_IF_ERROR(
        stream.CopyToDevice(input.device->address(), input.staging->data(), input.bytes));
  }
  return {};
}

Status Bindings::CopyOut(const cuda::Stream& stream) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Tensor& output = outputs_[i];
    if (output.growing != nullptr) {
      RETURN_IF_ERROR(Fit(output, *layout_.outputs[i].info, stream));
    }
    if (output.device == nullptr || output.bytes == 0) continue;
    RETURN_IF_ERROR(
        stream.CopyToHost(output.staging->data(), output.device->address(), output.bytes));
  }
  return {};
}

void Bindings::BeforeEnqueue() noexcept {
  if (!data_dependent_) return;
  for (const Tensor& output : outputs_) {
    if (output.growing != nullptr) output.growing->Begin(nullptr);
  }
}

// TensorRT has told the size by the end of enqueueing, or will have at the end of the stream: then the last one's counts.
Status Bindings::Fit(Tensor& output, const tensorrt::TensorInfo& info,
                     const cuda::Stream& stream) const {
  output.device = output.growing->buffer();
  const std::size_t available = output.device != nullptr ? output.device->bytes() : 0;
  if (output.growing->dims().has_value()) {
    output.dims = *output.growing->dims();
    const auto bytes = executor::TensorBytes(info, profile_, output.dims);
    if (!bytes.has_value() || *bytes > available) {
      return Status(ErrorCode::kExecution, "TensorRT tells output '" + info.name + "' to be " +
                                               output.dims.ToString() + ", but asked only for " +
                                               std::to_string(available) + " bytes.");
    }
    output.bytes = *bytes;
  }
  output.bytes = std::min(output.bytes, available);
  if (output.staging != nullptr && output.staging->bytes() >= output.bytes) return {};
  RETURN_IF_ERROR(stream.Synchronize());  // a copy into the old one may be under way
  const std::size_t old = output.staging != nullptr ? output.staging->bytes() : 0;
  ASSIGN_OR_RETURN(output.staging, cuda::PinnedBuffer::Allocate(
                                       context_, std::max(output.bytes, old + old / 2), false));
  return {};
}

Result<std::vector<Output>> Bindings::Outputs() const {
  std::vector<Output> outputs;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Tensor& output = outputs_[i];
    const std::byte* from = layout_.outputs[i].on_host  ? output.on_host.data()
                            : output.staging != nullptr ? output.staging->data()
                                                        : nullptr;
    Output& copy = outputs.emplace_back();
    copy.dims = output.dims;
    if (from != nullptr) copy.bytes.assign(from, from + output.bytes);
  }
  return outputs;
}

}  // namespace trtnode::bench
