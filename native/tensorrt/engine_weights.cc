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

Result<std::unique_ptr<HostMemory>> Engine::Serialize(const SerializeOptions& options) {
  Logger::Scope scope(impl_->runtime->logger());
  const Version version = impl_->runtime->library()->version();
  void* memory = nullptr;
  if (!options.exclude_weights && !options.exclude_lean_runtime && !options.include_refit) {
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
    const auto set = [&](bool on, const abi::EnumInfo& flag) -> Status {
      if (!on) return {};
      const auto value = flag.At(version.major);
      ASSIGN_OR_RETURN(const bool taken, value ? abi::Call<m::VSerializationConfig_setFlag>(
                                                     version, config.get(),
                                                     static_cast<abi::SerializationFlag>(*value))
                                               : Result<bool>(false));
      if (taken) return {};
      return Status(ErrorCode::kUnsupported,
                    std::string("SerializationFlag::") + flag.name +
                        " does not exist in TensorRT " + version.ToString() + ".",
                    "Leave it out, or use a newer TensorRT.");
    };
    RETURN_IF_ERROR(set(options.exclude_weights, e::SerializationFlag_kEXCLUDE_WEIGHTS));
    RETURN_IF_ERROR(set(options.exclude_lean_runtime, e::SerializationFlag_kEXCLUDE_LEAN_RUNTIME));
    RETURN_IF_ERROR(set(options.include_refit, e::SerializationFlag_kINCLUDE_REFIT));
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
