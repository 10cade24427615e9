// The handle classes, one file each; what they need of one another.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "napi/allocator_resource.h"
#include "napi/js_reference.h"
#include "napi/object.h"
#include "napi/resources.h"

namespace trtnode::napi {

class PlatformObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::kPlatform;
  explicit PlatformObject(std::shared_ptr<Platform> platform) noexcept
      : Object(kKind), platform_(std::move(platform)) {}
  static std::span<const napi_property_descriptor> Definition();
  bool closed() const noexcept override { return false; }
  std::shared_ptr<Resource> Detach() noexcept override { return nullptr; }
  const std::shared_ptr<Platform>& platform() const noexcept { return platform_; }

  Result<napi_value> GetKind(Call& call);
  Result<napi_value> LibraryPath(Call& call);
  Result<napi_value> Version(Call& call);
  Result<napi_value> Flavor(Call& call);
  Result<napi_value> HasBuilder(Call& call);
  Result<napi_value> HasParser(Call& call);
  Result<napi_value> PluginLibraries(Call& call);
  Result<napi_value> Warnings(Call& call);
  Result<napi_value> DriverVersion(Call& call);
  Result<napi_value> Devices(Call& call);
  Result<napi_value> Memory(Call& call);
  Result<napi_value> CreateRuntime(Call& call);
  Result<napi_value> CreateStream(Call& call);
  Result<napi_value> CreateEvent(Call& call);
  Result<napi_value> CreateDeviceBuffer(Call& call);
  Result<napi_value> CreatePinnedBuffer(Call& call);
  Result<napi_value> CreateActivationPool(Call& call);
  Result<napi_value> CanAccessPeer(Call& call);
  Result<napi_value> OpenIpcMemory(Call& call);  // sharing.cc
  Result<napi_value> OpenIpcEvent(Call& call);   // likewise
  Result<napi_value> WrapAddress(Call& call);    // likewise
  Result<napi_value> Build(Call& call);
  Result<napi_value> CheckModel(Call& call);
  Result<napi_value> CreateRuntimeUnchecked(Call& call);

 private:
  const std::shared_ptr<Platform> platform_;
};

