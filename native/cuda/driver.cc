// Opening the CUDA driver API, its devices, and CUDA's results as errors.
#include "cuda/driver.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include "cuda/context.h"

namespace trtnode::cuda {
namespace {

constexpr const char* kReferenceHint =
    "To try things out without a GPU, use the CPU reference runtime: runtime: 'reference' or "
    "TRT_NODE_RUNTIME=reference.";

std::string DriverHint(const std::string& what) { return what + " " + kReferenceHint; }

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Driver>> drivers;
};

Registry& GetRegistry() {
  static Registry& registry =
      *std::make_unique<Registry>().release();  // leaked: outlives every thread
  return registry;
}

std::string InitHint(abi::CUresult result) {
  switch (result) {
    case abi::kNoDevice:
      return "The driver sees no GPU: check `nvidia-smi`, CUDA_VISIBLE_DEVICES, and in a container "
             "that "
             "it was started with --gpus all.";
    case abi::kSystemDriverMismatch:
      return "libcuda.so.1 and the loaded kernel module are of different versions: reboot after a "
             "driver "
             "update, or restart the container with the host's libraries.";
    case abi::kCompatNotSupportedOnDevice:
      return "CUDA's forward-compatibility libraries do not support this GPU: remove the "
             "cuda-compat "
             "directory from LD_LIBRARY_PATH, or update the driver.";
    case abi::kUnknown:
      return "The driver could not start: check `nvidia-smi`, and that /dev/nvidia-uvm exists "
             "(`sudo modprobe nvidia-uvm`).";
    default:
      return "Check that `nvidia-smi` works for this user.";
  }
}

}  // namespace

bool IsSticky(abi::CUresult result) noexcept {
  // Those of which CUDA's reference says that the context, or the process, cannot be used any more.
  switch (result) {
    case 214:  // ECC_UNCORRECTABLE
    case 220:  // NVLINK_UNCORRECTABLE
    case 226:  // CONTAINED
    case 700:  // ILLEGAL_ADDRESS
    case 702:  // LAUNCH_TIMEOUT
    case 709:  // CONTEXT_IS_DESTROYED
    case 710:  // ASSERT
    case 714:  // HARDWARE_STACK_ERROR
    case 715:  // ILLEGAL_INSTRUCTION
    case 716:  // MISALIGNED_ADDRESS
    case 717:  // INVALID_ADDRESS_SPACE
    case 718:  // INVALID_PC
    case 719:  // LAUNCH_FAILED
    case 721:  // TENSOR_MEMORY_LEAK
      return true;
    default:
      return false;
  }
}

std::string FormatBytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  double value = static_cast<double>(bytes);
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 64> text{};
  if (unit == 0) {
    std::snprintf(text.data(), text.size(), "%llu bytes", static_cast<unsigned long long>(bytes));
  } else {
    std::snprintf(text.data(), text.size(), "%.1f %s (%llu bytes)", value, kUnits[unit],
                  static_cast<unsigned long long>(bytes));
  }
  return text.data();
}

Result<std::shared_ptr<Driver>> Driver::Open(const std::string& library) {
  Registry& registry = GetRegistry();
  const std::lock_guard lock(registry.mutex);
  std::shared_ptr<Driver>& entry = registry.drivers[library];
  if (entry == nullptr) {
    std::shared_ptr<Driver> driver(new Driver(library));
    RETURN_IF_ERROR(driver->Load());
    entry = std::move(driver);
  }
  return entry;
}

