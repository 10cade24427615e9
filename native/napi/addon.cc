// The addon's entry point and its plain functions (NativeAddon in lib/native.ts).
#include <array>
#include <string>
#include <utility>

#include "napi/allocator_resource.h"
#include "napi/errors.h"
#include "napi/file_lock_object.h"
#include "napi/gpu_allocator.h"
#include "napi/gpu_readings.h"
#include "napi/objects.h"
#include "napi/runtime_options.h"
#include "napi/values.h"
#include "napi/view.h"
#include "tensorrt/plan_header.h"

namespace trtnode::napi {
namespace {

Result<napi_value> Initialize(Call& call) {
  ASSIGN_OR_RETURN(napi_value create, Get(call.env, call.arguments[0], "createError"));
  if (TypeOf(call.env, create) != napi_function) return WrongType("createError", "a function");
  if (call.state.create_error != nullptr) {
    NAPI_TRY(napi_delete_reference(call.env, std::exchange(call.state.create_error, nullptr)));
  }
  NAPI_TRY(napi_create_reference(call.env, create, 1, &call.state.create_error));
  return nullptr;
}

Result<napi_value> OpenPlatform(Call& call) {
  const napi_value object = call.arguments[0];
  PlatformOptions options;
  ASSIGN_OR_RETURN(const std::string kind, GetString(call.env, object, "kind"));
  if (kind != "tensorrt" && kind != "reference")
    return WrongType("kind", "'tensorrt' or 'reference'");
  options.reference = kind == "reference";
  ASSIGN_OR_RETURN(options.library, GetString(call.env, object, "library"));
  ASSIGN_OR_RETURN(options.onnxruntime_library, GetString(call.env, object, "onnxruntimeLibrary"));
  ASSIGN_OR_RETURN(napi_value plugins, Get(call.env, object, "pluginLibraries"));
  ASSIGN_OR_RETURN(options.plugin_libraries, ReadStrings(call.env, plugins, "pluginLibraries"));
  ASSIGN_OR_RETURN(auto platform, Platform::Open(options));
  return NewObject(call.state, std::make_unique<PlatformObject>(std::move(platform)));
}

Result<napi_value> CreateOutputAllocator(Call& call) {
  ASSIGN_OR_RETURN(PlatformObject * platform,
                   Unwrap<PlatformObject>(call, call.arguments[0], "platform"));
  ASSIGN_OR_RETURN(const int device, ReadInt(call.env, call.arguments[1], "device", 0, 1 << 20));
  ASSIGN_OR_RETURN(auto allocate,
                   JsReference::HoldFunction(call.state, call.arguments[2], "allocate"));
  ASSIGN_OR_RETURN(auto context, platform->platform()->Context(device));
  auto resource =
      std::make_shared<AllocatorResource>(std::move(context), call.state, std::move(allocate));
  return NewObject(call.state, std::make_unique<OutputAllocatorObject>(std::move(resource)));
}

Result<napi_value> ReadPlanHeader(Call& call) {
  ASSIGN_OR_RETURN(const std::span<std::byte> plan, ReadView(call.env, call.arguments[0], "plan"));
  ASSIGN_OR_RETURN(const tensorrt::PlanHeader header, tensorrt::ReadPlanHeader(plan));
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  napi_value undefined = nullptr;
  NAPI_TRY(napi_get_undefined(call.env, &undefined));
  RETURN_IF_ERROR(
      object.Set("kind", header.kind == tensorrt::PlanKind::kReference ? "reference" : "tensorrt"));
  napi_value version = undefined;
  if (header.version.has_value()) {
    ASSIGN_OR_RETURN(version, MakeVersion(call.env, *header.version));
  }
  RETURN_IF_ERROR(object.Set("version", version));
  napi_value total = undefined;
  if (header.total_bytes.has_value()) {
    ASSIGN_OR_RETURN(total, MakeNumber(call.env, static_cast<double>(*header.total_bytes)));
  }
  RETURN_IF_ERROR(object.Set("totalBytes", total));
  napi_value capability = undefined;
  if (header.compute_capability_major.has_value() && header.compute_capability_minor.has_value()) {
    const std::array<std::int64_t, 2> numbers = {*header.compute_capability_major,
                                                 *header.compute_capability_minor};
    ASSIGN_OR_RETURN(capability, MakeIntegers(call.env, numbers));
  }
  RETURN_IF_ERROR(object.Set("computeCapability", capability));
  return object.value();
}

Result<napi_value> SetReferenceFaults(Call& call) {
  ASSIGN_OR_RETURN(PlatformObject * platform,
                   Unwrap<PlatformObject>(call, call.arguments[0], "platform"));
  ASSIGN_OR_RETURN(const std::string spec, ReadString(call.env, call.arguments[1], "spec"));
  RETURN_IF_ERROR(platform->platform()->SetFaults(spec));
  return nullptr;
}

Result<napi_value> LiveHandles(Call& call) {
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  const auto counts = LiveCounts();
  for (std::size_t i = 0; i < kKindCount; ++i) {
    if (static_cast<Kind>(i) == Kind::kPlatform) continue;  // never freed
    RETURN_IF_ERROR(object.Set(KindName(static_cast<Kind>(i)), counts[i]));
  }
  return object.value();
}

template <Result<napi_value> (*kFunction)(Call&)>
napi_property_descriptor Function(const char* name, EnvState* state) {
  const auto callback = [](napi_env env, napi_callback_info info) noexcept {
    return DispatchFunction(env, info, kFunction);
  };
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, state};
}

Result<napi_value> Load(napi_env env, napi_value exports) {
  ASSIGN_OR_RETURN(EnvState * state, EnvState::Create(env));
  const std::array properties = {
      Function<Initialize>("initialize", state),
      Function<OpenPlatform>("openPlatform", state),
      Function<CreateOutputAllocator>("createOutputAllocator", state),
      Function<CreateGpuAllocator>("createGpuAllocator", state),
      Function<ReadPlanHeader>("readPlanHeader", state),
      Function<LockFile>("lockFile", state),
      Function<ReadGpus>("readGpus", state),
      Function<SetReferenceFaults>("setReferenceFaults", state),
      Function<LiveHandles>("liveHandles", state),
  };
  NAPI_TRY(napi_define_properties(env, exports, properties.size(), properties.data()));
  return exports;
}

}  // namespace
}  // namespace trtnode::napi

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  try {
    auto loaded = trtnode::napi::Load(env, exports);
    if (loaded.ok()) return loaded.value();
    (void)napi_throw_error(env, trtnode::ErrorCodeName(loaded.error().code),
                           loaded.error().message.c_str());
  } catch (...) {
    (void)napi_throw_error(env, "ERR_TRT_INTERNAL", "The addon could not be loaded.");
  }
  return nullptr;
}
