// NativeEngine: refitter and runtime config, serializing, weight streaming.
#include <limits>
#include <utility>

#include "napi/objects.h"
#include "napi/promise.h"
#include "napi/refitter_object.h"
#include "napi/values.h"

namespace trtnode::napi {
namespace {

constexpr int kExcludeWeights = 1, kExcludeLeanRuntime = 2, kIncludeRefit = 4;

// Bits, as in NativeEngine.serialize.
Result<tensorrt::SerializeOptions> ReadSerializeOptions(napi_env env, napi_value value) {
  ASSIGN_OR_RETURN(const int flags, ReadInt(env, value, "flags", 0, 7));
  tensorrt::SerializeOptions options;
  options.exclude_weights = (flags & kExcludeWeights) != 0;
  options.exclude_lean_runtime = (flags & kExcludeLeanRuntime) != 0;
  options.include_refit = (flags & kIncludeRefit) != 0;
  return options;
}

Result<std::int64_t> ReadBudget(napi_env env, napi_value value) {
  return ReadInteger(env, value, "weightStreamingBudget", 0, (std::int64_t{1} << 53) - 1);
}

}  // namespace

Result<napi_value> EngineObject::CreateRefitter(Call& call) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto refitter, tensorrt::Refitter::Create(resource_->engine));
  auto resource = std::make_shared<RefitterResource>(resource_, std::move(refitter));
  return NewObject(call.state, std::make_unique<RefitterObject>(std::move(resource)));
}

Result<napi_value> EngineObject::CreateRuntimeConfig(Call& call) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto config, tensorrt::RuntimeConfig::Create(resource_->engine));
  auto resource = std::make_shared<RuntimeConfigResource>(resource_, std::move(config));
  return NewObject(call.state, std::make_unique<RuntimeConfigObject>(std::move(resource)));
}

Result<napi_value> EngineObject::Serialize(Call& call) {
  ASSIGN_OR_RETURN(const auto options, ReadSerializeOptions(call.env, call.arguments[0]));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(const auto plan, resource_->engine->Serialize(options));
  return MakeArrayBuffer(call.env, plan->bytes());
}

Result<napi_value> EngineObject::SerializeAsync(Call& call) {
  ASSIGN_OR_RETURN(const auto options, ReadSerializeOptions(call.env, call.arguments[0]));
  auto plan = std::make_shared<std::unique_ptr<tensorrt::HostMemory>>();
  return RunAsync(
      call.state,
      [engine = resource_, options, plan]() -> Status {
        cuda::RelaxCaptureMode(engine->context->driver());
        const cuda::ContextGuard guard(*engine->context);
        RETURN_IF_ERROR(guard.status());
        ASSIGN_OR_RETURN(*plan, engine->engine->Serialize(options));
        return {};
      },
      [plan](EnvState& state) { return MakeArrayBuffer(state.env(), (*plan)->bytes()); });
}

Result<napi_value> EngineObject::WeightStreaming(Call& call) {
  ASSIGN_OR_RETURN(const tensorrt::WeightStreaming streaming,
                   resource_->engine->weight_streaming());
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  RETURN_IF_ERROR(object.Set("streamableBytes", streaming.streamable_bytes));
  RETURN_IF_ERROR(object.Set("budgetBytes", streaming.budget_bytes));
  RETURN_IF_ERROR(object.Set("automaticBudgetBytes", streaming.automatic_budget_bytes));
  RETURN_IF_ERROR(object.Set("scratchMemoryBytes", streaming.scratch_memory_bytes));
  return object.value();
}

void EngineObject::ForgetInfo(napi_env env) noexcept { DropReferences(env); }

Result<napi_value> EngineObject::SetWeightStreamingBudget(Call& call) {
  ASSIGN_OR_RETURN(const std::int64_t bytes, ReadBudget(call.env, call.arguments[0]));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(resource_->engine->SetWeightStreamingBudget(bytes));
  ForgetInfo(call.env);
  return nullptr;
}

Result<napi_value> EngineObject::SetWeightStreamingBudgetAsync(Call& call) {
  ASSIGN_OR_RETURN(const std::int64_t bytes, ReadBudget(call.env, call.arguments[0]));
  ASSIGN_OR_RETURN(auto self, JsReference::Hold(call.state, call.receiver));
  return RunAsync(
      call.state,
      [engine = resource_, bytes]() -> Status {
        cuda::RelaxCaptureMode(engine->context->driver());
        const cuda::ContextGuard guard(*engine->context);
        RETURN_IF_ERROR(guard.status());
        return engine->engine->SetWeightStreamingBudget(bytes);
      },
      [this, self](EnvState& state) -> Result<napi_value> {
        ForgetInfo(state.env());  // only now are the figures new; `self` keeps this object
        return nullptr;
      });
}

}  // namespace trtnode::napi
