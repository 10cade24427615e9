// The few types and numbers of the CUDA driver API that we use, declared from its public reference; no NVIDIA header is involved.
#pragma once

#include <cstddef>
#include <cstdint>

// As in <cuda.h>: of the global namespace, so that tensorrt/abi/types.h names the same.
struct CUstream_st;
struct CUevent_st;

namespace trtnode::cuda::abi {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUstream = ::CUstream_st*;
using CUevent = ::CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;
using CUgraphNode = struct CUgraphNode_st*;
using CUhostFn = void (*)(void* user_data);

struct CUuuid {
  unsigned char bytes[16];
};

// Passed by value: 64 bytes whose content is the driver's alone.
struct CUipcMemHandle {
  char reserved[64];
};
struct CUipcEventHandle {
  char reserved[64];
};

// CUresult
inline constexpr CUresult kSuccess = 0;
inline constexpr CUresult kInvalidValue = 1;
inline constexpr CUresult kOutOfMemory = 2;
inline constexpr CUresult kDeinitialized = 4;
inline constexpr CUresult kNoDevice = 100;
inline constexpr CUresult kSystemDriverMismatch = 803;
inline constexpr CUresult kCompatNotSupportedOnDevice = 804;
inline constexpr CUresult kInvalidContext = 201;
inline constexpr CUresult kMapFailed = 205;
inline constexpr CUresult kInvalidHandle = 400;
inline constexpr CUresult kNotReady = 600;
inline constexpr CUresult kPeerAccessAlreadyEnabled = 704;
inline constexpr CUresult kNotSupported = 801;
inline constexpr CUresult kUnknown = 999;

// CUdevice_attribute
inline constexpr int kAttributeMultiprocessorCount = 16;
inline constexpr int kAttributeIntegrated = 18;
inline constexpr int kAttributeCanMapHostMemory = 19;
inline constexpr int kAttributeMemoryPoolsSupported = 115;
inline constexpr int kAttributeComputeCapabilityMajor = 75;
inline constexpr int kAttributeComputeCapabilityMinor = 76;

// CUstream_flags, CUevent_flags, CU_MEMHOSTALLOC_*
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventBlockingSync = 1;
inline constexpr unsigned kEventDisableTiming = 2;
inline constexpr unsigned kEventInterprocess = 4;
inline constexpr unsigned kHostAllocPortable = 1;
inline constexpr unsigned kHostAllocDeviceMap = 2;

// CUpointer_attribute, CUmemorytype, CUipcMem_flags
inline constexpr int kPointerMemoryType = 2;
inline constexpr int kPointerDeviceOrdinal = 9;
inline constexpr unsigned kMemoryTypeDevice = 2;
inline constexpr unsigned kIpcLazyEnablePeerAccess = 1;

// CUevent_record_flags, CUstreamWriteValue_flags
inline constexpr unsigned kEventRecordExternal = 1;
inline constexpr unsigned kStreamWriteValueDefault = 0;

// CUstreamCaptureMode, CUstreamCaptureStatus
inline constexpr int kCaptureModeRelaxed = 2;
inline constexpr int kCaptureStatusNone = 0;

}  // namespace trtnode::cuda::abi

