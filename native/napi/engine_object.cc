// NativeEngine.
#include <array>
#include <utility>

#include "napi/context_object.h"
#include "napi/engine_info.h"
#include "napi/objects.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> EngineObject::Definition() {
  using Self = EngineObject;
  static const std::array kProperties = {
      Getter<&Self::Info>("info"),
      Method<&Self::CreateExecutionContext>("createExecutionContext"),
      Method<&Self::CreateInspector>("createInspector"),
      Method<&Self::CreateRefitter>("createRefitter"),
      Method<&Self::CreateRuntimeConfig>("createRuntimeConfig"),
      Method<&Self::Serialize>("serialize"),
      Method<&Self::IsDebugTensor>("isDebugTensor"),
      Method<&Self::SerializeAsync>("serializeAsync"),
      Getter<&Self::WeightStreaming>("weightStreaming"),
      Method<&Self::SetWeightStreamingBudget>("setWeightStreamingBudget"),
      Method<&Self::SetWeightStreamingBudgetAsync>("setWeightStreamingBudgetAsync"),
      Method<&Self::CreateExecutor>("createExecutor"),
      Method<&Self::Measure>("measure"),
      CloseMethod(kKind),
  };
  return kProperties;
}

void EngineObject::DropReferences(napi_env env) noexcept {
  if (info_ != nullptr) (void)napi_delete_reference(env, std::exchange(info_, nullptr));
}

Result<napi_value> EngineObject::Info(Call& call) {
  napi_value info = nullptr;
  if (info_ != nullptr) {
    NAPI_TRY(napi_get_reference_value(call.env, info_, &info));
    return info;
  }
  ASSIGN_OR_RETURN(info, MakeEngineInfo(call.env, resource_->engine->info()));
  NAPI_TRY(napi_create_reference(call.env, info, 1, &info_));
  return info;
}

Result<napi_value> EngineObject::CreateExecutionContext(Call& call) {
  ASSIGN_OR_RETURN(const int strategy, ReadInt(call.env, call.arguments[0], "strategy", 0, 2));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto execution, resource_->engine->CreateExecutionContext(
                                       static_cast<tensorrt::AllocationStrategy>(strategy)));
  auto context = std::make_shared<ExecutionContextResource>(resource_, std::move(execution));
  return NewObject(call.state, std::make_unique<ContextObject>(std::move(context)));
}

Result<napi_value> EngineObject::CreateInspector(Call& call) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto inspector, resource_->engine->CreateInspector());
  auto resource = std::make_shared<InspectorResource>(resource_, std::move(inspector));
  return NewObject(call.state, std::make_unique<InspectorObject>(std::move(resource)));
}

Result<napi_value> EngineObject::IsDebugTensor(Call& call) {
  ASSIGN_OR_RETURN(const std::string name, ReadString(call.env, call.arguments[0], "name"));
  return MakeBool(call.env, resource_->engine->IsDebugTensor(name));
}

}  // namespace trtnode::napi
