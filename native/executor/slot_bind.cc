// What a run is bound to: checking it, remembering it, holding it.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "executor/slot.h"
#include "executor/wrong_length.h"

namespace trtnode::executor {
namespace {

Status OtherDevice(const tensorrt::TensorInfo& info) {
  return Status(ErrorCode::kInvalidArgument,
                "The device buffer given for '" + info.name +
                    "' belongs to another device, or to another runtime, than the session.");
}

Status Gone(const tensorrt::TensorInfo& info) {
  return Status(ErrorCode::kClosed, "The buffer given for '" + info.name + "' is closed.",
                "Keep it open as long as it is used.");
}

}  // namespace

Status Slot::CheckInput(std::size_t i, const Input& given) const {
  const tensorrt::TensorInfo& info = *shared_->layout->inputs[i].info;
  const InputState& input = inputs_[i];
  switch (given.kind) {
    case Input::Kind::kNone:
      if (shared_->layout->inputs[i].on_host) return {};
      return Status(ErrorCode::kMissingInput, "Input '" + info.name + "' was not given.");
    case Input::Kind::kHost:
      if (shared_->layout->inputs[i].on_host || given.host.size() == input.bytes) return {};
      return WrongLength(info, input.dims, input.bytes, given.host.size(), "array");
    case Input::Kind::kPinned:
      if (given.pinned->bytes() >= input.bytes) return {};
      return WrongLength(info, input.dims, input.bytes, given.pinned->bytes(), "pinned buffer");
    case Input::Kind::kDevice:
      if (given.device->context() != context()) return OtherDevice(info);
      if (given.device->bytes() >= input.bytes) return {};
      return WrongLength(info, input.dims, input.bytes, given.device->bytes(), "device buffer");
  }
  return {};
}

Status Slot::CheckTarget(std::size_t i, const OutputTarget& target) const {
  const tensorrt::TensorInfo& info = *shared_->layout->outputs[i].info;
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
      if (target.device->context() != context()) return OtherDevice(info);
      if (sized && target.device->bytes() < output.bytes) {
        return WrongLength(info, output_dims_[i], output.bytes, target.device->bytes(),
                           "device buffer");
      }
      [[fallthrough]];
    case OutputTarget::Kind::kNewDevice:
      if (!shared_->layout->outputs[i].on_host) return {};
      return Status(ErrorCode::kUnsupported,
                    "Output '" + info.name +
                        "' is computed in host memory: it cannot be left "
                        "on the device.",
                    "Ask for it as 'host'.");
  }
  return {};
}

// True: the next run reads from elsewhere than the last one.
bool Slot::TakeInput(InputState& input, const Input& given) {
  std::byte* pinned = nullptr;
  cuda::abi::CUdeviceptr device = 0;
  std::shared_ptr<const void> owner;
  if (given.kind == Input::Kind::kPinned) {
    pinned = given.pinned->data();
    device = given.pinned->device_address();
    owner = given.pinned;
  } else if (given.kind == Input::Kind::kDevice) {
    device = given.device->address();
    owner = given.device;
  }
  const bool same =
      input.kind == given.kind && input.pinned_at == pinned && input.device_at == device;
  input.kind = given.kind;
  input.pinned_at = pinned;
  input.device_at = device;
  input.owner = owner;
  return !same;
}

bool Slot::TakeTarget(OutputState& output, const OutputTarget& target) {
  std::byte* const pinned = target.pinned != nullptr ? target.pinned->data() : nullptr;
  cuda::abi::CUdeviceptr device = target.pinned != nullptr ? target.pinned->device_address() : 0;
  if (target.device != nullptr) device = target.device->address();
  const bool same =
      output.kind == target.kind && output.pinned_at == pinned && output.device_at == device;
  output.kind = target.kind;
  output.pinned_at = pinned;
  output.device_at = device;
  output.pinned_owner = target.pinned;
  output.device_owner = target.device;
  return !same;
}

