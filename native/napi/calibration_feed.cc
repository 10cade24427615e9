// Batches for the builder.
#include "napi/calibration_feed.h"

#include <chrono>
#include <utility>

#include "napi/exit_gate.h"

namespace trtnode::napi {
namespace {

// Cancelling and the end of the process set a flag that wakes nobody.
constexpr std::chrono::milliseconds kLook{20};

std::string Names(std::span<const tensorrt::CalibrationInput> inputs) {
  std::string text;
  for (const tensorrt::CalibrationInput& input : inputs) {
    text += (text.empty() ? "'" : ", '") + input.name + "'";
  }
  return text;
}

bool Fits(const Dims& given, const Dims& wanted) {
  for (int i = 0; i < wanted.rank(); ++i) {
    if (wanted[i] >= 0 && given[i] != wanted[i]) return false;
  }
  return true;
}

}  // namespace

CalibrationFeed::CalibrationFeed(std::shared_ptr<cuda::PrimaryContext> context,
                                 std::shared_ptr<JsReference> ask,
                                 std::shared_ptr<std::atomic<bool>> cancelled)
    : context_(std::move(context)), ask_(std::move(ask)), cancelled_(std::move(cancelled)) {}

void CalibrationFeed::Answer(State state, CalibrationBatch batch) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kAsked) return;  // nobody waits any more
    state_ = state;
    batch_ = std::move(batch);
  }
  changed_.notify_one();
}

void CalibrationFeed::Give(std::optional<CalibrationBatch> batch) {
  const State state = batch ? State::kGiven : State::kEnded;
  Answer(state, batch ? std::move(*batch) : CalibrationBatch());
}

void CalibrationFeed::Fail() { Answer(State::kFailed, {}); }

Status CalibrationFeed::Wait(CalibrationBatch& batch, bool& more) {
  std::unique_lock lock(mutex_);
  if (state_ == State::kEnded || state_ == State::kFailed) return Status();
  state_ = State::kAsked;
  lock.unlock();
  if (!CallLater(ask_)) {
    return Status(ErrorCode::kAborted, "The build was cancelled.");
  }
  lock.lock();
  while (state_ == State::kAsked) {
    if (*cancelled_ || Exiting()) {
      state_ = State::kEnded;
      return Status(ErrorCode::kAborted, "The build was cancelled.");
    }
    changed_.wait_for(lock, kLook);
  }
  if (state_ == State::kFailed) {
    return Status(ErrorCode::kBuild, "calibration: the data ended with an error",
                  "See `cause`: it is what the iterable threw.");
  }
  more = state_ == State::kGiven;
  batch = std::move(batch_);
  return Status();
}

Result<void*> CalibrationFeed::ToDevice(const tensorrt::CalibrationInput& input,
                                        const CalibrationTensor& tensor) {
  const std::string who =
      "calibration: batch " + std::to_string(number_) + ", input '" + input.name + "'";
  if (tensor.dtype != input.dtype) {
    return Status(ErrorCode::kDtypeMismatch, who + ": expected " +
                                                 std::string(DataTypeName(input.dtype)) + ", got " +
                                                 std::string(DataTypeName(tensor.dtype)));
  }
  if (tensor.shape.rank() != input.shape.rank()) {
    return Status(ErrorCode::kRankMismatch, who + ": expected " + input.shape.ToString() +
                                                ", got " + tensor.shape.ToString());
  }
  if (!Fits(tensor.shape, input.shape)) {
    return Status(ErrorCode::kInvalidShape,
                  who + ": expected " + input.shape.ToString() +
                      ", the optimum of the calibration profile, got " + tensor.shape.ToString(),
                  "Calibration runs with one shape: give batches of it, or another profile with "
                  "calibration.profile.");
  }
  const std::span<const std::byte> bytes = tensor.data->bytes();
  std::shared_ptr<cuda::DeviceBuffer>& buffer = buffers_[input.name];
  if (buffer == nullptr || buffer->bytes() < bytes.size()) {
    ASSIGN_OR_RETURN(buffer, cuda::DeviceBuffer::Allocate(context_, bytes.size()));
  }
  RETURN_IF_ERROR(stream_->CopyToDevice(buffer->address(), bytes.data(), bytes.size()));
  return buffer->pointer();
}

Result<bool> CalibrationFeed::Next(std::span<const tensorrt::CalibrationInput> inputs,
                                   std::span<void*> addresses) {
  CalibrationBatch batch;
  bool more = false;
  RETURN_IF_ERROR(Wait(batch, more));
  if (!more) {
    if (number_ > 0) return false;
    return Status(ErrorCode::kInvalidArgument, "calibration: the data has no batch",
                  "Give at least one; some hundred samples make good scales.");
  }
  // TensorRT calls from a thread of its choice.
  const cuda::ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  if (stream_ == nullptr) {
    ASSIGN_OR_RETURN(stream_, cuda::Stream::Create(context_, 0));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto tensor = batch.find(inputs[i].name);
    if (tensor == batch.end()) {
      return Status(ErrorCode::kMissingInput, "calibration: batch " + std::to_string(number_) +
                                                  " lacks input '" + inputs[i].name +
                                                  "': expected " + Names(inputs));
    }
    ASSIGN_OR_RETURN(addresses[i], ToDevice(inputs[i], tensor->second));
  }
  for (const auto& [name, tensor] : batch) {
    bool known = false;
    for (const tensorrt::CalibrationInput& input : inputs) known = known || input.name == name;
    if (!known) {
      return Status(ErrorCode::kUnknownTensor, "calibration: batch " + std::to_string(number_) +
                                                   " has '" + name + "': expected " +
                                                   Names(inputs));
    }
  }
  RETURN_IF_ERROR(stream_->Synchronize());  // the host's copy goes with this call
  ++number_;
  return true;
}

void CalibrationFeed::Release() noexcept {
  buffers_.clear();
  stream_.reset();
}

}  // namespace trtnode::napi