// X(name, parameters): every driver function that we call. A driver that lacks a REQUIRED one is refused; an OPTIONAL one may be
// null and its user must look. Names carry the version suffix that the exported symbol has.
#define TRTNODE_CUDA_FUNCTIONS(REQUIRED, OPTIONAL)                                                 \
  REQUIRED(cuInit, (unsigned flags))                                                               \
  REQUIRED(cuDriverGetVersion, (int* version))                                                     \
  REQUIRED(cuDeviceGetCount, (int* count))                                                         \
  REQUIRED(cuDeviceGet, (CUdevice * device, int ordinal))                                          \
  REQUIRED(cuDeviceGetName, (char* name, int length, CUdevice device))                             \
  REQUIRED(cuDeviceGetAttribute, (int* value, int attribute, CUdevice device))                     \
  REQUIRED(cuDeviceTotalMem_v2, (std::size_t* bytes, CUdevice device))                             \
  OPTIONAL(cuDeviceGetUuid_v2, (CUuuid * uuid, CUdevice device))                                   \
  OPTIONAL(cuDeviceGetPCIBusId, (char* id, int length, CUdevice device))                           \
  REQUIRED(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                       \
  REQUIRED(cuDevicePrimaryCtxRelease_v2, (CUdevice device))                                        \
  REQUIRED(cuCtxSetCurrent, (CUcontext context))                                                   \
  REQUIRED(cuCtxGetCurrent, (CUcontext * context))                                                 \
  REQUIRED(cuCtxPushCurrent_v2, (CUcontext context))                                               \
  REQUIRED(cuCtxPopCurrent_v2, (CUcontext * context))                                              \
  REQUIRED(cuCtxSynchronize, ())                                                                   \
  REQUIRED(cuCtxGetStreamPriorityRange, (int* least, int* greatest))                               \
  REQUIRED(cuMemGetInfo_v2, (std::size_t* free, std::size_t* total))                               \
  REQUIRED(cuMemAlloc_v2, (CUdeviceptr * pointer, std::size_t bytes))                              \
  REQUIRED(cuMemFree_v2, (CUdeviceptr pointer))                                                    \
  OPTIONAL(cuMemAllocAsync, (CUdeviceptr * pointer, std::size_t bytes, CUstream stream))           \
  OPTIONAL(cuMemFreeAsync, (CUdeviceptr pointer, CUstream stream))                                 \
  REQUIRED(cuMemHostAlloc, (void** pointer, std::size_t bytes, unsigned flags))                    \
  REQUIRED(cuMemFreeHost, (void* pointer))                                                         \
  OPTIONAL(cuMemHostGetDevicePointer_v2, (CUdeviceptr * device, void* host, unsigned flags))       \
  REQUIRED(cuMemcpyHtoD_v2, (CUdeviceptr to, const void* from, std::size_t bytes))                 \
  REQUIRED(cuMemcpyDtoH_v2, (void* to, CUdeviceptr from, std::size_t bytes))                       \
  REQUIRED(cuMemcpyHtoDAsync_v2,                                                                   \
           (CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream))                 \
  REQUIRED(cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, std::size_t bytes, CUstream stream)) \
  REQUIRED(cuMemcpyDtoDAsync_v2,                                                                   \
           (CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream))                 \
  OPTIONAL(cuMemcpyPeerAsync, (CUdeviceptr to, CUcontext to_context, CUdeviceptr from,             \
                               CUcontext from_context, std::size_t bytes, CUstream stream))        \
  OPTIONAL(cuDeviceCanAccessPeer, (int* can, CUdevice device, CUdevice peer))                      \
  OPTIONAL(cuCtxEnablePeerAccess, (CUcontext peer, unsigned flags))                                \
  OPTIONAL(cuMemGetAddressRange_v2, (CUdeviceptr * base, std::size_t* bytes, CUdeviceptr within))  \
  OPTIONAL(cuPointerGetAttribute, (void* value, int attribute, CUdeviceptr pointer))               \
  OPTIONAL(cuIpcGetMemHandle, (CUipcMemHandle * handle, CUdeviceptr pointer))                      \
  OPTIONAL(cuIpcOpenMemHandle_v2, (CUdeviceptr * pointer, CUipcMemHandle handle, unsigned flags))  \
  OPTIONAL(cuIpcCloseMemHandle, (CUdeviceptr pointer))                                             \
  OPTIONAL(cuIpcGetEventHandle, (CUipcEventHandle * handle, CUevent event))                        \
  OPTIONAL(cuIpcOpenEventHandle, (CUevent * event, CUipcEventHandle handle))                       \
  REQUIRED(cuMemsetD8Async,                                                                        \
           (CUdeviceptr to, unsigned char value, std::size_t bytes, CUstream stream))              \
  OPTIONAL(cuMemsetD32Async, (CUdeviceptr to, unsigned value, std::size_t count, CUstream stream)) \
  REQUIRED(cuStreamCreateWithPriority, (CUstream * stream, unsigned flags, int priority))          \
  REQUIRED(cuStreamDestroy_v2, (CUstream stream))                                                  \
  REQUIRED(cuStreamSynchronize, (CUstream stream))                                                 \
  REQUIRED(cuStreamQuery, (CUstream stream))                                                       \
  REQUIRED(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                    \
  OPTIONAL(cuStreamWriteValue32_v2,                                                                \
           (CUstream stream, CUdeviceptr address, std::uint32_t value, unsigned flags))            \
  OPTIONAL(cuLaunchHostFunc, (CUstream stream, CUhostFn function, void* user_data))                \
  REQUIRED(cuStreamGetPriority, (CUstream stream, int* priority))                                  \
  REQUIRED(cuStreamBeginCapture_v2, (CUstream stream, int mode))                                   \
  REQUIRED(cuStreamEndCapture, (CUstream stream, CUgraph * graph))                                 \
  REQUIRED(cuStreamIsCapturing, (CUstream stream, int* status))                                    \
  OPTIONAL(cuThreadExchangeStreamCaptureMode, (int* mode))                                         \
  REQUIRED(cuEventCreate, (CUevent * event, unsigned flags))                                       \
  REQUIRED(cuEventRecord, (CUevent event, CUstream stream))                                        \
  OPTIONAL(cuEventRecordWithFlags, (CUevent event, CUstream stream, unsigned flags))               \
  REQUIRED(cuEventQuery, (CUevent event))                                                          \
  REQUIRED(cuEventSynchronize, (CUevent event))                                                    \
  REQUIRED(cuEventElapsedTime, (float* milliseconds, CUevent start, CUevent end))                  \
  REQUIRED(cuEventDestroy_v2, (CUevent event))                                                     \
  REQUIRED(cuGraphInstantiateWithFlags,                                                            \
           (CUgraphExec * exec, CUgraph graph, unsigned long long flags))                          \
  REQUIRED(cuGraphLaunch, (CUgraphExec exec, CUstream stream))                                     \
  OPTIONAL(cuGraphUpload, (CUgraphExec exec, CUstream stream))                                     \
  REQUIRED(cuGraphExecDestroy, (CUgraphExec exec))                                                 \
  REQUIRED(cuGraphDestroy, (CUgraph graph))                                                        \
  OPTIONAL(cuGraphGetNodes, (CUgraph graph, CUgraphNode * nodes, std::size_t* count))              \
  REQUIRED(cuGetErrorName, (CUresult error, const char** name))                                    \
  REQUIRED(cuGetErrorString, (CUresult error, const char** text))

namespace trtnode::cuda::abi {

// The driver's entry points, filled by dlsym.
struct Functions {
#define TRTNODE_CUDA_DECLARE(name, parameters) CUresult(*name) parameters = nullptr;
  TRTNODE_CUDA_FUNCTIONS(TRTNODE_CUDA_DECLARE, TRTNODE_CUDA_DECLARE)
#undef TRTNODE_CUDA_DECLARE
};

}  // namespace trtnode::cuda::abi