Status Driver::Load() {
  // RTLD_LOCAL: two drivers in one process must not see each other's symbols.
  void* handle = dlopen(library_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return Status(
        ErrorCode::kNoDriver,
        "The CUDA driver library " + library_ +
            " cannot be opened: " + (reason != nullptr ? reason : "unknown reason"),
        DriverHint("Install the NVIDIA driver; in a container start it with --gpus all."));
  }
  const char* missing = nullptr;
#define TRTNODE_CUDA_REQUIRED(name, parameters)                                        \
  functions_.name = reinterpret_cast<decltype(functions_.name)>(dlsym(handle, #name)); \
  if (functions_.name == nullptr && missing == nullptr) missing = #name;
#define TRTNODE_CUDA_OPTIONAL(name, parameters) \
  functions_.name = reinterpret_cast<decltype(functions_.name)>(dlsym(handle, #name));
  TRTNODE_CUDA_FUNCTIONS(TRTNODE_CUDA_REQUIRED, TRTNODE_CUDA_OPTIONAL)
#undef TRTNODE_CUDA_REQUIRED
#undef TRTNODE_CUDA_OPTIONAL
  if (missing != nullptr) {
    return Status(ErrorCode::kNoDriver,
                  "The CUDA driver library " + library_ + " has no function " + missing + ".",
                  DriverHint("Update the NVIDIA driver (CUDA 11.4 or newer is needed)."));
  }
  return {};
}

Status Driver::Initialize() {
  const std::lock_guard lock(mutex_);
  if (initialized_) return {};
  const abi::CUresult result = functions_.cuInit(0);
  if (result != abi::kSuccess) {
    const char* name = nullptr;
    const char* text = nullptr;
    functions_.cuGetErrorName(result, &name);
    functions_.cuGetErrorString(result, &text);
    Error error;
    error.code = ErrorCode::kNoDriver;
    error.call = "cuInit";
    error.cuda_error = result;
    error.cuda_error_name = name != nullptr ? name : "CUDA_ERROR_" + std::to_string(result);
    error.message = "The CUDA driver cannot be used: cuInit failed with " + error.cuda_error_name +
                    (text != nullptr ? std::string(" (") + text + ")" : std::string()) + ".";
    error.hint = DriverHint(InitHint(result));
    return Status(std::move(error));
  }
  int count = 0;
  RETURN_IF_ERROR(Check(functions_.cuDeviceGetCount(&count), "cuDeviceGetCount"));
  if (count < 1) {
    return Status(ErrorCode::kNoDriver, "The CUDA driver is there, but it sees no device.",
                  DriverHint(InitHint(abi::kNoDevice)));
  }
  contexts_.resize(static_cast<std::size_t>(count));
  initialized_ = true;
  return {};
}

int Driver::version() const noexcept {
  int version = 0;
  return functions_.cuDriverGetVersion(&version) == abi::kSuccess ? version : 0;
}

Result<int> Driver::DeviceCount() {
  RETURN_IF_ERROR(Initialize());
  int count = 0;
  RETURN_IF_ERROR(Check(functions_.cuDeviceGetCount(&count), "cuDeviceGetCount"));
  return count;
}

Result<DeviceInfo> Driver::Describe(int device) {
  RETURN_IF_ERROR(Initialize());
  DeviceInfo info;
  info.index = device;
  abi::CUdevice handle = 0;
  RETURN_IF_ERROR(Check(functions_.cuDeviceGet(&handle, device), "cuDeviceGet"));
  std::array<char, 256> text{};
  RETURN_IF_ERROR(
      Check(functions_.cuDeviceGetName(text.data(), static_cast<int>(text.size()), handle),
            "cuDeviceGetName"));
  info.name = text.data();
  abi::CUuuid uuid{};
  if (functions_.cuDeviceGetUuid_v2 != nullptr &&
      functions_.cuDeviceGetUuid_v2(&uuid, handle) == abi::kSuccess) {
    info.uuid = "GPU";
    for (std::size_t i = 0; i < 16; ++i) {
      if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) info.uuid += '-';
      std::array<char, 4> hex{};
      std::snprintf(hex.data(), hex.size(), "%02x", uuid.bytes[i]);
      info.uuid += hex.data();
    }
  }
  std::array<char, 64> pci{};
  if (functions_.cuDeviceGetPCIBusId != nullptr &&
      functions_.cuDeviceGetPCIBusId(pci.data(), static_cast<int>(pci.size()), handle) ==
          abi::kSuccess) {
    info.pci_bus_id = pci.data();
  }
  std::size_t total = 0;
  RETURN_IF_ERROR(Check(functions_.cuDeviceTotalMem_v2(&total, handle), "cuDeviceTotalMem_v2"));
  info.total_memory_bytes = total;
  const auto attribute = [&](int which, int* value) {
    return Check(functions_.cuDeviceGetAttribute(value, which, handle), "cuDeviceGetAttribute");
  };
  int integrated = 0;
  int can_map = 0;
  RETURN_IF_ERROR(attribute(abi::kAttributeComputeCapabilityMajor, &info.compute_capability_major));
  RETURN_IF_ERROR(attribute(abi::kAttributeComputeCapabilityMinor, &info.compute_capability_minor));
  RETURN_IF_ERROR(attribute(abi::kAttributeMultiprocessorCount, &info.multiprocessors));
  RETURN_IF_ERROR(attribute(abi::kAttributeIntegrated, &integrated));
  RETURN_IF_ERROR(attribute(abi::kAttributeCanMapHostMemory, &can_map));
  info.integrated = integrated != 0;
  info.can_map_host_memory = can_map != 0;
  return info;
}

Result<bool> Driver::CanAccessPeer(int device, int peer) {
  RETURN_IF_ERROR(Initialize());
  if (functions_.cuDeviceCanAccessPeer == nullptr) return false;
  abi::CUdevice handle = 0;
  abi::CUdevice peer_handle = 0;
  RETURN_IF_ERROR(Check(functions_.cuDeviceGet(&handle, device), "cuDeviceGet"));
  RETURN_IF_ERROR(Check(functions_.cuDeviceGet(&peer_handle, peer), "cuDeviceGet"));
  int can = 0;
  RETURN_IF_ERROR(
      Check(functions_.cuDeviceCanAccessPeer(&can, handle, peer_handle), "cuDeviceCanAccessPeer"));
  return can != 0;
}

Result<std::vector<DeviceInfo>> Driver::Devices() {
  ASSIGN_OR_RETURN(const int count, DeviceCount());
  std::vector<DeviceInfo> devices;
  for (int i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(DeviceInfo info, Describe(i));
    devices.push_back(std::move(info));
  }
  return devices;
}

Result<std::shared_ptr<PrimaryContext>> Driver::Retain(int device) {
  RETURN_IF_ERROR(Initialize());
  const std::lock_guard lock(mutex_);
  if (device < 0 || static_cast<std::size_t>(device) >= contexts_.size()) {
    return Status(ErrorCode::kInvalidArgument,
                  "There is no CUDA device " + std::to_string(device) + ": the driver has " +
                      std::to_string(contexts_.size()) + ", numbered from 0.",
                  "`trt-node doctor` lists the devices; CUDA_VISIBLE_DEVICES hides some.");
  }
  std::weak_ptr<PrimaryContext>& entry = contexts_[static_cast<std::size_t>(device)];
  if (std::shared_ptr<PrimaryContext> context = entry.lock()) return context;
  abi::CUdevice handle = 0;
  RETURN_IF_ERROR(Check(functions_.cuDeviceGet(&handle, device), "cuDeviceGet"));
  abi::CUcontext context = nullptr;
  RETURN_IF_ERROR(
      Check(functions_.cuDevicePrimaryCtxRetain(&context, handle), "cuDevicePrimaryCtxRetain"));
  auto retained = std::make_shared<PrimaryContext>(shared_from_this(), device, handle, context);
  entry = retained;
  return retained;
}

// CUDA_ERROR_UNKNOWN may be a passing trouble or a device that fell off the bus: the latter does not even tell its memory.
bool Driver::IsUnreachable() const noexcept {
  std::size_t free = 0;
  std::size_t total = 0;
  return functions_.cuMemGetInfo_v2(&free, &total) == abi::kUnknown;
}

Status Driver::MakeError(abi::CUresult result, const char* call,
                         std::uint64_t requested_bytes) const {
  const char* name = nullptr;
  const char* text = nullptr;
  functions_.cuGetErrorName(result, &name);
  functions_.cuGetErrorString(result, &text);
  Error error;
  error.call = call;
  error.cuda_error = result;
  error.cuda_error_name = name != nullptr ? name : "CUDA_ERROR_" + std::to_string(result);
  const std::string what =
      error.cuda_error_name + (text != nullptr ? std::string(" (") + text + ")" : std::string());
  if (result == abi::kOutOfMemory) {
    error.code = ErrorCode::kOutOfMemory;
    error.message = std::string(call) + " failed: " + what + ".";
    if (requested_bytes != 0) {
      error.requested_bytes = requested_bytes;
      error.message =
          std::string(call) + " of " + FormatBytes(requested_bytes) + " failed: " + what + ".";
    }
    std::size_t free = 0;
    std::size_t total = 0;
    if (functions_.cuMemGetInfo_v2(&free, &total) == abi::kSuccess) {
      error.message +=
          " The device has " + FormatBytes(free) + " free of " + FormatBytes(total) + ".";
    }
    error.hint =
        "Close sessions and buffers that are not needed, use fewer instances or smaller "
        "profiles, or see with nvidia-smi who else uses the device.";
  } else if (IsSticky(result) || (result == abi::kUnknown && IsUnreachable())) {
    error.code = ErrorCode::kDeviceLost;
    error.message =
        std::string(call) + " failed: " + what + ". CUDA can do no more work in this process.";
    error.hint =
        "Restart the process: every further CUDA call fails the same way. If it happens "
        "again, run the same input through trtexec or compute-sanitizer, and look for Xid "
        "lines in dmesg.";
  } else {
    error.code = ErrorCode::kCuda;
    error.message = std::string(call) + " failed: " + what + ".";
  }
  return Status(std::move(error));
}

}  // namespace trtnode::cuda
