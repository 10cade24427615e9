// NativeRuntimeConfig.
#include <array>

#include "napi/context_object.h"
#include "napi/refitter_object.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> RuntimeConfigObject::Definition() {
  using Self = RuntimeConfigObject;
  static const std::array kProperties = {
      Property<&Self::AllocationStrategy, &Self::SetAllocationStrategy>(
          "executionContextAllocationStrategy"),
      Method<&Self::CreateExecutionContext>("createExecutionContext"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> RuntimeConfigObject::AllocationStrategy(Call& call) {
  ASSIGN_OR_RETURN(const auto strategy, resource_->config->allocation_strategy());
  return MakeNumber(call.env, static_cast<int>(strategy));
}

Result<napi_value> RuntimeConfigObject::SetAllocationStrategy(Call& call) {
  ASSIGN_OR_RETURN(const int strategy, ReadInt(call.env, call.arguments[0], "strategy", 0, 2));
  RETURN_IF_ERROR(resource_->config->SetAllocationStrategy(
      static_cast<tensorrt::AllocationStrategy>(strategy)));
  return nullptr;
}

Result<napi_value> RuntimeConfigObject::CreateExecutionContext(Call& call) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto execution, resource_->config->CreateExecutionContext());
  auto context =
      std::make_shared<ExecutionContextResource>(resource_->engine, std::move(execution));
  return NewObject(call.state, std::make_unique<ContextObject>(std::move(context)));
}

}  // namespace trtnode::napi
