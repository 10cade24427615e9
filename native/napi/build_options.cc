// Reading a build's options.
#include "napi/build_options.h"

#include <limits>
#include <utility>

#include "napi/build_settings.h"
#include "napi/values.h"

namespace trtnode::napi {
namespace {

constexpr int kMost = std::numeric_limits<int>::max();

Result<tensorrt::ProfileShape> ReadProfileShape(napi_env env, napi_value object) {
  tensorrt::ProfileShape shape;
  const auto dims = [&](const char* name, Dims& into) -> Status {
    ASSIGN_OR_RETURN(napi_value value, Get(env, object, name));
    ASSIGN_OR_RETURN(into, ReadDims(env, value, name));
    return {};
  };
  const auto values = [&](const char* name, std::vector<std::int64_t>& into) -> Status {
    ASSIGN_OR_RETURN(napi_value value, Get(env, object, name));
    return ReadIntegers(env, value, name, into);
  };
  RETURN_IF_ERROR(dims("min", shape.min));
  RETURN_IF_ERROR(dims("opt", shape.opt));
  RETURN_IF_ERROR(dims("max", shape.max));
  RETURN_IF_ERROR(values("minValues", shape.min_values));
  RETURN_IF_ERROR(values("optValues", shape.opt_values));
  RETURN_IF_ERROR(values("maxValues", shape.max_values));
  return shape;
}

Status ReadProfiles(napi_env env, napi_value list,
                    std::vector<std::map<std::string, tensorrt::ProfileShape>>& into) {
  ASSIGN_OR_RETURN(const std::uint32_t count, ReadLength(env, list, "profiles"));
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(napi_value object, GetElement(env, list, i));
    if (TypeOf(env, object) != napi_object) return WrongType("profiles", "an array of objects");
    napi_value names = nullptr;
    NAPI_TRY(napi_get_all_property_names(env, object, napi_key_own_only, napi_key_enumerable,
                                         napi_key_numbers_to_strings, &names));
    ASSIGN_OR_RETURN(const std::vector<std::string> inputs, ReadStrings(env, names, "profiles"));
    auto& profile = into.emplace_back();
    for (const std::string& input : inputs) {
      ASSIGN_OR_RETURN(napi_value value, Get(env, object, input.c_str()));
      ASSIGN_OR_RETURN(profile[input], ReadProfileShape(env, value));
    }
  }
  return {};
}

Result<std::optional<int>> GetOptionalInt(napi_env env, napi_value object, const char* name) {
  ASSIGN_OR_RETURN(napi_value value, Get(env, object, name));
  if (IsNullish(env, value)) return std::optional<int>();
  ASSIGN_OR_RETURN(const int number, ReadInt(env, value, name, 0, kMost));
  return std::optional<int>(number);
}

}  // namespace

Result<BuildRequest> ReadBuildOptions(EnvState& state, napi_value object) {
  const napi_env env = state.env();
  BuildRequest request;
  tensorrt::BuildOptions& options = request.options;
  ASSIGN_OR_RETURN(napi_value profiles, Get(env, object, "profiles"));
  RETURN_IF_ERROR(ReadProfiles(env, profiles, options.profiles));
  RETURN_IF_ERROR(ReadBuilderFlags(env, object, options));
  RETURN_IF_ERROR(ReadConfigSettings(env, object, options.config));
  RETURN_IF_ERROR(ReadNetworkSettings(env, object, options.network));
  ASSIGN_OR_RETURN(options.optimization_level, GetOptionalInt(env, object, "optimizationLevel"));
  ASSIGN_OR_RETURN(options.max_aux_streams, GetOptionalInt(env, object, "maxAuxStreams"));
  ASSIGN_OR_RETURN(options.profiling_verbosity,
                   GetInt(env, object, "profilingVerbosity", 0, kMost));
  ASSIGN_OR_RETURN(options.hardware_compatibility_level,
                   GetInt(env, object, "hardwareCompatibilityLevel", 0, kMost));
  ASSIGN_OR_RETURN(options.engine_name, GetString(env, object, "engineName"));
  ASSIGN_OR_RETURN(options.timing_cache, GetString(env, object, "timingCache"));
  ASSIGN_OR_RETURN(request.device, GetInt(env, object, "device", 0, 1 << 20));
  ASSIGN_OR_RETURN(const int severity, GetInt(env, object, "logSeverity", 0, 4));
  options.log_severity = static_cast<tensorrt::Severity>(severity);
  ASSIGN_OR_RETURN(napi_value log, Get(env, object, "log"));
  ASSIGN_OR_RETURN(auto held_log, JsReference::HoldFunction(state, log, "log"));
  options.log_sink = MakeLogSink(std::move(held_log));
  ASSIGN_OR_RETURN(napi_value progress, Get(env, object, "progress"));
  ASSIGN_OR_RETURN(request.progress, JsReference::HoldFunction(state, progress, "progress"));
  return request;
}

}  // namespace trtnode::napi
