// The build options as a whole: what is checked first, and what an IBuilderConfig is told.
#include "tensorrt/build_config.h"

#include "tensorrt/build_enums.h"
#include "tensorrt/build_flags.h"
#include "tensorrt/config_settings.h"
#include "tensorrt/network_settings.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;
namespace e = abi::enums;

// Calls a setter of the configuration, if this version has it.
template <typename M, typename... A>
Status Tell(const BuildObjects& objects, A... arguments) {
  return abi::Call<M>(objects.version, objects.config.get(), arguments...);
}

Status SetMaxAuxStreams(const BuildObjects& objects, abi::i32 streams) {
  // The method answers from 11 on; before, a refusal is only in the log.
  if (abi::Supports<m::VBuilderConfig_setMaxAuxStreams_11>(objects.version)) {
    return abi::Call<m::VBuilderConfig_setMaxAuxStreams_11>(objects.version, objects.config.get(),
                                                            streams)
        .TakeStatus();
  }
  return Tell<m::VBuilderConfig_setMaxAuxStreams>(objects, streams);
}

// A HardwareCompatibilityLevel may be newer than the method that sets it.
Status CheckHardwareCompatibility(const Version& version, int level) {
  if (level == 0) return Status();
  RETURN_IF_ERROR(Need<m::VBuilderConfig_setHardwareCompatibilityLevel>(version, true));
  const auto& same = e::HardwareCompatibilityLevel_kSAME_COMPUTE_CAPABILITY;
  if (same.values[abi::ColumnOf(11)] != level) return Status();
  return EnumeratorFor(same, version, "hardwareCompatibilityLevel").TakeStatus();
}

}  // namespace

Status CheckBuildOptions(const Version& version, const BuildOptions& options) {
  if (options.strongly_typed && version.major < 11) {
    RETURN_IF_ERROR(
        EnumeratorFor(e::NetworkDefinitionCreationFlag_kSTRONGLY_TYPED, version, "stronglyTyped")
            .TakeStatus());
  }
  RETURN_IF_ERROR(CheckBuilderFlags(version, options));
  if (options.optimization_level &&
      (*options.optimization_level < 0 || *options.optimization_level > 5)) {
    return Status(ErrorCode::kInvalidArgument, "The builder optimization level must be 0 to 5; " +
                                                   std::to_string(*options.optimization_level) +
                                                   " was given.");
  }
  RETURN_IF_ERROR(Need<m::VBuilderConfig_setBuilderOptimizationLevel>(
      version, options.optimization_level.has_value()));
  const bool aux_streams = options.max_aux_streams.has_value() && version.major < 11;
  RETURN_IF_ERROR(Need<m::VBuilderConfig_setMaxAuxStreams>(version, aux_streams));
  RETURN_IF_ERROR(CheckHardwareCompatibility(version, options.hardware_compatibility_level));
  RETURN_IF_ERROR(CheckConfigSettings(version, options));
  return CheckNetworkSettings(version, options);
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
  RETURN_IF_ERROR(ApplyBuilderFlags(objects, options));
  if (options.optimization_level) {
    RETURN_IF_ERROR(
        Tell<m::VBuilderConfig_setBuilderOptimizationLevel>(objects, *options.optimization_level));
  }
  if (options.max_aux_streams) RETURN_IF_ERROR(SetMaxAuxStreams(objects, *options.max_aux_streams));
  RETURN_IF_ERROR(Tell<m::VBuilderConfig_setProfilingVerbosity>(
      objects, static_cast<abi::ProfilingVerbosity>(options.profiling_verbosity)));
  if (options.hardware_compatibility_level != 0) {
    RETURN_IF_ERROR(Tell<m::VBuilderConfig_setHardwareCompatibilityLevel>(
        objects,
        static_cast<abi::HardwareCompatibilityLevel>(options.hardware_compatibility_level)));
  }
  RETURN_IF_ERROR(ApplyConfigSettings(objects, options));
  // The setters answer nothing.
  if (scope.has_errors()) {
    return objects.Failed(ErrorCode::kInvalidArgument, "IBuilderConfig",
                          "TensorRT refused a build option.", scope);
  }
  return Status();
}

}  // namespace trtnode::tensorrt
