// What NVML tells, as plain objects.
#include "napi/gpu_readings.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/nvml.h"
#include "napi/promise.h"
#include "napi/values.h"

namespace trtnode::napi {
namespace {

template <typename T>
Status SetIfKnown(ObjectWriter& object, const char* name, const std::optional<T>& value) {
  return value.has_value() ? object.Set(name, *value) : Status();
}

Result<napi_value> MakeReading(napi_env env, const cuda::GpuReading& reading) {
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(env));
  RETURN_IF_ERROR(object.Set("uuid", reading.uuid));
  RETURN_IF_ERROR(SetIfKnown(object, "utilization", reading.utilization));
  RETURN_IF_ERROR(SetIfKnown(object, "memoryTotalBytes", reading.memory_total_bytes));
  RETURN_IF_ERROR(SetIfKnown(object, "memoryUsedBytes", reading.memory_used_bytes));
  RETURN_IF_ERROR(SetIfKnown(object, "powerUsageWatts", reading.power_usage_watts));
  RETURN_IF_ERROR(SetIfKnown(object, "powerLimitWatts", reading.power_limit_watts));
  RETURN_IF_ERROR(SetIfKnown(object, "energyJoules", reading.energy_joules));
  return object.value();
}

}  // namespace

Result<napi_value> ReadGpus(Call& call) {
  std::string library = cuda::kNvmlLibrary;
  if (!IsNullish(call.env, call.arguments[0])) {
    ASSIGN_OR_RETURN(library, ReadString(call.env, call.arguments[0], "library"));
  }
  auto readings = std::make_shared<std::vector<cuda::GpuReading>>();
  return RunAsync(
      call.state,
      [library, readings]() -> Status {
        const auto nvml = cuda::Nvml::Open(library);
        // Machines without NVIDIA's driver have nothing to tell; that is no failure.
        if (nvml.ok()) *readings = nvml.value()->Read();
        return {};
      },
      [readings](EnvState& settled) -> Result<napi_value> {
        ASSIGN_OR_RETURN(napi_value array, MakeArray(settled.env(), readings->size()));
        for (std::size_t i = 0; i < readings->size(); ++i) {
          RETURN_IF_ERROR(
              SetElement(settled.env(), array, i, MakeReading(settled.env(), (*readings)[i])));
        }
        return array;
      });
}

}  // namespace trtnode::napi
