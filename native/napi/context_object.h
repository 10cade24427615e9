// NativeExecutionContext.
#pragma once

#include <vector>

#include "executor/debug_capture.h"
#include "napi/objects.h"

namespace trtnode::napi {

class ContextObject final : public HandleObject<ExecutionContextResource> {
 public:
  static constexpr Kind kKind = Kind::kExecutionContext;
  explicit ContextObject(std::shared_ptr<ExecutionContextResource> resource)
      : HandleObject(kKind, std::move(resource)), allocators_(resource_->addresses.size()) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> SetOptimizationProfile(Call& call);
  Result<napi_value> OptimizationProfile(Call& call);
  Result<napi_value> SetInputShape(Call& call);
  Result<napi_value> TensorShape(Call& call);
  Result<napi_value> TensorStrides(Call& call);
  Result<napi_value> InferShapes(Call& call);
  Result<napi_value> AllInputDimensionsSpecified(Call& call);
  Result<napi_value> SetTensorAddress(Call& call);
  Result<napi_value> TensorAddress(Call& call);
  Result<napi_value> SetOutputAllocator(Call& call);
  Result<napi_value> MaxOutputSize(Call& call);
  Result<napi_value> SetTemporaryStorageAllocator(
      Call& call);  // context_callbacks.cc, to DebugState
  Result<napi_value> SetDebugListener(Call& call);
  Result<napi_value> SetTensorDebugState(Call& call);
  Result<napi_value> SetAllTensorsDebugState(Call& call);
  Result<napi_value> DebugState(Call& call);
  Result<napi_value> SetDeviceMemory(Call& call);
  Result<napi_value> UpdateDeviceMemorySizeForShapes(Call& call);
  Result<napi_value> SetAuxStreams(Call& call);
  Result<napi_value> GetPersistentCacheLimit(Call& call);
  Result<napi_value> SetPersistentCacheLimit(Call& call);
  Result<napi_value> GetNvtxVerbosity(Call& call);
  Result<napi_value> SetNvtxVerbosity(Call& call);
  Result<napi_value> SetInputConsumedEvent(Call& call);
  Result<napi_value> SetProfiling(Call& call);
  Result<napi_value> SetEnqueueEmitsProfile(Call& call);
  Result<napi_value> ReportToProfiler(Call& call);
  Result<napi_value> TakeLayerTimes(Call& call);
  Result<napi_value> Enqueue(Call& call);

 private:
  tensorrt::ExecutionContext& execution() const noexcept { return *resource_->execution; }
  Result<int> ReadTensor(Call& call) const;  // the first argument
  // What replaces `slot` may still be used by work that was enqueued: the stream keeps it.
  void Replace(std::shared_ptr<Resource>& slot, std::shared_ptr<Resource> value);

  std::vector<std::shared_ptr<AllocatorResource>> allocators_;  // by tensor
  std::shared_ptr<executor::DebugCapture> debug_;               // null: no listener
};

}  // namespace trtnode::napi
