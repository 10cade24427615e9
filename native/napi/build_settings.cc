// Reading ConfigSettings and NetworkSettings.
#include "napi/build_settings.h"

#include <limits>
#include <utility>

#include "core/dtype.h"
#include "napi/values.h"
#include "tensorrt/build_flags.h"

namespace trtnode::napi {
namespace {

constexpr int kMost = std::numeric_limits<int>::max();
constexpr int kHighestFormat = 31;  // formats become the bits of 32

// Calls read(name, value) for each property of the object `option`.
template <typename F>
Status ForEachProperty(napi_env env, napi_value object, const char* option, F read) {
  ASSIGN_OR_RETURN(napi_value map, Get(env, object, option));
  if (TypeOf(env, map) != napi_object) return WrongType(option, "an object");
  napi_value names = nullptr;
  NAPI_TRY(napi_get_all_property_names(env, map, napi_key_own_only, napi_key_enumerable,
                                       napi_key_numbers_to_strings, &names));
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, ReadStrings(env, names, option));
  for (const std::string& key : keys) {
    ASSIGN_OR_RETURN(napi_value value, Get(env, map, key.c_str()));
    RETURN_IF_ERROR(read(key, value));
  }
  return {};
}

// Calls read(element) for each element of the array `option`.
template <typename F>
Status ForEachElement(napi_env env, napi_value object, const char* option, F read) {
  ASSIGN_OR_RETURN(napi_value list, Get(env, object, option));
  ASSIGN_OR_RETURN(const std::uint32_t count, ReadLength(env, list, option));
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(napi_value element, GetElement(env, list, i));
    RETURN_IF_ERROR(read(element));
  }
  return {};
}

Status ReadOptionalInt(napi_env env, napi_value object, const char* name, int least,
                       std::optional<int>& into) {
  ASSIGN_OR_RETURN(napi_value value, Get(env, object, name));
  if (IsNullish(env, value)) return {};
  ASSIGN_OR_RETURN(into, ReadInt(env, value, name, least, kMost));
  return {};
}

Result<DataType> ReadType(napi_env env, napi_value value, const char* option) {
  ASSIGN_OR_RETURN(const std::string name, ReadString(env, value, option));
  const auto type = DataTypeFromName(name);
  if (!type) return WrongType(option, "a dtype");
  return *type;
}

Status ReadSwitches(napi_env env, napi_value object, const char* option,
                    std::map<std::string, bool>& into) {
  return ForEachProperty(env, object, option,
                         [&](const std::string& name, napi_value value) -> Status {
                           ASSIGN_OR_RETURN(into[name], ReadBool(env, value, option));
                           return {};
                         });
}

Status ReadFormats(napi_env env, napi_value object, const char* option,
                   std::map<std::string, tensorrt::IoFormat>& into) {
  return ForEachProperty(
      env, object, option, [&](const std::string& name, napi_value value) -> Status {
        tensorrt::IoFormat& format = into[name];
        ASSIGN_OR_RETURN(napi_value type, Get(env, value, "dtype"));
        if (!IsNullish(env, type)) {
          ASSIGN_OR_RETURN(format.type, ReadType(env, type, option));
        }
        return ForEachElement(env, value, "formats", [&](napi_value element) -> Status {
          ASSIGN_OR_RETURN(const int number, ReadInt(env, element, option, 0, kHighestFormat));
          format.formats.push_back(number);
          return {};
        });
      });
}

// { pattern, [value] } by `read`.
template <typename T, typename F>
Status ReadLayers(napi_env env, napi_value object, const char* option,
                  std::vector<tensorrt::LayerSetting<T>>& into, F read) {
  return ForEachElement(env, object, option, [&](napi_value element) -> Status {
    auto& setting = into.emplace_back();
    ASSIGN_OR_RETURN(setting.pattern, GetString(env, element, "pattern"));
    ASSIGN_OR_RETURN(napi_value value, Get(env, element, "value"));
    return read(value, setting.value);
  });
}

}  // namespace

Status ReadBuilderFlags(napi_env env, napi_value object, tensorrt::BuildOptions& options) {
  for (const tensorrt::BuilderFlagOption& flag : tensorrt::BuilderFlagOptions()) {
    ASSIGN_OR_RETURN(options.*flag.member, GetBool(env, object, flag.option));
  }
  ASSIGN_OR_RETURN(options.strongly_typed, GetBool(env, object, "stronglyTyped"));
  return {};
}

