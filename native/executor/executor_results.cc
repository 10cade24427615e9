// What an Executor tells of its slots: outputs, debug tensors and times of their last runs, memory and counts.
#include <string>
#include <utility>

#include "executor/executor.h"

namespace trtnode::executor {

std::span<const Dims> Executor::PreparedShapes(int index) const {
  return slot(index).output_dims();
}

std::span<const Dims> Executor::OutputShapes(int index) const { return slot(index).actual_dims(); }

bool Executor::HasDataDependentOutputs(int index) const {
  return slot(index).has_data_dependent_outputs();
}

Status Executor::CheckOutput(int index, int output) const {
  RETURN_IF_ERROR(CheckIdle(index));
  if (output < 0 || static_cast<std::size_t>(output) >= layout().outputs.size()) {
    return Status(ErrorCode::kInvalidArgument, "There is no output " + std::to_string(output) +
                                                   ": the engine has " +
                                                   std::to_string(layout().outputs.size()) + ".");
  }
  if (!entry(index).completed) {
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

Status Executor::SetTimed(int index, bool timed) {
  RETURN_IF_ERROR(CheckIdle(index));
  slot(index).SetTimed(timed);
  return {};
}

Status Executor::SetDebug(int index, DebugRequest request) {
  RETURN_IF_ERROR(CheckIdle(index));
  slot(index).SetDebug(std::move(request));
  return {};
}

Result<std::vector<DebugTensor>> Executor::TakeDebugTensors(int index) {
  RETURN_IF_ERROR(CheckIdle(index));
  return slot(index).TakeDebugTensors();
}

Result<RunTimes> Executor::Times(int index) {
  RETURN_IF_ERROR(CheckIdle(index));
  const Entry& run = entry(index);
  if (clock_ == nullptr || !run.completed) {
    return Status(ErrorCode::kInvalidArgument,
                  "Slot " + std::to_string(index) + " has no timed run.");
  }
  const cuda::ContextGuard guard(*shared_->context);
  RETURN_IF_ERROR(clock_->Refresh());
  ASSIGN_OR_RETURN(const DeviceTimes device, slot(index).Times(clock_->base()));
  const auto at = [&](float milliseconds) {
    return clock_->base_time() + static_cast<std::int64_t>(static_cast<double>(milliseconds) * 1e6);
  };
  return RunTimes{run.started,
                  run.launched,
                  at(device.h2d_start),
                  at(device.compute_start),
                  at(device.compute_end),
                  at(device.d2h_end),
                  run.finished};
}

Status Executor::Forget() {
  for (int i = 0; i < slots(); ++i) RETURN_IF_ERROR(CheckIdle(i));
  const cuda::ContextGuard guard(*shared_->context);
  RETURN_IF_ERROR(guard.status());
  for (const auto& slot : slots_) slot->Recover();
  for (const auto& entry : entries_) entry->completed = false;
  return {};
}

ExecutorMemory Executor::memory() const {
  ExecutorMemory total;
  for (const auto& slot : slots_) {
    const SlotMemory one = slot->memory();
    total.host_bytes += one.host_bytes;
    total.pinned_bytes += one.pinned_bytes;
    total.device_bytes += one.device_bytes;
    total.activation_bytes += one.context_bytes;
  }
  total.device_bytes += shared_->outputs->bytes();
  if (shared_->activations != nullptr) total.activation_bytes = shared_->activations->bytes();
  return total;
}

ExecutorStats Executor::stats() const {
  ExecutorStats total;
  for (const auto& slot : slots_) {
    const GraphStats& one = slot->graph_stats();
    total.hits += one.hits.load();
    total.captures += one.captures.load();
    total.fallbacks += one.fallbacks.load();
    if (std::string reason = one.reason(); !reason.empty()) total.reason = std::move(reason);
  }
  total.inline_launches = inline_launches_;
  total.off_thread_launches = off_thread_launches_;
  return total;
}

}  // namespace trtnode::executor
