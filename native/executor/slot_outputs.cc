// What a run left behind: outputs of unknown size, reading, times.
#include <cstring>
#include <string>
#include <utility>

#include "executor/slot.h"
#include "executor/wrong_length.h"

namespace trtnode::executor {
namespace {

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

// The shapes are known once the device has computed, and only then can the outputs be copied.
Status Slot::FinishDataDependent() {
  RETURN_IF_ERROR(signal_->Wait(true));
  bool copied = false;
  RETURN_IF_ERROR(FetchDataDependent(&copied));
  RETURN_IF_ERROR(RecordTime(3, false));
  return copied || (timed_ && times_[3] != nullptr) ? signal_->Wait(true) : Status();
}

Status Slot::FetchDataDependent(bool* copied) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    OutputState& output = outputs_[i];
    if (!output.data_dependent) continue;
    const tensorrt::TensorInfo& info = *shared_->layout->outputs[i].info;
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
    if (output.kind == OutputTarget::Kind::kHost) {
      RETURN_IF_ERROR(EnsurePinned(output.staging, context(), *bytes, staging_bytes_));
      to = output.staging->data();
    } else if (output.kind == OutputTarget::Kind::kPinned) {
      if (output.pinned->bytes() < *bytes) {
        return WrongLength(info, *dims, *bytes, output.pinned->bytes(), "pinned buffer");
      }
      to = output.pinned->data();
    }
    if (to == nullptr || *bytes == 0) continue;
    RETURN_IF_ERROR(stream_->CopyToHost(to, buffer->address(), *bytes));
    *copied = true;
  }
  return {};
}

Status Slot::ReadOutput(int index, std::span<std::byte> into) const {
  const auto i = static_cast<std::size_t>(index);
  const OutputState& output = outputs_[i];
  const tensorrt::TensorInfo& info = *shared_->layout->outputs[i].info;
  if (output.kind != OutputTarget::Kind::kHost) {
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
  const tensorrt::TensorInfo& info = *shared_->layout->outputs[i].info;
  if (output.kind != OutputTarget::Kind::kNewDevice || output.taken) {
    return Status(ErrorCode::kInvalidArgument,
                  "Output '" + info.name + "' " +
                      (output.taken ? "was already taken." : "was not asked for on the device."));
  }
  output.taken = true;
  if (output.data_dependent) {
    std::shared_ptr<cuda::DeviceBuffer> buffer = output.growing->TakeBuffer();
    if (buffer != nullptr) return buffer;
    return cuda::DeviceBuffer::Allocate(context(),
                                        0);  // TensorRT may ask for nothing for an empty output
  }
  produced_bytes_ -= output.produced->bytes();
  dirty_ = true;  // the next run needs another one
  return std::move(output.produced);
}

void Slot::SetTimed(bool timed) noexcept {
  if (timed == timed_) return;
  timed_ = timed;
  dirty_ = true;  // other graphs fit
}

Result<DeviceTimes> Slot::Times(const cuda::Event& base) const {
  DeviceTimes times;
  const std::array<float*, 4> into = {&times.h2d_start, &times.compute_start, &times.compute_end,
                                      &times.d2h_end};
  for (std::size_t i = 0; i < into.size(); ++i) {
    if (times_[i] == nullptr || !timed_) {
      return Status(ErrorCode::kInvalidArgument, "The run was not timed.");
    }
    ASSIGN_OR_RETURN(*into[i], times_[i]->MillisecondsSince(base));
  }
  return times;
}

}  // namespace trtnode::executor
