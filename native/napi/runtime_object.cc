// NativeRuntime.
#include <array>
#include <utility>

#include "core/whole_file.h"
#include "napi/copied_bytes.h"
#include "napi/exit_gate.h"
#include "napi/objects.h"
#include "napi/promise.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {
namespace {

Result<std::shared_ptr<EngineResource>> Deserialize(const std::shared_ptr<RuntimeResource>& runtime,
                                                    std::span<const std::byte> plan,
                                                    bool may_wait) {
  const cuda::ContextGuard guard(*runtime->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto engine, runtime->runtime->DeserializeEngine(plan, may_wait));
  GuardExit();  // a plan may have brought libraries with it
  return std::make_shared<EngineResource>(runtime, std::move(engine));
}

// Deserializes what `read` gives on a thread of the pool.
template <typename Read>
Result<napi_value> DeserializeLater(EnvState& state, std::shared_ptr<RuntimeResource> runtime,
                                    Read read) {
  auto engine = std::make_shared<std::shared_ptr<EngineResource>>();
  return RunAsync(
      state,
      [runtime = std::move(runtime), read = std::move(read), engine]() mutable -> Status {
        cuda::RelaxCaptureMode(runtime->context->driver());
        ASSIGN_OR_RETURN(const auto contents, read());
        ASSIGN_OR_RETURN(*engine, Deserialize(runtime, contents->bytes(), true));
        return {};
      },
      [engine](EnvState& settled) {
        return NewObject(settled, std::make_unique<EngineObject>(std::move(*engine)));
      });
}

}  // namespace

std::span<const napi_property_descriptor> RuntimeObject::Definition() {
  using Self = RuntimeObject;
  static const std::array kProperties = {
      Getter<&Self::NumDlaCores>("numDlaCores"),
      Getter<&Self::DlaCore>("dlaCore"),
      Getter<&Self::MaxThreads>("maxThreads"),
      Getter<&Self::EngineHostCodeAllowed>("engineHostCodeAllowed"),
      Getter<&Self::TemporaryDirectory>("temporaryDirectory"),
      Method<&Self::DeserializeEngine>("deserializeEngine"),
      Method<&Self::DeserializeEngineAsync>("deserializeEngineAsync"),
      Method<&Self::DeserializeEngineFile>("deserializeEngineFile"),
      Method<&Self::DeserializeEngineStream>("deserializeEngineStream"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> RuntimeObject::NumDlaCores(Call& call) {
  return MakeNumber(call.env, resource_->runtime->num_dla_cores());
}

Result<napi_value> RuntimeObject::DlaCore(Call& call) {
  return MakeNumber(call.env, resource_->runtime->dla_core());
}

Result<napi_value> RuntimeObject::MaxThreads(Call& call) {
  return MakeNumber(call.env, resource_->runtime->max_threads());
}

Result<napi_value> RuntimeObject::EngineHostCodeAllowed(Call& call) {
  return MakeBool(call.env, resource_->runtime->engine_host_code_allowed());
}

Result<napi_value> RuntimeObject::TemporaryDirectory(Call& call) {
  return MakeString(call.env, resource_->runtime->temporary_directory());
}

Result<napi_value> RuntimeObject::DeserializeEngine(Call& call) {
  ASSIGN_OR_RETURN(const std::span<std::byte> plan, ReadView(call.env, call.arguments[0], "plan"));
  ASSIGN_OR_RETURN(auto engine, Deserialize(resource_, plan, false));
  return NewObject(call.state, std::make_unique<EngineObject>(std::move(engine)));
}

Result<napi_value> RuntimeObject::DeserializeEngineAsync(Call& call) {
  ASSIGN_OR_RETURN(const std::span<std::byte> plan, ReadView(call.env, call.arguments[0], "plan"));
  return DeserializeLater(
      call.state, resource_,
      [contents = CopyBytes(plan)]() mutable -> Result<std::shared_ptr<const CopiedBytes>> {
        return std::move(contents);
      });
}

Result<napi_value> RuntimeObject::DeserializeEngineFile(Call& call) {
  ASSIGN_OR_RETURN(const std::string path, ReadString(call.env, call.arguments[0], "path"));
  return DeserializeLater(call.state, resource_, [path]() -> Result<std::shared_ptr<WholeFile>> {
    ASSIGN_OR_RETURN(WholeFile file, WholeFile::Open(path));
    return std::make_shared<WholeFile>(std::move(file));
  });
}

}  // namespace trtnode::napi
