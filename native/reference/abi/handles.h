// The public I* handles of TensorRT 10: the few whose own vtable has more than the two destructors are spelled out.
#pragma once

#include "reference/abi/builder.h"
#include "reference/abi/network.h"
#include "reference/abi/runtime.h"

namespace trtnode::reference {

class IHostMemory final : public Handle<VHostMemory> {
  using Handle::Handle;
};
class IRuntime final : public Handle<VRuntime> {
  using Handle::Handle;
};
class ICudaEngine final : public Handle<VCudaEngine> {
  using Handle::Handle;
};
class IExecutionContext final : public Handle<VExecutionContext> {
  using Handle::Handle;
};
class IEngineInspector final : public Handle<VEngineInspector> {
  using Handle::Handle;
};
class ISerializationConfig final : public Handle<VSerializationConfig> {
  using Handle::Handle;
};
class IRuntimeConfig final : public Handle<VRuntimeConfig> {
  using Handle::Handle;
};
class IRefitter final : public Handle<VRefitter> {
  using Handle::Handle;
};
class IBuilder final : public Handle<VBuilder> {
  using Handle::Handle;
};
class IOptimizationProfile final : public Handle<VOptimizationProfile> {
  using Handle::Handle;
};
class ITimingCache final : public Handle<VTimingCache> {
  using Handle::Handle;
};
class ITensor final : public Handle<VTensor> {
  using Handle::Handle;
};

// Slot 2 of its own vtable is a method, as in TensorRT's headers.
class IBuilderConfig final : public Handle<VBuilderConfig> {
 public:
  using Handle::Handle;
  virtual void setAvgTimingIterations(int32_t count) noexcept {
    impl()->setAvgTimingIterations(count);
  }
};

class INetworkDefinition final : public Handle<VNetworkDefinition> {
 public:
  using Handle::Handle;
  virtual IBuilder& getBuilder() const noexcept { return impl()->getBuilder(); }
};

// The VLayer at 8; a concrete layer's own implementation would follow at 16, which we leave null.
class ILayer final : public Handle<VLayer> {
 public:
  using Handle::Handle;
  void* concrete_impl = nullptr;
};

static_assert(sizeof(IRuntime) == 16 && sizeof(INetworkDefinition) == 16 && sizeof(ILayer) == 24);

}  // namespace trtnode::reference