Status Slot::Bind(std::span<const Input> inputs, std::span<const OutputTarget> outputs) {
  if (!prepared_) {
    return Status(ErrorCode::kInternal, "A slot was submitted without having been prepared.");
  }
  if (inputs.size() != inputs_.size() || outputs.size() != outputs_.size()) {
    return Status(ErrorCode::kInternal, "submit: " + std::to_string(inputs_.size()) +
                                            " inputs and " + std::to_string(outputs_.size()) +
                                            " outputs are expected.");
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) RETURN_IF_ERROR(CheckInput(i, inputs[i]));
  for (std::size_t i = 0; i < outputs.size(); ++i) RETURN_IF_ERROR(CheckTarget(i, outputs[i]));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (TakeInput(inputs_[i], inputs[i])) dirty_ = true;
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (TakeTarget(outputs_[i], outputs[i])) dirty_ = true;
  }
  bound_ = true;
  return {};
}

Status Slot::Stage(std::span<const Input> inputs) {
  bool from_host = false;
  for (const Input& input : inputs) from_host = from_host || input.kind == Input::Kind::kHost;
  if (!from_host) return {};
  RETURN_IF_ERROR(input_arena_.ReservePinned(input_bytes_, largest_inputs_));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].kind != Input::Kind::kHost || shared_->layout->inputs[i].on_host ||
        inputs[i].host.empty()) {
      continue;
    }
    std::memcpy(input_arena_.pinned() + inputs_[i].offset, inputs[i].host.data(),
                inputs[i].host.size());
  }
  return {};
}

Result<Staging> Slot::GetStaging() {
  if (!prepared_) {
    return Status(ErrorCode::kInternal, "A slot has no staging before it was prepared.");
  }
  const std::byte* const before_in = input_arena_.pinned();
  const std::byte* const before_out = output_arena_.pinned();
  RETURN_IF_ERROR(input_arena_.ReservePinned(input_bytes_, largest_inputs_));
  RETURN_IF_ERROR(output_arena_.ReservePinned(output_bytes_, largest_outputs_));
  if (before_in != input_arena_.pinned() || before_out != output_arena_.pinned()) dirty_ = true;
  Staging staging{input_arena_.pinned_buffer(), output_arena_.pinned_buffer(), {}, {}};
  for (const InputState& input : inputs_) staging.input_offsets.push_back(input.offset);
  for (const OutputState& output : outputs_) staging.output_offsets.push_back(output.offset);
  return staging;
}

Status Slot::Hold() {
  if (!prepared_ || !bound_) {
    return Status(ErrorCode::kInvalidArgument,
                  "A slot was started without having been prepared and bound for these shapes.");
  }
  signal_->Reset();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    InputState& input = inputs_[i];
    if (input.kind != Input::Kind::kPinned && input.kind != Input::Kind::kDevice) continue;
    input.held = input.owner.lock();
    if (input.held == nullptr) return Gone(*shared_->layout->inputs[i].info);
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    OutputState& output = outputs_[i];
    output.taken = false;
    if (output.kind == OutputTarget::Kind::kPinned) {
      output.pinned = output.pinned_owner.lock();
      if (output.pinned == nullptr) return Gone(*shared_->layout->outputs[i].info);
    } else if (output.kind == OutputTarget::Kind::kDevice) {
      output.device = output.device_owner.lock();
      if (output.device == nullptr) return Gone(*shared_->layout->outputs[i].info);
    }
  }
  return {};
}

void Slot::Release() noexcept {
  for (InputState& input : inputs_) input.held.reset();
  for (OutputState& output : outputs_) {
    output.pinned.reset();
    output.device.reset();
    if (output.data_dependent) output.growing->DropTarget();
  }
  if (holds_block_) ActivationPool::Release(*block_);
  holds_block_ = false;
}

}  // namespace trtnode::executor
