// Nvml against stubs of the library: what is read, what a GPU does not tell, and libraries that cannot be used.
#include "cuda/nvml.h"

#include <string>

#include "test/check.h"

namespace trtnode::cuda {
namespace {

std::string Stub(const char* folder) {
  return std::string(TRT_NODE_STUBS) + "/" + folder + "/libnvidia-ml.so.1";
}

TEST(reads_all_that_a_gpu_tells) {
  auto nvml = Nvml::Open(Stub("nvml"));
  REQUIRE(nvml.ok());
  const auto readings = nvml.value()->Read();
  REQUIRE(readings.size() == 2);  // the third has no handle
  const GpuReading& gpu = readings[0];
  CHECK(gpu.uuid == "GPU-00000000");
  CHECK(gpu.utilization == 0.37);
  CHECK(gpu.memory_total_bytes == 1000u);
  CHECK(gpu.memory_used_bytes == 600u);
  CHECK(gpu.power_usage_watts == 250.5);
  CHECK(gpu.power_limit_watts == 700.0);
  CHECK(gpu.energy_joules == 1234.5);
}

TEST(what_a_gpu_does_not_tell_is_missing) {
  auto nvml = Nvml::Open(Stub("nvml"));
  REQUIRE(nvml.ok());
  const auto readings = nvml.value()->Read();
  REQUIRE(readings.size() == 2);
  const GpuReading& gpu = readings[1];
  CHECK(gpu.uuid == "GPU-00000001");
  CHECK(!gpu.utilization.has_value());
  CHECK(gpu.memory_used_bytes == 600u);
  CHECK(!gpu.power_usage_watts.has_value());
  CHECK(!gpu.power_limit_watts.has_value());
  CHECK(!gpu.energy_joules.has_value());
}

TEST(is_opened_once) {
  auto first = Nvml::Open(Stub("nvml"));
  auto second = Nvml::Open(Stub("nvml"));
  REQUIRE(first.ok() && second.ok());
  CHECK(first.value() == second.value());
}

TEST(libraries_that_cannot_be_used) {
  for (const std::string& library : {Stub("missing"), Stub("nvml-old"), Stub("nvml-broken")}) {
    const auto nvml = Nvml::Open(library);
    REQUIRE(!nvml.ok());
    CHECK(nvml.error().code == ErrorCode::kNoDriver);
    CHECK(nvml.error().message.find(library) != std::string::npos);
  }
}

}  // namespace
}  // namespace trtnode::cuda
