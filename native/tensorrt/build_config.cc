// IBuilderConfig: flags, limits and levels.
#include "tensorrt/build_config.h"

#include <initializer_list>
#include <utility>

#include "tensorrt/abi/enums.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;
namespace e = abi::enums;

struct Precision {
  const char* name;
  bool asked;
  const abi::EnumInfo& flag;
};

std::vector<Precision> Precisions(const BuildOptions& options) {
  return {{"fp16", options.fp16, e::BuilderFlag_kFP16},
          {"bf16", options.bf16, e::BuilderFlag_kBF16},
          {"int8", options.int8, e::BuilderFlag_kINT8},
          {"fp8", options.fp8, e::BuilderFlag_kFP8}};
}

class Config {
 public:
  explicit Config(BuildObjects& objects) : objects_(objects) {}

  Status SetFlag(const abi::EnumInfo& flag, bool on) {
    const auto value = flag.At(objects_.major());
    if (!value) {
      return Status(ErrorCode::kUnsupported, std::string("BuilderFlag::") + flag.name +
                                                 " does not exist in TensorRT " +
                                                 std::to_string(objects_.major()) + ".");
    }
    const auto bit = static_cast<abi::BuilderFlag>(*value);
    if (on) {
      Ask<m::VBuilderConfig_setFlag>(bit);
    } else {
      Ask<m::VBuilderConfig_clearFlag>(bit);
    }
    return Status();
  }

  template <typename M, typename... A>
  abi::ResultOf<M> Ask(A... arguments) {
    return abi::Invoke<M>(objects_.major(), objects_.config.get(), arguments...);
  }

 private:
  BuildObjects& objects_;
};

}  // namespace

Status CheckBuildOptions(const Version& version, const BuildOptions& options) {
  for (const Precision& precision : Precisions(options)) {
    if (!precision.asked) continue;
    if (!precision.flag.At(version.major)) {
      return Status(ErrorCode::kUnsupported,
                    std::string(precision.name) + " cannot be asked for in TensorRT " +
                        version.ToString() +
                        ": from TensorRT 11 on every network is strongly typed, its types are "
                        "those of the ONNX model.",
                    "Convert the model itself (for example with NVIDIA's ModelOpt or ONNX "
                    "Runtime's float16 tool), or build with TensorRT 10.");
    }
    if (options.strongly_typed) {
      return Status(ErrorCode::kInvalidArgument,
                    std::string(precision.name) +
                        " and stronglyTyped exclude each other: a strongly typed network takes "
                        "its types from the ONNX model.",
                    "Leave out one of the two.");
    }
  }
  if (options.exclude_lean_runtime && !options.version_compatible) {
    return Status(ErrorCode::kInvalidArgument,
                  "excludeLeanRuntime was given without versionCompatible: only a "
                  "version-compatible plan carries a lean runtime.",
                  "Add versionCompatible, or leave out excludeLeanRuntime.");
  }
  if (options.optimization_level &&
      (*options.optimization_level < 0 || *options.optimization_level > 5)) {
    return Status(ErrorCode::kInvalidArgument, "The builder optimization level must be 0 to 5; " +
                                                   std::to_string(*options.optimization_level) +
                                                   " was given.");
  }
  return Status();
}

std::uint32_t NetworkFlags(int abi_major, const BuildOptions& options) {
  std::uint32_t flags = 0;
  const auto add = [&](const abi::EnumInfo& flag) {
    if (const auto bit = flag.At(abi_major)) flags |= 1U << *bit;
  };
  add(e::NetworkDefinitionCreationFlag_kEXPLICIT_BATCH);
  // TensorRT 11 knows no other kind of network.
  if (options.strongly_typed || abi_major >= 11) {
    add(e::NetworkDefinitionCreationFlag_kSTRONGLY_TYPED);
  }
  return flags;
}

Status ApplyBuildOptions(BuildObjects& objects, const BuildOptions& options) {
  Logger::Scope scope(objects.logger);
  Config config(objects);
  for (const Precision& precision : Precisions(options)) {
    if (precision.asked) RETURN_IF_ERROR(config.SetFlag(precision.flag, true));
  }
  RETURN_IF_ERROR(config.SetFlag(e::BuilderFlag_kTF32, options.tf32));
  if (options.refit) RETURN_IF_ERROR(config.SetFlag(e::BuilderFlag_kREFIT, true));
  if (options.strip_weights) RETURN_IF_ERROR(config.SetFlag(e::BuilderFlag_kSTRIP_PLAN, true));
  if (options.weight_streaming) {
    RETURN_IF_ERROR(config.SetFlag(e::BuilderFlag_kWEIGHT_STREAMING, true));
  }
  if (options.version_compatible) {
    RETURN_IF_ERROR(config.SetFlag(e::BuilderFlag_kVERSION_COMPATIBLE, true));
  }
  if (options.exclude_lean_runtime) {
    RETURN_IF_ERROR(config.SetFlag(e::BuilderFlag_kEXCLUDE_LEAN_RUNTIME, true));
  }
  if (options.workspace_bytes) {
    config.Ask<m::VBuilderConfig_setMemoryPoolLimit>(
        static_cast<abi::MemoryPoolType>(
            e::MemoryPoolType_kWORKSPACE.At(objects.major()).value_or(0)),
        *options.workspace_bytes);
  }
  if (options.optimization_level) {
    config.Ask<m::VBuilderConfig_setBuilderOptimizationLevel>(*options.optimization_level);
  }
  if (options.max_aux_streams) {
    // The method answers from 11 on; before, a refusal is only in the log.
    const abi::i32 streams = *options.max_aux_streams;
    if (abi::Supports<m::VBuilderConfig_setMaxAuxStreams_11>(objects.version)) {
      RETURN_IF_ERROR(abi::Call<m::VBuilderConfig_setMaxAuxStreams_11>(
                          objects.version, objects.config.get(), streams)
                          .TakeStatus());
    } else {
      RETURN_IF_ERROR(abi::Call<m::VBuilderConfig_setMaxAuxStreams>(objects.version,
                                                                    objects.config.get(), streams));
    }
  }
  config.Ask<m::VBuilderConfig_setProfilingVerbosity>(
      static_cast<abi::ProfilingVerbosity>(options.profiling_verbosity));
  if (options.hardware_compatibility_level != 0) {
    config.Ask<m::VBuilderConfig_setHardwareCompatibilityLevel>(
        static_cast<abi::HardwareCompatibilityLevel>(options.hardware_compatibility_level));
  }
  // The setters answer nothing.
  if (scope.has_errors()) {
    return objects.Failed(ErrorCode::kInvalidArgument, "IBuilderConfig",
                          "TensorRT refused a build option.", scope);
  }
  return Status();
}

}  // namespace trtnode::tensorrt
