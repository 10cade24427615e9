// One run through a slot: staging, launching, waiting, reading.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "executor/slot.h"

namespace trtnode::executor {
namespace {

Status WrongLength(const tensorrt::TensorInfo& info, const Dims& dims, std::size_t needed,
                   std::size_t given, const char* what) {
  return Status(ErrorCode::kLengthMismatch, "Tensor '" + info.name + "' of shape " +
                                                dims.ToString() + " has " + std::to_string(needed) +
                                                " bytes, but the " + what + " has " +
                                                std::to_string(given) + ".");
}

Status OtherDevice(const tensorrt::TensorInfo& info) {
  return Status(ErrorCode::kInvalidArgument,
                "The device buffer given for '" + info.name +
                    "' belongs to another device, or to another runtime, than the session.");
}

// Grows a pinned buffer of its own (not an arena's) to `bytes`.
Status EnsurePinned(std::shared_ptr<cuda::PinnedBuffer>& buffer,
                    const std::shared_ptr<cuda::PrimaryContext>& context, std::size_t bytes,
                    std::atomic<std::uint64_t>& account) {
  const std::size_t capacity = buffer != nullptr ? buffer->bytes() : 0;
  if (buffer != nullptr && bytes <= capacity) return {};
  buffer.reset();
  account -= capacity;
  ASSIGN_OR_RETURN(buffer,
                   cuda::PinnedBuffer::Allocate(context, Arena::Grown(bytes, capacity, 0), false));
  account += buffer->bytes();
  return {};
}

}  // namespace

Status Slot::CheckInput(std::size_t i, const Input& given) const {
  const tensorrt::TensorInfo& info = *layout_->inputs[i].info;
  const InputState& input = inputs_[i];
  switch (given.kind) {
    case Input::Kind::kNone:
      if (layout_->inputs[i].on_host) return {};
      return Status(ErrorCode::kMissingInput, "Input '" + info.name + "' was not given.");
    case Input::Kind::kHost:
      if (layout_->inputs[i].on_host || given.host.size() == input.bytes) return {};
      return WrongLength(info, input.dims, input.bytes, given.host.size(), "array");
    case Input::Kind::kPinned:
      if (given.pinned->bytes() >= input.bytes) return {};
      return WrongLength(info, input.dims, input.bytes, given.pinned->bytes(), "pinned buffer");
    case Input::Kind::kDevice:
      if (given.device->context() != context_) return OtherDevice(info);
      if (given.device->bytes() >= input.bytes) return {};
      return WrongLength(info, input.dims, input.bytes, given.device->bytes(), "device buffer");
  }
  return {};
}

Status Slot::CheckTarget(std::size_t i, const OutputTarget& target) const {
  const tensorrt::TensorInfo& info = *layout_->outputs[i].info;
  const OutputState& output = outputs_[i];
  const bool sized = !output.data_dependent;
  switch (target.kind) {
    case OutputTarget::Kind::kHost:
      return {};
    case OutputTarget::Kind::kPinned:
      if (!sized || target.pinned->bytes() >= output.bytes) return {};
      return WrongLength(info, output_dims_[i], output.bytes, target.pinned->bytes(),
                         "pinned buffer");
    case OutputTarget::Kind::kDevice:
      if (target.device->context() != context_) return OtherDevice(info);
      if (sized && target.device->bytes() < output.bytes) {
        return WrongLength(info, output_dims_[i], output.bytes, target.device->bytes(),
                           "device buffer");
      }
      [[fallthrough]];
    case OutputTarget::Kind::kNewDevice:
      if (!layout_->outputs[i].on_host) return {};
      return Status(ErrorCode::kUnsupported,
                    "Output '" + info.name +
                        "' is computed in host memory: it cannot be left "
                        "on the device.",
                    "Ask for it as 'host'.");
  }
  return {};
}

Status Slot::Stage(std::span<Input> inputs, std::span<OutputTarget> outputs) {
  if (!prepared_) {
    return Status(ErrorCode::kInternal, "A slot was submitted without having been prepared.");
  }
  if (inputs.size() != inputs_.size() || outputs.size() != outputs_.size()) {
    return Status(ErrorCode::kInternal, "submit: " + std::to_string(inputs_.size()) +
                                            " inputs and " + std::to_string(outputs_.size()) +
                                            " outputs are expected.");
  }
  bool from_host = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    RETURN_IF_ERROR(CheckInput(i, inputs[i]));
    from_host = from_host || inputs[i].kind == Input::Kind::kHost;
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) RETURN_IF_ERROR(CheckTarget(i, outputs[i]));
  if (from_host) RETURN_IF_ERROR(input_arena_.ReservePinned(input_bytes_, largest_inputs_));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].kind == Input::Kind::kHost && !layout_->inputs[i].on_host &&
        !inputs[i].host.empty()) {
      std::memcpy(input_arena_.pinned() + inputs_[i].offset, inputs[i].host.data(),
                  inputs[i].host.size());
    }
    inputs_[i].given = std::move(inputs[i]);
    inputs_[i].given.host = {};
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    outputs_[i].target = std::move(outputs[i]);
    outputs_[i].taken = false;
  }
  return {};
}