Status ReadConfigSettings(napi_env env, napi_value object, tensorrt::ConfigSettings& settings) {
  RETURN_IF_ERROR(ForEachProperty(
      env, object, "memoryPools", [&](const std::string& name, napi_value value) -> Status {
        ASSIGN_OR_RETURN(settings.memory_pools[name], ReadSize(env, value, "memoryPools"));
        return {};
      }));
  RETURN_IF_ERROR(ReadSwitches(env, object, "tacticSources", settings.tactic_sources));
  RETURN_IF_ERROR(ReadSwitches(env, object, "previewFeatures", settings.preview_features));
  ASSIGN_OR_RETURN(settings.runtime_platform, GetString(env, object, "runtimePlatform"));
  RETURN_IF_ERROR(
      ReadOptionalInt(env, object, "avgTimingIterations", 1, settings.avg_timing_iterations));
  RETURN_IF_ERROR(ReadOptionalInt(env, object, "maxTactics", -1, settings.max_tactics));
  RETURN_IF_ERROR(ReadOptionalInt(env, object, "tilingOptimizationLevel", 0,
                                  settings.tiling_optimization_level));
  ASSIGN_OR_RETURN(napi_value limit, Get(env, object, "l2LimitForTiling"));
  if (!IsNullish(env, limit)) {
    ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(env, limit, "l2LimitForTiling"));
    settings.l2_limit_for_tiling = static_cast<std::int64_t>(bytes);
  }
  ASSIGN_OR_RETURN(napi_value plugins, Get(env, object, "pluginsToSerialize"));
  ASSIGN_OR_RETURN(settings.plugins_to_serialize, ReadStrings(env, plugins, "pluginsToSerialize"));
  ASSIGN_OR_RETURN(settings.ignore_parsed_plugins, GetBool(env, object, "ignoreParsedPlugins"));
  RETURN_IF_ERROR(ReadOptionalInt(env, object, "dlaCore", 0, settings.dla_core));
  ASSIGN_OR_RETURN(settings.dla_standalone, GetBool(env, object, "dlaStandalone"));
  ASSIGN_OR_RETURN(settings.build_route, GetString(env, object, "buildRoute"));
  return {};
}

Status ReadNetworkSettings(napi_env env, napi_value object, tensorrt::NetworkSettings& settings) {
  RETURN_IF_ERROR(ReadFormats(env, object, "inputFormats", settings.input_formats));
  RETURN_IF_ERROR(ReadFormats(env, object, "outputFormats", settings.output_formats));
  RETURN_IF_ERROR(ReadLayers(env, object, "layerPrecisions", settings.layer_precisions,
                             [env](napi_value value, DataType& into) -> Status {
                               ASSIGN_OR_RETURN(into, ReadType(env, value, "layerPrecisions"));
                               return {};
                             }));
  RETURN_IF_ERROR(ReadLayers(
      env, object, "layerOutputTypes", settings.layer_output_types,
      [env](napi_value value, std::vector<DataType>& into) -> Status {
        ASSIGN_OR_RETURN(const std::uint32_t count, ReadLength(env, value, "layerOutputTypes"));
        for (std::uint32_t i = 0; i < count; ++i) {
          ASSIGN_OR_RETURN(napi_value element, GetElement(env, value, i));
          ASSIGN_OR_RETURN(const DataType type, ReadType(env, element, "layerOutputTypes"));
          into.push_back(type);
        }
        return {};
      }));
  RETURN_IF_ERROR(ReadLayers(env, object, "layerDeviceTypes", settings.layer_device_types,
                             [env](napi_value value, int& into) -> Status {
                               ASSIGN_OR_RETURN(into,
                                                ReadInt(env, value, "layerDeviceTypes", 0, 1));
                               return {};
                             }));
  RETURN_IF_ERROR(ReadLayers(env, object, "layerMetadata", settings.layer_metadata,
                             [env](napi_value value, std::string& into) -> Status {
                               ASSIGN_OR_RETURN(into, ReadString(env, value, "layerMetadata"));
                               return {};
                             }));
  ASSIGN_OR_RETURN(napi_value debug, Get(env, object, "markDebug"));
  ASSIGN_OR_RETURN(settings.debug_tensors, ReadStrings(env, debug, "markDebug"));
  ASSIGN_OR_RETURN(settings.unfused_debug_tensors,
                   GetBool(env, object, "markUnfusedTensorsAsDebugTensors"));
  return {};
}

}  // namespace trtnode::napi