class RuntimeObject final : public HandleObject<RuntimeResource> {
 public:
  static constexpr Kind kKind = Kind::kRuntime;
  explicit RuntimeObject(std::shared_ptr<RuntimeResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> NumDlaCores(Call& call);
  Result<napi_value> DlaCore(Call& call);
  Result<napi_value> MaxThreads(Call& call);
  Result<napi_value> EngineHostCodeAllowed(Call& call);
  Result<napi_value> TemporaryDirectory(Call& call);
  Result<napi_value> DeserializeEngine(Call& call);
  Result<napi_value> DeserializeEngineAsync(Call& call);
  Result<napi_value> DeserializeEngineFile(Call& call);
  Result<napi_value> DeserializeEngineStream(Call& call);  // plan_stream.cc
};

class EngineObject final : public HandleObject<EngineResource> {
 public:
  static constexpr Kind kKind = Kind::kEngine;
  explicit EngineObject(std::shared_ptr<EngineResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();
  void DropReferences(napi_env env) noexcept override;

  Result<napi_value> Info(Call& call);
  Result<napi_value> CreateExecutionContext(Call& call);
  Result<napi_value> CreateInspector(Call& call);
  // engine_weights.cc
  Result<napi_value> CreateRefitter(Call& call);
  Result<napi_value> CreateRuntimeConfig(Call& call);
  Result<napi_value> Serialize(Call& call);
  Result<napi_value> IsDebugTensor(Call& call);
  Result<napi_value> SerializeAsync(Call& call);
  Result<napi_value> WeightStreaming(Call& call);
  Result<napi_value> SetWeightStreamingBudget(Call& call);
  Result<napi_value> SetWeightStreamingBudgetAsync(Call& call);
  Result<napi_value> CreateExecutor(Call& call);  // executor_object.cc
  Result<napi_value> Measure(Call& call);         // measure_object.cc

 private:
  void ForgetInfo(napi_env env) noexcept;

  napi_ref info_ = nullptr;
};

class InspectorObject final : public HandleObject<InspectorResource> {
 public:
  static constexpr Kind kKind = Kind::kEngineInspector;
  explicit InspectorObject(std::shared_ptr<InspectorResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> SetExecutionContext(Call& call);
  Result<napi_value> LayerInformation(Call& call);
  Result<napi_value> EngineInformation(Call& call);
};

class StreamObject final : public HandleObject<StreamResource> {
 public:
  static constexpr Kind kKind = Kind::kStream;
  explicit StreamObject(std::shared_ptr<StreamResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> Device(Call& call);
  Result<napi_value> Priority(Call& call);
  Result<napi_value> Handle(Call& call);
  Result<napi_value> Query(Call& call);
  Result<napi_value> Synchronize(Call& call);
  Result<napi_value> SynchronizeSync(Call& call);
  Result<napi_value> WaitEvent(Call& call);
  Result<napi_value> RecordEvent(Call& call);
  Result<napi_value> BeginCapture(Call& call);
  Result<napi_value> EndCapture(Call& call);
  Result<napi_value> Capturing(Call& call);
  Result<napi_value> CopyHostToDevice(Call& call);
  Result<napi_value> CopyDeviceToHost(Call& call);
  Result<napi_value> CopyDeviceToDevice(Call& call);
  Result<napi_value> Memset(Call& call);
};

class EventObject final : public HandleObject<EventResource> {
 public:
  static constexpr Kind kKind = Kind::kEvent;
  explicit EventObject(std::shared_ptr<EventResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> Device(Call& call);
  Result<napi_value> Query(Call& call);
  Result<napi_value> Synchronize(Call& call);
  Result<napi_value> SynchronizeSync(Call& call);
  Result<napi_value> ElapsedSince(Call& call);
  Result<napi_value> ExportIpc(Call& call);  // sharing.cc
};

class GraphObject final : public HandleObject<GraphResource> {
 public:
  static constexpr Kind kKind = Kind::kCudaGraph;
  explicit GraphObject(std::shared_ptr<GraphResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> NumNodes(Call& call);
  Result<napi_value> Launch(Call& call);
};

class DeviceBufferObject final : public HandleObject<DeviceBufferResource> {
 public:
  static constexpr Kind kKind = Kind::kDeviceBuffer;
  explicit DeviceBufferObject(std::shared_ptr<DeviceBufferResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();
  const cuda::DeviceBuffer& buffer() const noexcept { return *resource_->buffer; }

  Result<napi_value> Device(Call& call);
  Result<napi_value> Bytes(Call& call);
  Result<napi_value> Address(Call& call);
  Result<napi_value> WriteSync(Call& call);
  Result<napi_value> ReadSync(Call& call);
  Result<napi_value> View(Call& call);       // sharing.cc
  Result<napi_value> ExportIpc(Call& call);  // likewise
};

class PinnedBufferObject final : public HandleObject<PinnedBufferResource> {
 public:
  static constexpr Kind kKind = Kind::kPinnedBuffer;
  explicit PinnedBufferObject(std::shared_ptr<PinnedBufferResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();
  void DropReferences(napi_env env) noexcept override;
  const cuda::PinnedBuffer& buffer() const noexcept { return *resource_->buffer; }

  Result<napi_value> Device(Call& call);
  Result<napi_value> Bytes(Call& call);
  Result<napi_value> DeviceAddress(Call& call);
  Result<napi_value> ArrayBuffer(Call& call);
  Result<napi_value> Write(Call& call);
  Result<napi_value> Read(Call& call);
  Result<napi_value> Close(Call& call);

 private:
  napi_ref array_buffer_ = nullptr;
};

class ActivationPoolObject final : public HandleObject<ActivationPoolResource> {
 public:
  static constexpr Kind kKind = Kind::kActivationPool;
  explicit ActivationPoolObject(std::shared_ptr<ActivationPoolResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> Device(Call& call);
  Result<napi_value> Bytes(Call& call);
};

class OutputAllocatorObject final : public HandleObject<AllocatorResource> {
 public:
  static constexpr Kind kKind = Kind::kOutputAllocator;
  explicit OutputAllocatorObject(std::shared_ptr<AllocatorResource> resource) noexcept;
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> Shape(Call& call);
  Result<napi_value> Buffer(Call& call);
};

// [offset, offset + bytes) within a buffer of `size`, or kInvalidArgument.
Status CheckRange(const char* what, std::size_t offset, std::size_t bytes, std::size_t size);

}  // namespace trtnode::napi
