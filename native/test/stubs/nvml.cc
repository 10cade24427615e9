// A stub of libnvidia-ml.so.1: three GPUs, of which the second tells little (as with MIG), and the third nothing.
#include <cstdio>
#include <cstring>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {
constexpr int kSuccess = 0, kNotSupported = 3, kUnknown = 999;
int numbers[3] = {0, 1, 2};
int IndexOf(void* device) { return *static_cast<int*>(device); }
int SupportedBy(void* device) { return IndexOf(device) == 0 ? kSuccess : kNotSupported; }
}  // namespace

struct Utilization {
  unsigned gpu, memory;
};
struct Memory {
  unsigned long long total, free, used;
};

EXPORT int nvmlInit_v2() {
#ifdef STUB_FAILS
  return kUnknown;
#else
  return kSuccess;
#endif
}
EXPORT int nvmlShutdown() { return kSuccess; }
EXPORT int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 3;
  return kSuccess;
}
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (index >= 2) return kUnknown;
  *device = &numbers[index];
  return kSuccess;
}
#ifndef STUB_WITHOUT_UUID
EXPORT int nvmlDeviceGetUUID(void* device, char* uuid, unsigned length) {
  std::snprintf(uuid, length, "GPU-0000000%d", IndexOf(device));
  return kSuccess;
}
#endif
EXPORT int nvmlDeviceGetUtilizationRates(void* device, Utilization* rates) {
  *rates = {37, 12};
  return SupportedBy(device);
}
EXPORT int nvmlDeviceGetMemoryInfo(void*, Memory* memory) {
  *memory = {1000, 400, 600};
  return kSuccess;
}
EXPORT int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  *milliwatts = 250500;
  return SupportedBy(device);
}
EXPORT int nvmlDeviceGetPowerManagementLimit(void* device, unsigned* milliwatts) {
  *milliwatts = 700000;
  return SupportedBy(device);
}
EXPORT int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  *millijoules = 1234500;
  return SupportedBy(device);
}
