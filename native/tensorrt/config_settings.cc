// IBuilderConfig: memory pools, tactic sources, preview features, levels, DLA and plugins.
#include "tensorrt/config_settings.h"

#include <algorithm>

#include "tensorrt/build_enums.h"
#include "tensorrt/build_flags.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;
namespace e = abi::enums;

constexpr int kHighestTilingLevel = 3;

// The names of a map's keys must be enumerators of this version.
template <typename Map>
Status CheckNames(const Version& version, const char* enumeration, const Map& map,
                  const char* option) {
  for (const auto& entry : map) {
    RETURN_IF_ERROR(EnumeratorFor(enumeration, entry.first, version, option).TakeStatus());
  }
  return Status();
}

Status CheckMethods(const Version& version, const ConfigSettings& settings) {
  RETURN_IF_ERROR(
      Need<m::VBuilderConfig_setMemoryPoolLimit>(version, !settings.memory_pools.empty()));
  RETURN_IF_ERROR(
      Need<m::VBuilderConfig_setPreviewFeature>(version, !settings.preview_features.empty()));
  RETURN_IF_ERROR(
      Need<m::VBuilderConfig_setRuntimePlatform>(version, !settings.runtime_platform.empty()));
  RETURN_IF_ERROR(
      Need<m::VBuilderConfig_setMaxNbTactics>(version, settings.max_tactics.has_value()));
  RETURN_IF_ERROR(Need<m::VBuilderConfig_setTilingOptimizationLevel>(
      version, settings.tiling_optimization_level.has_value()));
  RETURN_IF_ERROR(Need<m::VBuilderConfig_setL2LimitForTiling>(
      version, settings.l2_limit_for_tiling.has_value()));
  RETURN_IF_ERROR(Need<m::VBuilderConfig_setPluginsToSerialize>(
      version, !settings.plugins_to_serialize.empty()));
  return Need<m::VBuilderConfig_setBuildRoute>(version, !settings.build_route.empty());
}

Status CheckDla(const Version& version, const BuildOptions& options) {
  const ConfigSettings& settings = options.config;
  if (!settings.dla_core) {
    if (!options.gpu_fallback && !settings.dla_standalone) return Status();
    return Status(
        ErrorCode::kInvalidArgument,
        std::string(options.gpu_fallback ? "gpuFallback" : "dlaStandalone") +
            " was given without dlaCore: it says what to do with what the DLA cannot run.",
        "Add dlaCore, or leave it out.");
  }
  if (options.gpu_fallback && settings.dla_standalone) {
    return Status(ErrorCode::kInvalidArgument,
                  "gpuFallback and dlaStandalone exclude each other: cuDLA has no GPU to fall "
                  "back to.",
                  "Leave out one of the two.");
  }
  if (!IsStronglyTyped(version, options) && !options.fp16 && !options.int8) {
    return Status(ErrorCode::kInvalidArgument,
                  "dlaCore needs fp16 or int8: the DLA computes in these only.",
                  "Add fp16, or int8 with a calibrated or Q/DQ model.");
  }
  return Status();
}

class Settings {
 public:
  Settings(BuildObjects& objects, const BuildOptions& options)
      : objects_(objects), options_(options), settings_(options.config) {}

  Status Apply() {
    RETURN_IF_ERROR(Pools());
    RETURN_IF_ERROR(Sources());
    RETURN_IF_ERROR(Previews());
    RETURN_IF_ERROR(Levels());
    return Dla();
  }

 private:
  template <typename M, typename... A>
  auto Ask(A... arguments) {
    return abi::Call<M>(objects_.version, objects_.config.get(), arguments...);
  }

  // For setters that answer whether they did it.
  template <typename M, typename A>
  Status Demand(A argument, const char* option) {
    Logger::Scope scope(objects_.logger);
    ASSIGN_OR_RETURN(const bool accepted, Ask<M>(argument));
    if (accepted) return Status();
    return objects_.Failed(ErrorCode::kInvalidArgument,
                           std::string("IBuilderConfig::") + M::kInfo.name,
                           std::string("TensorRT refused ") + option + ".", scope);
  }

