// Launching a run: with a CUDA graph where one fits, capturing it where it pays, and without otherwise.
#include <string>
#include <utility>

#include "executor/slot.h"

namespace trtnode::executor {
namespace {

constexpr int kCaptureThreadLocal = 1;  // other threads' unsafe calls do not break the capture
constexpr int kMostRefusals = 2;        // of captures: then the engine is taken at its word
enum : int { kH2dStart, kComputeStart, kComputeEnd, kD2hEnd };

}  // namespace

// The activations of the last run; dirty where they are another run's now, as contexts and graphs compute in them.
bool Slot::ReclaimActivations() noexcept {
  if (block_ == nullptr || holds_block_) return true;
  holds_block_ = ActivationPool::TryAcquire(*block_, block_memory_);
  if (!holds_block_) dirty_ = true;
  return holds_block_;
}

bool Slot::ClaimGraph(GraphVariant variant) noexcept {
  if (!HasGraph() || entry_->Of(variant) == nullptr) return false;
  return ReclaimActivations();
}

Status Slot::Launch(GraphVariant variant) {
  if (dirty_ || !ReclaimActivations()) RETURN_IF_ERROR(Configure());
  if (!debug_.empty()) return LaunchWatched();
  if (entry_ == nullptr) return LaunchPlain();
  if (entry_->Of(variant) != nullptr) return LaunchGraph(variant);
  const bool wanted = entry_->runs > 0 || shared_->options.graphs == GraphMode::kOn;
  // What TensorRT does only once after a change of shapes must not become part of the graph.
  const bool warm = current_->enqueued == entry_->id;
  if (wanted && warm && Capture(variant).ok()) return LaunchGraph(variant);
  RETURN_IF_ERROR(LaunchPlain());
  // For the next run: the device is busy with this one meanwhile.
  if (wanted && !warm && entry_ != nullptr) (void)Capture(variant).ok();
  return {};
}

// Everything that need not be done again as long as shapes and buffers stay the same.
Status Slot::Configure() {
  RETURN_IF_ERROR(AcquireActivations());
  RETURN_IF_ERROR(SetInputAddresses());
  RETURN_IF_ERROR(SetOutputAddresses());
  entry_ = nullptr;
  if (shared_->options.graphs != GraphMode::kOff) {
    if (std::optional<std::string> obstacle = GraphObstacle()) {
      graph_stats_.SetReason(std::move(*obstacle));
    } else {
      entry_ = &graphs_.Find(MakeKey());
    }
  }
  dirty_ = false;
  return {};
}

Status Slot::AcquireActivations() {
  if (shared_->activations == nullptr) return {};  // the contexts have their own
  const tensorrt::EngineInfo& info = shared_->engine->info();
  const auto profile = static_cast<std::size_t>(profile_);
  std::int64_t bytes = info.device_memory_bytes;
  if (profile < info.device_memory_bytes_per_profile.size()) {
    bytes = info.device_memory_bytes_per_profile[profile];
  }
  if (bytes <= 0) return {};
  if (!holds_block_ || block_->bytes() < static_cast<std::size_t>(bytes)) {
    if (holds_block_) ActivationPool::Release(*block_);
    holds_block_ = false;
    ASSIGN_OR_RETURN(block_,
                     shared_->activations->Acquire(static_cast<std::size_t>(bytes), block_));
    holds_block_ = true;
  }
  block_memory_ = block_->memory();
  if (current_->memory == block_memory_) return {};
  current_->memory = nullptr;
  RETURN_IF_ERROR(current_->execution->SetDeviceMemory(block_memory_,
                                                       static_cast<std::int64_t>(block_->bytes())));
  current_->memory = block_memory_;
  return {};
}

Status Slot::SetInputAddresses() {
  bool arena = false;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    arena =
        arena || (!shared_->layout->inputs[i].on_host && inputs_[i].kind != Input::Kind::kDevice);
  }
  if (arena) {
    RETURN_IF_ERROR(input_arena_.ReservePinned(input_bytes_, largest_inputs_));
    RETURN_IF_ERROR(input_arena_.ReserveDevice(input_bytes_, largest_inputs_));
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& tensor = shared_->layout->inputs[i];
    const InputState& input = inputs_[i];
    if (tensor.on_host) continue;  // Prepare told TensorRT
    const bool direct =
        input.kind == Input::Kind::kDevice ||
        (shared_->zero_copy && input.kind == Input::Kind::kPinned && input.device_at != 0);
    const cuda::abi::CUdeviceptr at =
        direct ? input.device_at : input_arena_.device() + input.offset;
    RETURN_IF_ERROR(SetAddress(tensor.index, reinterpret_cast<void*>(at)));
  }
  return {};
}

