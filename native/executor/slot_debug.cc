// Runs that tell of debug tensors.
#include <memory>
#include <string>
#include <utility>

#include "executor/slot.h"

namespace trtnode::executor {

Status Slot::LaunchWatched() {
  // The listener copies and waits within the enqueueing, which no capture survives. The next run finds its graph again.
  entry_ = nullptr;
  dirty_ = true;
  if (shared_->options.graphs != GraphMode::kOff) {
    graph_stats_.SetReason("debug tensors were watched");
  }
  debug_tensors_.clear();
  tensorrt::ExecutionContext& execution = *current_->execution;
  const auto capture = std::make_shared<DebugCapture>(
      context(), [this](DebugTensor tensor) { debug_tensors_.push_back(std::move(tensor)); });
  const auto watch = [&]() -> Status {
    RETURN_IF_ERROR(execution.SetDebugListener(capture));
    if (debug_.all) return execution.SetAllTensorsDebugState(true);
    for (const std::string& name : debug_.names) {
      RETURN_IF_ERROR(execution.SetTensorDebugState(name, true));
    }
    return {};
  };
  Status status = watch();
  if (status.ok()) status = LaunchPlain();
  // Also after a failure: later runs of this context are watched by nobody.
  Status off = execution.SetAllTensorsDebugState(false);
  Status gone = execution.SetDebugListener(nullptr);
  if (off.ok()) off = std::move(gone);
  if (status.ok()) return off;
  Status reason = capture->TakeStatus();
  if (reason.ok()) return status;
  reason.error().log = std::move(status.error().log);
  return reason;
}

}  // namespace trtnode::executor
