// NativePlatform.
#include <array>
#include <string>
#include <utility>

#include "napi/exit_gate.h"
#include "napi/objects.h"
#include "napi/runtime_options.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> PlatformObject::Definition() {
  using Self = PlatformObject;
  static constexpr std::array kProperties = {
      Getter<&Self::GetKind>("kind"),
      Getter<&Self::LibraryPath>("libraryPath"),
      Getter<&Self::Version>("version"),
      Getter<&Self::Flavor>("flavor"),
      Getter<&Self::HasBuilder>("hasBuilder"),
      Getter<&Self::HasParser>("hasParser"),
      Getter<&Self::PluginLibraries>("pluginLibraries"),
      Getter<&Self::Warnings>("warnings"),
      Getter<&Self::DriverVersion>("driverVersion"),
      Method<&Self::Devices>("devices"),
      Method<&Self::Memory>("memoryInfo"),
      Method<&Self::CreateRuntime>("createRuntime"),
      Method<&Self::CreateStream>("createStream"),
      Method<&Self::CreateEvent>("createEvent"),
      Method<&Self::CreateDeviceBuffer>("createDeviceBuffer"),
      Method<&Self::CreatePinnedBuffer>("createPinnedBuffer"),
      Method<&Self::CreateActivationPool>("createActivationPool"),
      Method<&Self::CanAccessPeer>("canAccessPeer"),
      Method<&Self::OpenIpcMemory>("openIpcMemory"),
      Method<&Self::OpenIpcEvent>("openIpcEvent"),
      Method<&Self::WrapAddress>("wrapAddress"),
      Method<&Self::Build>("build"),
      Method<&Self::CheckModel>("checkModel"),
      Method<&Self::CreateRuntimeUnchecked>("createRuntimeUnchecked"),
  };
  return kProperties;
}

Result<napi_value> PlatformObject::GetKind(Call& call) {
  return MakeString(call.env, platform_->reference() ? "reference" : "tensorrt");
}

Result<napi_value> PlatformObject::LibraryPath(Call& call) {
  return MakeString(call.env, platform_->library()->path());
}

Result<napi_value> PlatformObject::Version(Call& call) {
  return MakeVersion(call.env, platform_->library()->version());
}

Result<napi_value> PlatformObject::Flavor(Call& call) {
  switch (platform_->library()->flavor()) {
    case tensorrt::Flavor::kLean:
      return MakeString(call.env, "lean");
    case tensorrt::Flavor::kDispatch:
      return MakeString(call.env, "dispatch");
    case tensorrt::Flavor::kFull:
      break;
  }
  return MakeString(call.env, "full");
}

Result<napi_value> PlatformObject::HasBuilder(Call& call) {
  return MakeBool(call.env, platform_->library()->has_builder());
}

Result<napi_value> PlatformObject::HasParser(Call& call) {
  return MakeBool(call.env, platform_->library()->has_parser());
}

Result<napi_value> PlatformObject::PluginLibraries(Call& call) {
  return MakeStrings(call.env, platform_->library()->plugin_libraries());
}

Result<napi_value> PlatformObject::Warnings(Call& call) {
  return MakeStrings(call.env, platform_->library()->warnings());
}

Result<napi_value> PlatformObject::DriverVersion(Call& call) {
  return MakeNumber(call.env, platform_->driver_version());
}

Result<napi_value> PlatformObject::Devices(Call& call) {
  ASSIGN_OR_RETURN(const auto driver, platform_->Driver());
  ASSIGN_OR_RETURN(const std::vector<cuda::DeviceInfo> devices, driver->Devices());
  ASSIGN_OR_RETURN(napi_value array, MakeArray(call.env, devices.size()));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const cuda::DeviceInfo& device = devices[i];
    ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
    RETURN_IF_ERROR(object.Set("index", device.index));
    RETURN_IF_ERROR(object.Set("name", device.name));
    RETURN_IF_ERROR(object.Set("uuid", device.uuid));
    RETURN_IF_ERROR(object.Set("pciBusId", device.pci_bus_id));
    RETURN_IF_ERROR(object.Set("totalMemoryBytes", device.total_memory_bytes));
    const std::array<std::int64_t, 2> capability = {device.compute_capability_major,
                                                    device.compute_capability_minor};
    RETURN_IF_ERROR(object.Set("computeCapability", MakeIntegers(call.env, capability)));
    RETURN_IF_ERROR(object.Set("multiprocessors", device.multiprocessors));
    RETURN_IF_ERROR(object.Set("integrated", device.integrated));
    RETURN_IF_ERROR(object.Set("canMapHostMemory", device.can_map_host_memory));
    RETURN_IF_ERROR(SetElement(call.env, array, i, object.value()));
  }
  return array;
}

namespace {

Result<std::shared_ptr<cuda::PrimaryContext>> ContextOf(const Call& call, Platform& platform) {
  ASSIGN_OR_RETURN(const int device, ReadInt(call.env, call.arguments[0], "device", 0, 1 << 20));
  return platform.Context(device);
}

}  // namespace

Result<napi_value> PlatformObject::Memory(Call& call) {
  ASSIGN_OR_RETURN(const auto context, ContextOf(call, *platform_));
  ASSIGN_OR_RETURN(const cuda::MemoryInfo memory, context->Memory());
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  RETURN_IF_ERROR(object.Set("freeBytes", memory.free_bytes));
  RETURN_IF_ERROR(object.Set("totalBytes", memory.total_bytes));
  return object.value();
}