Status Slot::Launch(bool blocking) {
  RETURN_IF_ERROR(LaunchInputs());
  RETURN_IF_ERROR(LaunchOutputs());
  Status status = execution_->Enqueue(stream_->handle());
  if (!status.ok()) {
    for (const OutputState& output : outputs_) {
      if (!output.data_dependent) continue;
      // Why memory was refused tells more than that it was.
      Status reason = output.growing->TakeStatus();
      if (reason.ok()) continue;
      reason.error().log = std::move(status.error().log);
      return reason;
    }
    return status;
  }
  RETURN_IF_ERROR(CopyOut());
  return stream_->Record(*event(blocking));
}

Status Slot::LaunchInputs() {
  bool arena = false;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    arena = arena || (!layout_->inputs[i].on_host && inputs_[i].given.kind != Input::Kind::kDevice);
  }
  if (arena) RETURN_IF_ERROR(input_arena_.ReserveDevice(input_bytes_, largest_inputs_));
  const cuda::abi::CUdeviceptr base = input_arena_.device();
  // Staged neighbours go in one copy: each costs microseconds, and the gaps between them at most 255 bytes.
  std::size_t first = 0;
  std::size_t end = 0;
  const auto flush = [&] {
    Status status = end > first ? stream_->CopyToDevice(base + first, input_arena_.pinned() + first,
                                                        end - first)
                                : Status();
    first = end = 0;
    return status;
  };
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& tensor = layout_->inputs[i];
    InputState& input = inputs_[i];
    if (tensor.on_host) continue;
    if (input.given.kind == Input::Kind::kDevice) {
      RETURN_IF_ERROR(flush());
      RETURN_IF_ERROR(SetAddress(tensor.index, input.address, input.given.device->pointer()));
      continue;
    }
    RETURN_IF_ERROR(
        SetAddress(tensor.index, input.address, reinterpret_cast<void*>(base + input.offset)));
    if (input.given.kind == Input::Kind::kPinned) {
      RETURN_IF_ERROR(flush());
      RETURN_IF_ERROR(
          stream_->CopyToDevice(base + input.offset, input.given.pinned->data(), input.bytes));
    } else if (input.bytes > 0) {
      if (end == 0) first = input.offset;
      end = input.offset + input.bytes;
    }
  }
  return flush();
}

Status Slot::LaunchOutputs() {
  bool on_host = false;
  bool on_device = false;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].data_dependent) continue;
    const OutputTarget::Kind kind = outputs_[i].target.kind;
    on_host = on_host || layout_->outputs[i].on_host || kind == OutputTarget::Kind::kHost;
    on_device =
        on_device || kind == OutputTarget::Kind::kHost || kind == OutputTarget::Kind::kPinned;
  }
  if (on_host) RETURN_IF_ERROR(output_arena_.ReservePinned(output_bytes_, largest_outputs_));
  if (on_device) RETURN_IF_ERROR(output_arena_.ReserveDevice(output_bytes_, largest_outputs_));
  for (std::size_t i = 0; i < outputs_.size(); ++i) RETURN_IF_ERROR(LaunchOutput(i));
  return {};
}

Status Slot::LaunchOutput(std::size_t i) {
  const IoTensor& tensor = layout_->outputs[i];
  OutputState& output = outputs_[i];
  const OutputTarget::Kind kind = output.target.kind;
  if (output.data_dependent) {
    output.growing->Begin(kind == OutputTarget::Kind::kDevice ? output.target.device : nullptr);
    return {};
  }
  if (tensor.on_host) {
    std::byte* at = kind == OutputTarget::Kind::kPinned ? output.target.pinned->data()
                                                        : output_arena_.pinned() + output.offset;
    return SetAddress(tensor.index, output.address, at);
  }
  if (kind == OutputTarget::Kind::kDevice) {
    return SetAddress(tensor.index, output.address, output.target.device->pointer());
  }
  if (kind == OutputTarget::Kind::kNewDevice) {
    if (output.produced == nullptr || output.produced->bytes() < output.bytes) {
      if (output.produced != nullptr) produced_bytes_ -= output.produced->bytes();
      output.produced.reset();
      ASSIGN_OR_RETURN(output.produced, cuda::DeviceBuffer::Allocate(context_, output.bytes));
      produced_bytes_ += output.produced->bytes();
    }
    return SetAddress(tensor.index, output.address, output.produced->pointer());
  }
  return SetAddress(tensor.index, output.address,
                    reinterpret_cast<void*>(output_arena_.device() + output.offset));
}