  Status Pools() {
    for (const auto& [name, bytes] : settings_.memory_pools) {
      ASSIGN_OR_RETURN(const abi::i32 pool,
                       EnumeratorFor("MemoryPoolType", name, objects_.version, "memoryPools"));
      RETURN_IF_ERROR(
          Ask<m::VBuilderConfig_setMemoryPoolLimit>(static_cast<abi::MemoryPoolType>(pool), bytes));
    }
    return Status();
  }

  // From TensorRT's own default, as far as something is said.
  Status Sources() {
    if (settings_.tactic_sources.empty()) return Status();
    ASSIGN_OR_RETURN(abi::u32 sources, Ask<m::VBuilderConfig_getTacticSources>());
    for (const auto& [name, on] : settings_.tactic_sources) {
      ASSIGN_OR_RETURN(const abi::i32 source,
                       EnumeratorFor("TacticSource", name, objects_.version, "tacticSources"));
      const abi::u32 bit = 1U << source;
      sources = on ? sources | bit : sources & ~bit;
    }
    return Demand<m::VBuilderConfig_setTacticSources>(sources, "these tacticSources");
  }

  Status Previews() {
    for (const auto& [name, on] : settings_.preview_features) {
      ASSIGN_OR_RETURN(const abi::i32 feature,
                       EnumeratorFor("PreviewFeature", name, objects_.version, "previewFeatures"));
      RETURN_IF_ERROR(
          Ask<m::VBuilderConfig_setPreviewFeature>(static_cast<abi::PreviewFeature>(feature), on));
    }
    return Status();
  }

  Status Levels() {
    if (settings_.avg_timing_iterations) {
      RETURN_IF_ERROR(
          Ask<m::VBuilderConfig_setAvgTimingIterations>(*settings_.avg_timing_iterations));
    }
    if (settings_.max_tactics) {
      RETURN_IF_ERROR(Ask<m::VBuilderConfig_setMaxNbTactics>(*settings_.max_tactics));
    }
    if (settings_.tiling_optimization_level) {
      RETURN_IF_ERROR(Demand<m::VBuilderConfig_setTilingOptimizationLevel>(
          static_cast<abi::TilingOptimizationLevel>(*settings_.tiling_optimization_level),
          "this tilingOptimizationLevel"));
    }
    if (settings_.l2_limit_for_tiling) {
      RETURN_IF_ERROR(Demand<m::VBuilderConfig_setL2LimitForTiling>(
          abi::i64{*settings_.l2_limit_for_tiling}, "this l2LimitForTiling"));
    }
    if (!settings_.runtime_platform.empty()) {
      ASSIGN_OR_RETURN(const abi::i32 platform,
                       EnumeratorFor("RuntimePlatform", settings_.runtime_platform,
                                     objects_.version, "runtimePlatform"));
      RETURN_IF_ERROR(
          Ask<m::VBuilderConfig_setRuntimePlatform>(static_cast<abi::RuntimePlatform>(platform)));
    }
    if (settings_.build_route.empty()) return Status();
    return Demand<m::VBuilderConfig_setBuildRoute>(
        static_cast<char const*>(settings_.build_route.c_str()), "this buildRoute");
  }

