// Engine: serializing it again, and the budget of weight streaming.
#include <string>

#include "tensorrt/abi/call.h"
#include "tensorrt/abi/enums.h"
#include "tensorrt/engine.h"
#include "tensorrt/engine_impl.h"
#include "tensorrt/engine_info.h"
#include "tensorrt/failure.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;
namespace e = abi::enums;

namespace {

Status NoSuchFlag(const abi::EnumInfo& flag, const Version& version) {
  return Status(ErrorCode::kUnsupported,
                std::string("SerializationFlag::") + flag.name + " does not exist in TensorRT " +
                    version.ToString() + ".",
                "Leave it out, or use a newer TensorRT.");
}

}  // namespace

Result<std::unique_ptr<HostMemory>> Engine::Serialize(const SerializeOptions& options) {
  Logger::Scope scope(impl_->runtime->logger());
  const Version version = impl_->runtime->library()->version();
  void* memory = nullptr;
  const bool plain =
      !options.exclude_weights && !options.exclude_lean_runtime && !options.include_refit;
  if (plain && !abi::Supports<m::VCudaEngine_createSerializationConfig>(version)) {
    ASSIGN_OR_RETURN(memory, abi::Call<m::VCudaEngine_serialize>(version, impl_->engine.get()));
  } else {
    ASSIGN_OR_RETURN(auto* const made, abi::Call<m::VCudaEngine_createSerializationConfig>(
                                           version, impl_->engine.get()));
    const abi::Owned<abi::VSerializationConfig> config(impl_->major(), made);
    if (!config) {
      return CallFailed(ErrorCode::kExecution, "ICudaEngine::createSerializationConfig",
                        "TensorRT could not create a serialization config.", scope,
                        &impl_->recorder);
    }
    ASSIGN_OR_RETURN(abi::u32 flags,
                     abi::Call<m::VSerializationConfig_getFlags>(version, config.get()));
    const auto bit = [&](const abi::EnumInfo& flag) -> abi::u32 {
      const auto value = flag.At(version.major);
      return value ? 1U << *value : 0U;
    };
    // An engine that was stripped leaves its weights out by default, also when it has been refitted (seen with 10.6).
    flags &= ~bit(e::SerializationFlag_kEXCLUDE_WEIGHTS);
    const auto add = [&](bool on, const abi::EnumInfo& flag) -> Status {
      if (!on) return {};
      if (bit(flag) == 0U) return NoSuchFlag(flag, version);
      flags |= bit(flag);
      return {};
    };
    RETURN_IF_ERROR(add(options.exclude_weights, e::SerializationFlag_kEXCLUDE_WEIGHTS));
    RETURN_IF_ERROR(add(options.exclude_lean_runtime, e::SerializationFlag_kEXCLUDE_LEAN_RUNTIME));
    RETURN_IF_ERROR(add(options.include_refit, e::SerializationFlag_kINCLUDE_REFIT));
    ASSIGN_OR_RETURN(const bool taken,
                     abi::Call<m::VSerializationConfig_setFlags>(version, config.get(), flags));
    if (!taken) {
      return Status(ErrorCode::kUnsupported,
                    "TensorRT " + version.ToString() +
                        " refuses these serialization flags: one of them is too new for it.",
                    "Leave out includeRefit, or use a newer TensorRT.");
    }
    ASSIGN_OR_RETURN(memory, abi::Call<m::VCudaEngine_serializeWithConfig>(
                                 version, impl_->engine.get(), *config.get()));
  }
  if (!abi::IsObject(memory)) {
    return CallFailed(ErrorCode::kExecution, "ICudaEngine::serialize",
                      "TensorRT could not serialize the engine.", scope, &impl_->recorder);
  }
  return std::make_unique<HostMemory>(impl_->major(), memory);
}

Result<WeightStreaming> Engine::weight_streaming() const {
  const Version version = impl_->runtime->library()->version();
  WeightStreaming streaming;
  ASSIGN_OR_RETURN(streaming.streamable_bytes, abi::Call<m::VCudaEngine_getStreamableWeightsSize>(
                                                   version, impl_->engine.get()));
  ASSIGN_OR_RETURN(streaming.budget_bytes, abi::Call<m::VCudaEngine_getWeightStreamingBudgetV2>(
                                               version, impl_->engine.get()));
  if (streaming.streamable_bytes <= 0) return streaming;  // TensorRT logs errors for the rest
  ASSIGN_OR_RETURN(
      streaming.automatic_budget_bytes,
      abi::Call<m::VCudaEngine_getWeightStreamingAutomaticBudget>(version, impl_->engine.get()));
  ASSIGN_OR_RETURN(
      streaming.scratch_memory_bytes,
      abi::Call<m::VCudaEngine_getWeightStreamingScratchMemorySize>(version, impl_->engine.get()));
  return streaming;
}

Status Engine::SetWeightStreamingBudget(std::int64_t bytes) {
  Logger::Scope scope(impl_->runtime->logger());
  const Version version = impl_->runtime->library()->version();
  ASSIGN_OR_RETURN(const bool taken, abi::Call<m::VCudaEngine_setWeightStreamingBudgetV2>(
                                         version, impl_->engine.get(), bytes));
  if (!taken) {
    return CallFailed(
        ErrorCode::kInvalidArgument, "ICudaEngine::setWeightStreamingBudgetV2",
        "TensorRT refused a weight streaming budget of " + std::to_string(bytes) + " bytes.", scope,
        &impl_->recorder,
        "Set it before execution contexts are made, on an engine that was built with "
        "weightStreaming.");
  }
  // Contexts need memory for what is streamed.
  EngineInfo now = ReadEngineInfo(version, impl_->engine.get());
  impl_->info.device_memory_bytes = now.device_memory_bytes;
  impl_->info.device_memory_bytes_per_profile = std::move(now.device_memory_bytes_per_profile);
  return {};
}

}  // namespace trtnode::tensorrt