Status Slot::SetOutputAddresses() {
  bool on_host = false;
  bool on_device = false;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const OutputState& output = outputs_[i];
    if (output.data_dependent) continue;
    const bool host = output.kind == OutputTarget::Kind::kHost;
    on_host = on_host || shared_->layout->outputs[i].on_host || host;
    on_device = on_device || host || output.kind == OutputTarget::Kind::kPinned;
  }
  if (on_host) RETURN_IF_ERROR(output_arena_.ReservePinned(output_bytes_, largest_outputs_));
  if (on_device) RETURN_IF_ERROR(output_arena_.ReserveDevice(output_bytes_, largest_outputs_));
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const IoTensor& tensor = shared_->layout->outputs[i];
    OutputState& output = outputs_[i];
    if (output.data_dependent) continue;  // the allocator gives them
    cuda::abi::CUdeviceptr at = output_arena_.device() + output.offset;
    if (tensor.on_host) {
      std::byte* const host = output.kind == OutputTarget::Kind::kPinned
                                  ? output.pinned_at
                                  : output_arena_.pinned() + output.offset;
      RETURN_IF_ERROR(SetAddress(tensor.index, host));
      continue;
    }
    if (output.kind == OutputTarget::Kind::kDevice ||
        (shared_->zero_copy && output.kind == OutputTarget::Kind::kPinned &&
         output.device_at != 0)) {
      at = output.device_at;
    } else if (output.kind == OutputTarget::Kind::kNewDevice) {
      if (output.produced == nullptr || output.produced->bytes() < output.bytes) {
        if (output.produced != nullptr) produced_bytes_ -= output.produced->bytes();
        output.produced.reset();
        ASSIGN_OR_RETURN(output.produced, shared_->outputs->Acquire(output.bytes));
        produced_bytes_ += output.produced->bytes();
      }
      at = output.produced->address();
    }
    RETURN_IF_ERROR(SetAddress(tensor.index, reinterpret_cast<void*>(at)));
  }
  return {};
}

GraphKey Slot::MakeKey() const {
  GraphKey key;
  key.profile = profile_;
  for (const InputState& input : inputs_) {
    for (const std::int64_t extent : input.dims.span()) key.shapes.push_back(extent);
    key.shapes.insert(key.shapes.end(), input.values.begin(), input.values.end());
    // The copies are nodes of the graph: where they begin counts, and that there is one.
    key.addresses.push_back(input.kind == Input::Kind::kPinned   ? input.pinned_at
                            : input.kind == Input::Kind::kDevice ? nullptr
                                                                 : input_arena_.pinned());
  }
  for (const OutputState& output : outputs_) {
    key.addresses.push_back(output.kind == OutputTarget::Kind::kPinned ? output.pinned_at
                            : output.kind == OutputTarget::Kind::kHost ? output_arena_.pinned()
                                                                       : nullptr);
  }
  for (const void* address : current_->addresses) key.addresses.push_back(address);
  key.addresses.push_back(current_->memory);
  key.timed = times_[0] != nullptr && timed_;
  return key;
}

std::optional<std::string> Slot::GraphObstacle() const {
  if (data_dependent_) return "an output's size depends on the data";
  for (const IoTensor& output : shared_->layout->outputs) {
    if (output.on_host) return "output '" + output.info->name + "' is computed in host memory";
  }
  if (times_[0] != nullptr && timed_ && context()->f().cuEventRecordWithFlags == nullptr) {
    return "this driver cannot time the parts of a graph";
  }
  if (refusals_ >= kMostRefusals) return graph_stats_.reason();
  return std::nullopt;
}

Status Slot::RecordTime(int which, bool capturing) {
  const auto& event = times_[static_cast<std::size_t>(which)];
  if (event == nullptr || !timed_) return {};
  if (!capturing) return stream_->Record(*event);
  return context()->driver().Check(
      context()->f().cuEventRecordWithFlags(event->handle(), stream_->handle(),
                                            cuda::abi::kEventRecordExternal),
      "cuEventRecordWithFlags");
}

