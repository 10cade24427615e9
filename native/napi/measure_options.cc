// Reading the options of a measurement.
#include "napi/measure_options.h"

#include <cmath>
#include <span>

#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {
namespace {

constexpr int kMostStreams = 1024;

Result<double> GetDouble(napi_env env, napi_value object, const char* name, double least) {
  ASSIGN_OR_RETURN(napi_value value, Get(env, object, name));
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok || !std::isfinite(number) ||
      number < least) {
    return WrongType(name, "a number that is large enough");
  }
  return number;
}

Status ReadInputs(napi_env env, napi_value list, std::vector<bench::Input>& into) {
  ASSIGN_OR_RETURN(const std::uint32_t count, ReadLength(env, list, "inputs"));
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(napi_value object, GetElement(env, list, i));
    if (TypeOf(env, object) != napi_object) return WrongType("inputs", "an array of objects");
    bench::Input& input = into.emplace_back();
    ASSIGN_OR_RETURN(napi_value shape, Get(env, object, "shape"));
    ASSIGN_OR_RETURN(input.dims, ReadDims(env, shape, "shape"));
    ASSIGN_OR_RETURN(napi_value data, Get(env, object, "data"));
    ASSIGN_OR_RETURN(const std::span<std::byte> bytes, ReadView(env, data, "data"));
    input.bytes.assign(bytes.begin(), bytes.end());
  }
  return {};
}

}  // namespace

Result<bench::Options> ReadMeasureOptions(napi_env env, napi_value object) {
  bench::Options options;
  ASSIGN_OR_RETURN(options.profile, GetInt(env, object, "profile", 0, 1 << 30));
  ASSIGN_OR_RETURN(napi_value inputs, Get(env, object, "inputs"));
  RETURN_IF_ERROR(ReadInputs(env, inputs, options.inputs));
  ASSIGN_OR_RETURN(options.streams, GetInt(env, object, "streams", 1, kMostStreams));
  ASSIGN_OR_RETURN(options.threads, GetBool(env, object, "threads"));
  ASSIGN_OR_RETURN(napi_value iterations, Get(env, object, "iterations"));
  ASSIGN_OR_RETURN(options.iterations,
                   ReadInteger(env, iterations, "iterations", 1, std::int64_t{1} << 50));
  ASSIGN_OR_RETURN(options.warm_up_ms, GetDouble(env, object, "warmUpMs", 0));
  ASSIGN_OR_RETURN(options.duration_ms, GetDouble(env, object, "durationMs", -1));
  ASSIGN_OR_RETURN(options.sleep_ms, GetDouble(env, object, "sleepMs", 0));
  ASSIGN_OR_RETURN(options.idle_ms, GetDouble(env, object, "idleMs", 0));
  ASSIGN_OR_RETURN(options.cuda_graph, GetBool(env, object, "cudaGraph"));
  ASSIGN_OR_RETURN(const int allocation, GetInt(env, object, "allocationStrategy", 0, 2));
  options.allocation = static_cast<tensorrt::AllocationStrategy>(allocation);
  ASSIGN_OR_RETURN(options.spin, GetBool(env, object, "spin"));
  ASSIGN_OR_RETURN(options.transfers, GetBool(env, object, "transfers"));
  ASSIGN_OR_RETURN(options.overlap, GetBool(env, object, "overlap"));
  ASSIGN_OR_RETURN(options.layer_times, GetBool(env, object, "layerTimes"));
  ASSIGN_OR_RETURN(options.outputs, GetBool(env, object, "outputs"));
  ASSIGN_OR_RETURN(napi_value ratio, Get(env, object, "persistentCacheRatio"));
  if (!IsNullish(env, ratio)) {
    ASSIGN_OR_RETURN(options.persistent_cache_ratio,
                     GetDouble(env, object, "persistentCacheRatio", 0));
  }
  return options;
}

}  // namespace trtnode::napi
