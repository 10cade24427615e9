// The slots of a session and their states.
#include "executor/executor.h"

#include <string>
#include <utility>

namespace trtnode::executor {

Result<std::unique_ptr<Executor>> Executor::Create(std::shared_ptr<cuda::PrimaryContext> context,
                                                   std::shared_ptr<tensorrt::Engine> engine,
                                                   int slots, int priority,
                                                   std::shared_ptr<CompletionSink> sink) {
  auto layout = std::make_shared<const IoLayout>(engine->info());
  auto executor = std::make_unique<Executor>(std::move(context), std::move(engine), layout);
  for (int i = 0; i < slots; ++i) {
    ASSIGN_OR_RETURN(auto slot,
                     Slot::Create(executor->context_, executor->engine_, layout, priority));
    executor->slots_.push_back(std::move(slot));
  }
  executor->entries_.resize(executor->slots_.size());
  ASSIGN_OR_RETURN(executor->submission_, MakeThreadPerSlot(executor->slots_, std::move(sink)));
  return executor;
}

Executor::Executor(std::shared_ptr<cuda::PrimaryContext> context,
                   std::shared_ptr<tensorrt::Engine> engine, std::shared_ptr<const IoLayout> layout)
    : context_(std::move(context)), engine_(std::move(engine)), layout_(std::move(layout)) {}

Executor::~Executor() {
  Close();
  const cuda::ContextGuard guard(*context_);
  submission_.reset();
  slots_.clear();
  engine_.reset();
}

Status Executor::CheckIdle(int index) const {
  if (index < 0 || index >= slots()) {
    return Status(ErrorCode::kInvalidArgument, "There is no slot " + std::to_string(index) +
                                                   ": the executor has " + std::to_string(slots()) +
                                                   ".");
  }
  if (entries_[static_cast<std::size_t>(index)].state == State::kRunning) {
    return Status(ErrorCode::kInvalidArgument,
                  "Slot " + std::to_string(index) + " is in use by a run that has not completed.");
  }
  return {};
}

Result<bool> Executor::Prepare(int index, int profile, std::span<const Dims> shapes,
                               std::span<const ShapeValues> values) {
  RETURN_IF_ERROR(CheckIdle(index));
  Result<bool> changed = slot(index).Prepare(profile, shapes, values);
  // The sizes of the new shapes are not those of the last run's outputs: reading would leave the staging memory.
  if (!changed.ok() || changed.value()) entry(index).completed = false;
  return changed;
}

Status Executor::Submit(int index, std::span<Input> inputs, std::span<OutputTarget> outputs) {
  RETURN_IF_ERROR(CheckIdle(index));
  entry(index).completed = false;
  RETURN_IF_ERROR(slot(index).Stage(inputs, outputs));
  entry(index).state = State::kRunning;
  submission_->Start(index);
  return {};
}

Status Executor::RunSync(int index, std::span<Input> inputs, std::span<OutputTarget> outputs) {
  RETURN_IF_ERROR(CheckIdle(index));
  entry(index).completed = false;
  RETURN_IF_ERROR(slot(index).Stage(inputs, outputs));
  const cuda::ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  Status status = RunOnThisThread(slot(index), false);
  entry(index).completed = status.ok();
  return status;
}

Status Executor::Collect(int index) {
  Status status = submission_->TakeStatus(index);
  entry(index).state = State::kIdle;
  entry(index).completed = status.ok();
  return status;
}

std::span<const Dims> Executor::PreparedShapes(int index) const {
  return slot(index).output_dims();
}

std::span<const Dims> Executor::OutputShapes(int index) const { return slot(index).actual_dims(); }

bool Executor::HasDataDependentOutputs(int index) const {
  return slot(index).has_data_dependent_outputs();
}

Status Executor::CheckOutput(int index, int output) const {
  RETURN_IF_ERROR(CheckIdle(index));
  if (output < 0 || static_cast<std::size_t>(output) >= layout_->outputs.size()) {
    return Status(ErrorCode::kInvalidArgument, "There is no output " + std::to_string(output) +
                                                   ": the engine has " +
                                                   std::to_string(layout_->outputs.size()) + ".");
  }
  if (!entries_[static_cast<std::size_t>(index)].completed) {
    return Status(ErrorCode::kInvalidArgument,
                  "Slot " + std::to_string(index) + " has no completed run to read from.");
  }
  return {};
}

Status Executor::ReadOutput(int index, int output, std::span<std::byte> into) {
  RETURN_IF_ERROR(CheckOutput(index, output));
  return slot(index).ReadOutput(output, into);
}

Result<std::shared_ptr<cuda::DeviceBuffer>> Executor::TakeDeviceOutput(int index, int output) {
  RETURN_IF_ERROR(CheckOutput(index, output));
  return slot(index).TakeDeviceOutput(output);
}

SlotMemory Executor::memory() const {
  SlotMemory total;
  for (const auto& slot : slots_) {
    const SlotMemory one = slot->memory();
    total.host_bytes += one.host_bytes;
    total.pinned_bytes += one.pinned_bytes;
    total.device_bytes += one.device_bytes;
    // Each context has its own activation memory (static allocation).
    const std::int64_t activations = engine_->info().device_memory_bytes;
    if (activations > 0) total.device_bytes += static_cast<std::uint64_t>(activations);
  }
  return total;
}

void Executor::Close() {
  if (submission_ != nullptr) submission_->Stop();
}

}  // namespace trtnode::executor