Status Slot::Enqueue() {
  Status status = current_->execution->Enqueue(stream_->handle());
  if (status.ok()) return status;
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

Status Slot::LaunchPlain() {
  current_->enqueued = 0;
  if (entry_ != nullptr) {
    ++entry_->runs;
    current_->enqueued = entry_->id;
  } else if (shared_->options.graphs != GraphMode::kOff) {
    ++graph_stats_.fallbacks;
  }
  for (OutputState& output : outputs_) {
    if (!output.data_dependent) continue;
    output.growing->Begin(output.kind == OutputTarget::Kind::kDevice ? output.device : nullptr);
  }
  signal_->Arm(Signal::Mark::kStream);
  RETURN_IF_ERROR(RecordTime(kH2dStart, false));
  RETURN_IF_ERROR(CopyIn());
  RETURN_IF_ERROR(RecordTime(kComputeStart, false));
  RETURN_IF_ERROR(Enqueue());
  RETURN_IF_ERROR(RecordTime(kComputeEnd, false));
  RETURN_IF_ERROR(CopyOut());
  if (!data_dependent_) RETURN_IF_ERROR(RecordTime(kD2hEnd, false));
  RETURN_IF_ERROR(signal_->Emit());
  return data_dependent_ ? FinishDataDependent() : Status();
}

Status Slot::LaunchGraph(GraphVariant variant) {
  signal_->Arm(entry_->marks[static_cast<std::size_t>(variant)]);
  graph_stats_.hits.fetch_add(1, std::memory_order_relaxed);
  return entry_->Of(variant)->Launch(stream_->handle());
}

// On failure the stream is as before, the reason is kept, and the combination is not tried again.
Status Slot::Capture(GraphVariant variant) {
  const auto record = [&, this](Signal::Mark* mark) -> Status {
    RETURN_IF_ERROR(RecordTime(kH2dStart, true));
    RETURN_IF_ERROR(CopyIn());
    RETURN_IF_ERROR(RecordTime(kComputeStart, true));
    RETURN_IF_ERROR(Enqueue());
    RETURN_IF_ERROR(RecordTime(kComputeEnd, true));
    RETURN_IF_ERROR(CopyOut());
    RETURN_IF_ERROR(RecordTime(kD2hEnd, true));
    *mark = signal_->EmitCaptured(variant == GraphVariant::kThroughput);
    return {};
  };
  Signal::Mark mark = Signal::Mark::kStream;
  Status status = stream_->BeginCapture(kCaptureThreadLocal);
  if (status.ok()) {
    status = record(&mark);
    Result<std::shared_ptr<cuda::Graph>> graph = stream_->EndCapture();  // in any case
    if (status.ok() && !graph.ok()) status = graph.TakeStatus();
    if (status.ok()) {
      graphs_.Keep(*entry_, variant, graph.Take(), mark);
      ++graph_stats_.captures;
      return {};
    }
  }
  ++refusals_;
  entry_ = nullptr;
  dirty_ = true;  // the next run finds its entry again, and counts what it does
  std::string reason = "the capture failed: " + status.error().message;
  for (const std::string& line : status.error().log) reason += " " + line;
  graph_stats_.SetReason(std::move(reason));
  return status;
}

Status Slot::CopyIn() {
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
    const InputState& input = inputs_[i];
    if (shared_->layout->inputs[i].on_host) continue;
    if (input.kind == Input::Kind::kDevice) {
      RETURN_IF_ERROR(flush());
    } else if (input.kind == Input::Kind::kPinned) {
      RETURN_IF_ERROR(flush());
      if (shared_->zero_copy && input.device_at != 0) continue;
      RETURN_IF_ERROR(stream_->CopyToDevice(base + input.offset, input.pinned_at, input.bytes));
    } else if (input.bytes > 0 && !shared_->zero_copy) {
      if (end == 0) first = input.offset;
      end = input.offset + input.bytes;
    }
  }
  return flush();
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
    const bool on_host = shared_->layout->outputs[i].on_host;
    if (on_host || output.kind != OutputTarget::Kind::kHost) {
      // A copy over this one's part would overwrite what TensorRT writes to host memory.
      RETURN_IF_ERROR(flush());
    }
    if (on_host) continue;
    if (output.kind == OutputTarget::Kind::kPinned) {
      if (shared_->zero_copy && output.device_at != 0) continue;
      RETURN_IF_ERROR(stream_->CopyToHost(output.pinned_at, base + output.offset, output.bytes));
    } else if (output.kind == OutputTarget::Kind::kHost && output.bytes > 0 &&
               !shared_->zero_copy) {
      if (end == 0) first = output.offset;
      end = output.offset + output.bytes;
    }
  }
  return flush();
}

void Slot::Recover() {
  (void)stream_->Synchronize().ok();
  Forget();
}

}  // namespace trtnode::executor