Status Slot::CopyOut() {
  const cuda::abi::CUdeviceptr base = output_arena_.device();
  std::size_t first = 0;
  std::size_t end = 0;
  const auto flush = [&] {
    Status status =
        end > first ? stream_->CopyToHost(output_arena_.pinned() + first, base + first, end - first)
                    : Status();
    first = end = 0;
    return status;
  };
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const OutputState& output = outputs_[i];
    if (output.data_dependent) continue;  // takes no room in the arena
    if (layout_->outputs[i].on_host || output.target.kind != OutputTarget::Kind::kHost) {
      // A copy over this one's part would overwrite what TensorRT writes to host memory.
      RETURN_IF_ERROR(flush());
    }
    if (layout_->outputs[i].on_host) continue;
    if (output.target.kind == OutputTarget::Kind::kPinned) {
      RETURN_IF_ERROR(
          stream_->CopyToHost(output.target.pinned->data(), base + output.offset, output.bytes));
    } else if (output.target.kind == OutputTarget::Kind::kHost && output.bytes > 0) {
      if (end == 0) first = output.offset;
      end = output.offset + output.bytes;
    }
  }
  return flush();
}

Status Slot::Wait(bool blocking) {
  RETURN_IF_ERROR(event(blocking)->Synchronize());
  if (!data_dependent_) return {};
  bool copied = false;
  RETURN_IF_ERROR(FetchDataDependent(&copied));
  if (!copied) return {};
  RETURN_IF_ERROR(stream_->Record(*event(blocking)));
  return event(blocking)->Synchronize();
}

Status Slot::FetchDataDependent(bool* copied) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    OutputState& output = outputs_[i];
    if (!output.data_dependent) continue;
    const tensorrt::TensorInfo& info = *layout_->outputs[i].info;
    const std::optional<Dims>& dims = output.growing->dims();
    const auto bytes = dims.has_value() ? TensorBytes(info, profile_, *dims) : std::nullopt;
    if (!bytes.has_value()) {
      return Status(ErrorCode::kExecution,
                    "TensorRT did not tell the shape of output '" + info.name + "'.");
    }
    actual_dims_[i] = *dims;
    output.bytes = *bytes;
    const std::shared_ptr<cuda::DeviceBuffer>& buffer = output.growing->buffer();
    const std::size_t available = buffer != nullptr ? buffer->bytes() : 0;
    if (available < *bytes) {
      return Status(ErrorCode::kExecution, "TensorRT tells output '" + info.name + "' to be " +
                                               dims->ToString() + ", but asked only for " +
                                               std::to_string(available) + " bytes.");
    }
    std::byte* to = nullptr;
    if (output.target.kind == OutputTarget::Kind::kHost) {
      RETURN_IF_ERROR(EnsurePinned(output.staging, context_, *bytes, staging_bytes_));
      to = output.staging->data();
    } else if (output.target.kind == OutputTarget::Kind::kPinned) {
      if (output.target.pinned->bytes() < *bytes) {
        return WrongLength(info, *dims, *bytes, output.target.pinned->bytes(), "pinned buffer");
      }
      to = output.target.pinned->data();
    }
    if (to == nullptr || *bytes == 0) continue;
    RETURN_IF_ERROR(stream_->CopyToHost(to, buffer->address(), *bytes));
    *copied = true;
  }
  return {};
}

void Slot::Recover() {
  (void)stream_->Synchronize().ok();
  Forget();
}

void Slot::Release() noexcept {
  for (InputState& input : inputs_) {
    input.given.pinned.reset();
    // The next buffer may get this one's address, but then it is the same address: the cache stays true.
    input.given.device.reset();
  }
  for (OutputState& output : outputs_) {
    output.target.pinned.reset();
    output.target.device.reset();
    if (output.data_dependent) output.growing->DropTarget();
  }
}

Status Slot::ReadOutput(int index, std::span<std::byte> into) const {
  const auto i = static_cast<std::size_t>(index);
  const OutputState& output = outputs_[i];
  const tensorrt::TensorInfo& info = *layout_->outputs[i].info;
  if (output.target.kind != OutputTarget::Kind::kHost) {
    return Status(ErrorCode::kInvalidArgument,
                  "Output '" + info.name + "' was not asked for in host memory.");
  }
  if (into.size() != output.bytes) {
    return WrongLength(info, actual_dims_[i], output.bytes, into.size(), "array");
  }
  if (into.empty()) return {};
  const std::byte* from =
      output.data_dependent ? output.staging->data() : output_arena_.pinned() + output.offset;
  std::memcpy(into.data(), from, into.size());
  return {};
}

Result<std::shared_ptr<cuda::DeviceBuffer>> Slot::TakeDeviceOutput(int index) {
  const auto i = static_cast<std::size_t>(index);
  OutputState& output = outputs_[i];
  const tensorrt::TensorInfo& info = *layout_->outputs[i].info;
  if (output.target.kind != OutputTarget::Kind::kNewDevice || output.taken) {
    return Status(ErrorCode::kInvalidArgument,
                  "Output '" + info.name + "' " +
                      (output.taken ? "was already taken." : "was not asked for on the device."));
  }
  output.taken = true;
  if (output.data_dependent) {
    std::shared_ptr<cuda::DeviceBuffer> buffer = output.growing->TakeBuffer();
    if (buffer != nullptr) return buffer;
    return cuda::DeviceBuffer::Allocate(context_,
                                        0);  // TensorRT may ask for nothing for an empty output
  }
  produced_bytes_ -= output.produced->bytes();
  output.address = nullptr;
  return std::move(output.produced);
}

}  // namespace trtnode::executor