  Status Dla() {
    if (!settings_.dla_core) return Status();
    ASSIGN_OR_RETURN(const abi::i32 cores, abi::Call<m::VBuilder_getNbDLACores>(
                                               objects_.version, objects_.builder.get()));
    if (*settings_.dla_core >= cores) {
      return Status(ErrorCode::kInvalidArgument,
                    cores <= 0 ? "dlaCore was given, but this device has no DLA."
                               : "dlaCore must be below " + std::to_string(cores) + "; " +
                                     std::to_string(*settings_.dla_core) + " was given.",
                    cores <= 0 ? "Only Jetson and DRIVE have one: leave out dlaCore."
                               : "Cores are counted from 0.");
    }
    RETURN_IF_ERROR(Ask<m::VBuilderConfig_setDefaultDeviceType>(
        static_cast<abi::DeviceType>(e::DeviceType_kDLA.At(objects_.major()).value_or(1))));
    RETURN_IF_ERROR(Ask<m::VBuilderConfig_setDLACore>(*settings_.dla_core));
    if (settings_.dla_standalone) {
      RETURN_IF_ERROR(Ask<m::VBuilderConfig_setEngineCapability>(static_cast<abi::EngineCapability>(
          e::EngineCapability_kDLA_STANDALONE.At(objects_.major()).value_or(2))));
    }
    // As trtexec does: what is reformatted at the borders would run on the GPU, and layers keep the DLA's types where they can.
    if (!options_.gpu_fallback) RETURN_IF_ERROR(SetFlag(e::BuilderFlag_kDIRECT_IO));
    if (!IsStronglyTyped(objects_.version, options_) && !options_.obey_precision_constraints) {
      RETURN_IF_ERROR(SetFlag(e::BuilderFlag_kPREFER_PRECISION_CONSTRAINTS));
    }
    return Status();
  }

  Status SetFlag(const abi::EnumInfo& flag) {
    ASSIGN_OR_RETURN(const abi::i32 number, EnumeratorFor(flag, objects_.version, "dlaCore"));
    return Ask<m::VBuilderConfig_setFlag>(static_cast<abi::BuilderFlag>(number));
  }

  BuildObjects& objects_;
  const BuildOptions& options_;
  const ConfigSettings& settings_;
};

}  // namespace

Status CheckConfigSettings(const Version& version, const BuildOptions& options) {
  const ConfigSettings& settings = options.config;
  RETURN_IF_ERROR(CheckMethods(version, settings));
  RETURN_IF_ERROR(CheckNames(version, "MemoryPoolType", settings.memory_pools, "memoryPools"));
  RETURN_IF_ERROR(CheckNames(version, "TacticSource", settings.tactic_sources, "tacticSources"));
  RETURN_IF_ERROR(
      CheckNames(version, "PreviewFeature", settings.preview_features, "previewFeatures"));
  if (!settings.runtime_platform.empty()) {
    RETURN_IF_ERROR(
        EnumeratorFor("RuntimePlatform", settings.runtime_platform, version, "runtimePlatform")
            .TakeStatus());
  }
  const int level = settings.tiling_optimization_level.value_or(0);
  if (level < 0 || level > kHighestTilingLevel) {
    return Status(ErrorCode::kInvalidArgument, "tilingOptimizationLevel must be 0 to 3; " +
                                                   std::to_string(level) + " was given.");
  }
  return CheckDla(version, options);
}

Status ApplyConfigSettings(BuildObjects& objects, const BuildOptions& options) {
  return Settings(objects, options).Apply();
}

Status AddPluginsToSerialize(BuildObjects& objects, const BuildOptions& options,
                             const abi::nvonnxparser::IParser* parser) {
  std::vector<std::string> paths = options.config.plugins_to_serialize;
  const bool takes_parsed = options.version_compatible && !options.exclude_lean_runtime &&
                            !options.config.ignore_parsed_plugins &&
                            abi::Supports<m::IParser_getUsedVCPluginLibraries>(objects.version);
  if (takes_parsed) {
    abi::i64 count = 0;
    ASSIGN_OR_RETURN(char const* const* used, abi::Call<m::IParser_getUsedVCPluginLibraries>(
                                                  objects.version, parser, count));
    for (abi::i64 i = 0; used != nullptr && i < count; ++i) {
      if (used[i] == nullptr || std::find(paths.begin(), paths.end(), used[i]) != paths.end())
        continue;
      objects.logger.Log(Severity::kInfo, std::string("The plan takes along ") + used[i] +
                                              ", which the ONNX parser used.");
      paths.emplace_back(used[i]);
    }
  }
  if (paths.empty()) return Status();
  std::vector<char const*> pointers;
  for (const std::string& path : paths) pointers.push_back(path.c_str());
  return abi::Call<m::VBuilderConfig_setPluginsToSerialize>(
      objects.version, objects.config.get(), static_cast<char const* const*>(pointers.data()),
      static_cast<abi::i32>(pointers.size()));
}

}  // namespace trtnode::tensorrt
