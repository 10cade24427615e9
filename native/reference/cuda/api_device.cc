// Driver API: initialization, devices and their attributes.
#include <cstdio>
#include <cstring>
#include <thread>

#include "reference/cuda/machine.h"

namespace trtnode::reference {
namespace {

constexpr char kDeviceName[] = "trt-node CPU reference";
constexpr int kDriverVersion = 12060;  // the CUDA that TensorRT 10.6 belongs to
constexpr int kMaxAttribute =
    160;  // the driver knows about this many; those that we do not name are 0

// The few attributes of CUdevice_attribute that are not 0 here. Compute capability (75, 76) is 0.0, so that nobody takes
// this for a GPU.
int Attribute(int attribute, int ordinal) {
  switch (attribute) {
    case 1:  // MAX_THREADS_PER_BLOCK
    case 2:  // MAX_BLOCK_DIM_X
    case 3:  // MAX_BLOCK_DIM_Y
      return 1024;
    case 4:  // MAX_BLOCK_DIM_Z
      return 64;
    case 10:  // WARP_SIZE
      return 32;
    case 14:  // TEXTURE_ALIGNMENT
      return 512;
    case 15:   // GPU_OVERLAP
    case 19:   // CAN_MAP_HOST_MEMORY
    case 31:   // CONCURRENT_KERNELS
    case 40:   // ASYNC_ENGINE_COUNT
    case 41:   // UNIFIED_ADDRESSING
    case 78:   // STREAM_PRIORITIES_SUPPORTED
    case 91:   // CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM
    case 92:   // CAN_USE_STREAM_MEM_OPS_V1; those on 64 bits (93, 122) we have not
    case 94:   // CAN_USE_STREAM_WAIT_VALUE_NOR_V1
    case 99:   // HOST_REGISTER_SUPPORTED
    case 115:  // MEMORY_POOLS_SUPPORTED
    case 123:  // CAN_USE_STREAM_WAIT_VALUE_NOR
      return 1;
    case 18:  // INTEGRATED
      return Machine::Get().integrated() ? 1 : 0;
    case 16: {  // MULTIPROCESSOR_COUNT
      const unsigned cores = std::thread::hardware_concurrency();
      return cores == 0 ? 1 : static_cast<int>(cores);
    }
    case 34:  // PCI_DEVICE_ID
      return ordinal;
    default:
      return 0;
  }
}

bool ValidDevice(CUdevice device) { return Machine::Get().Device(device) != nullptr; }

}  // namespace

TRTNODE_REFERENCE_EXPORT CUresult cuInit(unsigned flags) {
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  return Machine::Get().Initialize();
}

TRTNODE_REFERENCE_EXPORT CUresult cuDriverGetVersion(int* version) {
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *version = kDriverVersion;
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDeviceGetCount(int* count) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *count = Machine::Get().device_count();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!ValidDevice(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (name == nullptr || length <= 0) return CUDA_ERROR_INVALID_VALUE;
  if (!ValidDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
  std::snprintf(name, static_cast<size_t>(length), "%s", kDeviceName);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (value == nullptr || attribute < 1 || attribute > kMaxAttribute)
    return CUDA_ERROR_INVALID_VALUE;
  if (!ValidDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
  *value = Attribute(attribute, device);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!ValidDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
  *bytes = Machine::Get().total_memory();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (uuid == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!ValidDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
  std::memcpy(uuid->bytes, "trt-node-refer", 14);
  uuid->bytes[14] = 0;
  uuid->bytes[15] = static_cast<char>(device);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (id == nullptr || length <= 0) return CUDA_ERROR_INVALID_VALUE;
  if (!ValidDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
  const int written = std::snprintf(id, static_cast<size_t>(length), "0000:00:%02X.0",
                                    static_cast<unsigned>(device));
  return written < length ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

TRTNODE_REFERENCE_EXPORT CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (can == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!ValidDevice(device) || !ValidDevice(peer)) return CUDA_ERROR_INVALID_DEVICE;
  *can = device != peer ? 1 : 0;
  return CUDA_SUCCESS;
}

}  // namespace trtnode::reference
