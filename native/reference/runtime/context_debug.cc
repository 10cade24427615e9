// IExecutionContext: debug tensors and their listener.
#include <algorithm>
#include <cstring>

#include "reference/cuda/machine.h"
#include "reference/runtime/context.h"
#include "reference/runtime/context_pending.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {

bool ExecutionContext::setDebugListener(IDebugListener* listener) noexcept {
  listener_ = listener;
  return true;
}

bool ExecutionContext::setTensorDebugState(char const* name, bool flag) noexcept {
  constexpr char kApi[] = "IExecutionContext::setTensorDebugState";
  return Guard(*reports_, kApi, false, [&] {
    const auto& marked = core_->plan().debug_tensors;
    if (name == nullptr || std::find(marked.begin(), marked.end(), name) == marked.end()) {
      return Fail(kApi, std::string("condition: isDebugTensor. ") +
                            (name == nullptr ? "(null)" : name) +
                            " was not marked as a debug tensor when the engine was built.");
    }
    if (flag) {
      watched_.insert(name);
    } else {
      watched_.erase(name);
    }
    return true;
  });
}

bool ExecutionContext::getDebugState(char const* name) const noexcept {
  return Guard(*reports_, "IExecutionContext::getDebugState", false,
               [&] { return name != nullptr && watched_.count(name) != 0; });
}

bool ExecutionContext::setAllTensorsDebugState(bool flag) noexcept {
  return Guard(*reports_, "IExecutionContext::setAllTensorsDebugState", false, [&] {
    watched_.clear();
    if (flag) {
      for (const std::string& name : core_->plan().debug_tensors) watched_.insert(name);
    }
    return true;
  });
}

std::vector<size_t> ExecutionContext::WatchedTensors() const {
  std::vector<size_t> watched;
  if (listener_ == nullptr) return watched;
  for (size_t i = 0; i < core_->debug_tensors().size(); ++i) {
    if (watched_.count(core_->debug_tensors()[i].name) != 0) watched.push_back(i);
  }
  return watched;
}

bool ExecutionContext::TellListener(char const* api, cudaStream_t handle, const Pending& pending,
                                    const std::vector<size_t>& watched) {
  for (const size_t index : watched) {
    const TensorSpec& spec = core_->debug_tensors()[index];
    const auto position =
        static_cast<size_t>(std::find_if(pending.outputs.begin(), pending.outputs.end(),
                                         [&](const RunTensor& output) {
                                           return core_->Spec(output.tensor).name == spec.name;
                                         }) -
                            pending.outputs.begin());
    ort::Produced produced;
    {
      const std::lock_guard lock(last_run_->mutex);
      produced = last_run_->outputs[position];
    }
    // In device memory for as long as the call lasts, as TensorRT's is.
    const size_t bytes = static_cast<size_t>(Volume(produced.dimensions)) * ElementSize(spec.type);
    const auto memory = DeviceMemory::Allocate(std::max<size_t>(bytes, 1), nullptr);
    if (!memory) {
      reports_->Error(ErrorCode::kFAILED_ALLOCATION, api, kOutOfMemory,
                      "Requested size was " + std::to_string(bytes) + " bytes.");
      return false;
    }
    if (bytes > 0) std::memcpy(memory->pointer(), produced.data, bytes);
    if (!listener_->processDebugTensor(memory->pointer(), TensorLocation::kDEVICE, spec.type,
                                       ToDims(produced.dimensions), spec.name.c_str(), handle)) {
      return Fail(api, "condition: processDebugTensor. The debug listener refused tensor " +
                           spec.name + ".");
    }
  }
  return true;
}

}  // namespace trtnode::reference