Result<napi_value> PlatformObject::CreateRuntime(Call& call) {
  ASSIGN_OR_RETURN(RuntimeOptions options, ReadRuntimeOptions(call.state, call.arguments[0]));
  ASSIGN_OR_RETURN(auto context, platform_->Context(options.device));
  const cuda::ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto runtime,
                   tensorrt::Runtime::Create(platform_->library(), std::move(options.runtime)));
  GuardExit();
  auto resource = std::make_shared<RuntimeResource>(std::move(context), std::move(runtime));
  return NewObject(call.state, std::make_unique<RuntimeObject>(std::move(resource)));
}

Result<napi_value> PlatformObject::CreateStream(Call& call) {
  ASSIGN_OR_RETURN(auto context, ContextOf(call, *platform_));
  ASSIGN_OR_RETURN(const int priority,
                   ReadInt(call.env, call.arguments[1], "priority", -1000000, 1000000));
  ASSIGN_OR_RETURN(auto stream, cuda::Stream::Create(std::move(context), priority));
  auto resource = std::make_shared<StreamResource>(std::move(stream));
  return NewObject(call.state, std::make_unique<StreamObject>(std::move(resource)));
}

Result<napi_value> PlatformObject::CreateEvent(Call& call) {
  ASSIGN_OR_RETURN(auto context, ContextOf(call, *platform_));
  ASSIGN_OR_RETURN(const bool timing, ReadBool(call.env, call.arguments[1], "timing"));
  ASSIGN_OR_RETURN(const bool blocking, ReadBool(call.env, call.arguments[2], "blockingSync"));
  ASSIGN_OR_RETURN(const bool interprocess, ReadBool(call.env, call.arguments[3], "interprocess"));
  ASSIGN_OR_RETURN(auto event,
                   cuda::Event::Create(std::move(context), timing, blocking, interprocess));
  auto resource = std::make_shared<EventResource>(std::move(event));
  return NewObject(call.state, std::make_unique<EventObject>(std::move(resource)));
}

Result<napi_value> PlatformObject::CreateDeviceBuffer(Call& call) {
  ASSIGN_OR_RETURN(auto context, ContextOf(call, *platform_));
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[1], "bytes"));
  ASSIGN_OR_RETURN(auto buffer, cuda::DeviceBuffer::Allocate(std::move(context), bytes));
  auto resource = std::make_shared<DeviceBufferResource>(std::move(buffer));
  return NewObject(call.state, std::make_unique<DeviceBufferObject>(std::move(resource)));
}

Result<napi_value> PlatformObject::CreatePinnedBuffer(Call& call) {
  ASSIGN_OR_RETURN(auto context, ContextOf(call, *platform_));
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[1], "bytes"));
  ASSIGN_OR_RETURN(const bool mapped, ReadBool(call.env, call.arguments[2], "mapped"));
  ASSIGN_OR_RETURN(auto buffer, cuda::PinnedBuffer::Allocate(std::move(context), bytes, mapped));
  auto resource = std::make_shared<PinnedBufferResource>(std::move(buffer));
  return NewObject(call.state, std::make_unique<PinnedBufferObject>(std::move(resource)));
}

Result<napi_value> PlatformObject::CanAccessPeer(Call& call) {
  ASSIGN_OR_RETURN(const int device, ReadInt(call.env, call.arguments[0], "device", 0, 1 << 20));
  ASSIGN_OR_RETURN(const int peer, ReadInt(call.env, call.arguments[1], "peer", 0, 1 << 20));
  ASSIGN_OR_RETURN(const auto driver, platform_->Driver());
  ASSIGN_OR_RETURN(const bool can, driver->CanAccessPeer(device, peer));
  return MakeBool(call.env, can);
}

Result<napi_value> PlatformObject::CreateActivationPool(Call& call) {
  ASSIGN_OR_RETURN(auto context, ContextOf(call, *platform_));
  auto resource = std::make_shared<ActivationPoolResource>(
      std::make_shared<executor::ActivationPool>(std::move(context)));
  return NewObject(call.state, std::make_unique<ActivationPoolObject>(std::move(resource)));
}

Result<napi_value> PlatformObject::CreateRuntimeUnchecked(Call& call) {
  ASSIGN_OR_RETURN(const auto log, JsReference::HoldFunction(call.state, call.arguments[0], "log"));
  std::vector<std::pair<tensorrt::Severity, std::string>> lines;
  std::mutex mutex;  // TensorRT may log from threads of its own
  tensorrt::RuntimeOptions options;
  options.log_severity = tensorrt::Severity::kVerbose;
  options.log_sink = [&](tensorrt::Severity severity, std::string_view line) {
    const std::lock_guard lock(mutex);
    lines.emplace_back(severity, line);
  };
  Status status = tensorrt::Runtime::Create(platform_->library(), std::move(options)).TakeStatus();
  if (log != nullptr) {
    for (const auto& [severity, line] : lines) {
      RETURN_IF_ERROR(CallLog(call.env, *log, severity, line));
    }
  }
  RETURN_IF_ERROR(std::move(status));
  return nullptr;
}

}  // namespace trtnode::napi
