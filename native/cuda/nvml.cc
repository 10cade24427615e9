// Opening NVML, and its readings.
#include "cuda/nvml.h"

#include <dlfcn.h>

#include <array>
#include <map>
#include <mutex>
#include <utility>

namespace trtnode::cuda {
namespace {

constexpr int kSuccess = 0;
constexpr double kMilli = 1e-3;
constexpr unsigned kUuidBytes = 96;  // as much as NVML ever writes

using Device = void*;

struct Utilization {
  unsigned gpu = 0, memory = 0;  // percent
};

struct Memory {
  unsigned long long total = 0, free = 0, used = 0;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Nvml>> libraries;
};

Registry& GetRegistry() {
  static Registry& registry =
      *std::make_unique<Registry>().release();  // leaked: outlives every thread
  return registry;
}

}  // namespace

struct Nvml::Functions {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, Device*) = nullptr;
  int (*uuid)(Device, char*, unsigned) = nullptr;
  // Those that an old library may lack.
  int (*utilization)(Device, Utilization*) = nullptr;
  int (*memory)(Device, Memory*) = nullptr;
  int (*power_usage)(Device, unsigned*) = nullptr;
  int (*power_limit)(Device, unsigned*) = nullptr;
  int (*energy)(Device, unsigned long long*) = nullptr;

  // What `function` gives, if it is there and succeeds.
  template <typename T>
  static std::optional<T> Ask(int (*function)(Device, T*), Device device) {
    T value{};
    if (function == nullptr || function(device, &value) != kSuccess) return std::nullopt;
    return value;
  }
};

Nvml::Nvml(std::unique_ptr<Functions> functions) : functions_(std::move(functions)) {}

Nvml::~Nvml() { (void)functions_->shutdown(); }

Result<std::unique_ptr<Nvml::Functions>> Nvml::Load(const std::string& library) {
  const auto unusable = [&library](const std::string& why) {
    return Status(ErrorCode::kNoDriver, "NVML, " + library + ", cannot be used: " + why,
                  "It comes with NVIDIA's driver; in a container start it with --gpus all.");
  };
  // Never dlclosed: the driver keeps threads.
  void* const opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) {
    const char* reason = dlerror();
    return unusable(reason != nullptr ? reason : "unknown reason");
  }
  auto functions = std::make_unique<Functions>();
  const auto find = [opened](auto& function, const char* name) {
    using Function = std::remove_reference_t<decltype(function)>;
    function = reinterpret_cast<Function>(dlsym(opened, name));
    return function != nullptr;
  };
  const bool complete = find(functions->init, "nvmlInit_v2") &&
                        find(functions->shutdown, "nvmlShutdown") &&
                        find(functions->count, "nvmlDeviceGetCount_v2") &&
                        find(functions->handle, "nvmlDeviceGetHandleByIndex_v2") &&
                        find(functions->uuid, "nvmlDeviceGetUUID");
  if (!complete) return unusable("it lacks functions of NVML 2.");
  find(functions->utilization, "nvmlDeviceGetUtilizationRates");
  find(functions->memory, "nvmlDeviceGetMemoryInfo");
  find(functions->power_usage, "nvmlDeviceGetPowerUsage");
  if (!find(functions->power_limit, "nvmlDeviceGetEnforcedPowerLimit")) {
    find(functions->power_limit, "nvmlDeviceGetPowerManagementLimit");
  }
  find(functions->energy, "nvmlDeviceGetTotalEnergyConsumption");
  const int result = functions->init();
  if (result != kSuccess) return unusable("nvmlInit_v2 gave " + std::to_string(result) + ".");
  return functions;
}

Result<std::shared_ptr<Nvml>> Nvml::Open(const std::string& library) {
  Registry& registry = GetRegistry();
  const std::lock_guard lock(registry.mutex);
  std::shared_ptr<Nvml>& entry = registry.libraries[library];
  if (entry == nullptr) {
    ASSIGN_OR_RETURN(std::unique_ptr<Functions> functions, Load(library));
    entry = std::shared_ptr<Nvml>(new Nvml(std::move(functions)));
  }
  return entry;
}

std::vector<GpuReading> Nvml::Read() const {
  const Functions& f = *functions_;
  unsigned count = 0;
  if (f.count(&count) != kSuccess) return {};
  std::vector<GpuReading> readings;
  for (unsigned index = 0; index < count; ++index) {
    Device device = nullptr;
    if (f.handle(index, &device) != kSuccess) continue;
    std::array<char, kUuidBytes> uuid{};
    if (f.uuid(device, uuid.data(), kUuidBytes) != kSuccess) continue;
    uuid.back() = '\0';
    GpuReading reading;
    reading.uuid = uuid.data();
    if (const auto rates = Functions::Ask(f.utilization, device)) {
      reading.utilization = rates->gpu / 100.0;
    }
    if (const auto memory = Functions::Ask(f.memory, device)) {
      reading.memory_total_bytes = memory->total;
      reading.memory_used_bytes = memory->used;
    }
    if (const auto usage = Functions::Ask(f.power_usage, device)) {
      reading.power_usage_watts = *usage * kMilli;
    }
    if (const auto limit = Functions::Ask(f.power_limit, device)) {
      reading.power_limit_watts = *limit * kMilli;
    }
    if (const auto energy = Functions::Ask(f.energy, device)) {
      reading.energy_joules = static_cast<double>(*energy) * kMilli;
    }
    readings.push_back(std::move(reading));
  }
  return readings;
}

}  // namespace trtnode::cuda
