// Memory and events that two processes share, and the rules between devices. The other process is a fork, made before CUDA is used.
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"

namespace trtnode::reference::test {
namespace {

constexpr unsigned kLazyPeerAccess = 1;
constexpr unsigned kInterprocess = 4 | 2;  // and without timing

CUcontext Use(CUdevice device) {
  CUcontext context = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuInit(0));
  CHECK_EQ(CUDA_SUCCESS, cuDevicePrimaryCtxRetain(&context, device));
  CHECK_EQ(CUDA_SUCCESS, cuCtxSetCurrent(context));
  return context;
}

struct Message {
  CUipcMemHandle memory;
  CUipcEventHandle event;
};

// The other process: exports, then waits for a byte, and says whether it sees what the first one wrote.
int Exporter(int to, int from) {
  Use(0);
  CUdeviceptr memory = 0;
  cuMemAlloc_v2(&memory, 1000);
  cuMemsetD8_v2(memory, 'a', 1000);
  CUevent event = nullptr;
  cuEventCreate(&event, kInterprocess);
  CUstream stream = nullptr;
  cuStreamCreate(&stream, 1);
  cuLaunchHostFunc(stream, [](void*) { usleep(200 * 1000); }, nullptr);
  cuEventRecord(event, stream);
  Message message{};
  if (cuIpcGetMemHandle(&message.memory, memory) != CUDA_SUCCESS ||
      cuIpcGetEventHandle(&message.event, event) != CUDA_SUCCESS ||
      write(to, &message, sizeof(message)) != sizeof(message)) {
    return 1;
  }
  char byte = 0;
  if (read(from, &byte, 1) != 1) return 2;
  char seen = 0;
  cuMemcpyDtoH_v2(&seen, memory + 999, 1);
  return seen == 'b' ? 0 : 3;
}

TEST(TwoProcesses) {
  int there[2];
  int back[2];
  CHECK_EQ(0, pipe(there));
  CHECK_EQ(0, pipe(back));
  const pid_t child = fork();
  if (child == 0) _exit(Exporter(there[1], back[0]));
  Message message{};
  CHECK_EQ(static_cast<ssize_t>(sizeof(message)), read(there[0], &message, sizeof(message)));
  Use(0);
  CUevent event = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuIpcOpenEventHandle(&event, message.event));
  CHECK_EQ(CUDA_SUCCESS, cuEventSynchronize(event));
  CHECK_EQ(CUDA_SUCCESS, cuEventQuery(event));
  CUdeviceptr memory = 0;
  CUdeviceptr again = 0;
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle_v2(&memory, message.memory, 0));
  CHECK_EQ(CUDA_SUCCESS, cuIpcOpenMemHandle_v2(&memory, message.memory, kLazyPeerAccess));
  CHECK_EQ(CUDA_SUCCESS, cuIpcOpenMemHandle_v2(&again, message.memory, kLazyPeerAccess));
  CHECK_EQ(memory, again);
  CUdeviceptr base = 0;
  size_t size = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemGetAddressRange_v2(&base, &size, memory + 5));
  CHECK_EQ(memory, base);
  CHECK_EQ(1000U, size);
  char seen = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemcpyDtoH_v2(&seen, memory + 999, 1));
  CHECK_EQ('a', seen);
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(&seen, memory + 1000, 1));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory));  // it is not ours
  CUipcMemHandle own{};
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle(&own, memory));
  CHECK_EQ(CUDA_SUCCESS, cuMemsetD8_v2(memory, 'b', 1000));
  CHECK_EQ(CUDA_SUCCESS, cuIpcCloseMemHandle(memory));
  CHECK_EQ(CUDA_SUCCESS, cuMemsetD8_v2(memory, 'b', 1));
  CHECK_EQ(CUDA_SUCCESS, cuIpcCloseMemHandle(memory));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuIpcCloseMemHandle(memory));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemsetD8_v2(memory, 'b', 1));
  CHECK_EQ(1, write(back[1], "x", 1));
  int status = -1;
  CHECK_EQ(child, waitpid(child, &status, 0));
  CHECK_EQ(0, status);
  // The process is gone, and its memory with it.
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE,
           cuIpcOpenMemHandle_v2(&memory, message.memory, kLazyPeerAccess));
  CHECK_EQ(CUDA_SUCCESS, cuEventDestroy_v2(event));
}

TEST(HandlesThatAreNone) {
  Use(0);
  CUdeviceptr memory = 0;
  CUdeviceptr opened = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemAlloc_v2(&memory, 64));
  CUipcMemHandle handle{};
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle_v2(&opened, handle, kLazyPeerAccess));
  std::memset(handle.reserved, 0xff, sizeof(handle.reserved));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle_v2(&opened, handle, kLazyPeerAccess));
  CHECK_EQ(CUDA_SUCCESS, cuIpcGetMemHandle(&handle, memory + 3));
  CHECK_EQ(CUDA_ERROR_INVALID_CONTEXT, cuIpcOpenMemHandle_v2(&opened, handle, kLazyPeerAccess));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle(&handle, 4096));
  CUevent event = nullptr;
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&event, 4));  // with timing
  CHECK_EQ(CUDA_SUCCESS, cuEventCreate(&event, 2));
  CUipcEventHandle event_handle{};
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuIpcGetEventHandle(&event_handle, event));
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuIpcGetEventHandle(&event_handle, nullptr));
  CHECK_EQ(CUDA_SUCCESS, cuMemFree_v2(memory));
}

TEST(BetweenDevices) {
  const CUcontext first = Use(0);
  CUdeviceptr here = 0;
  cuMemAlloc_v2(&here, 64);
  CUevent event = nullptr;
  CUevent timed = nullptr;
  cuEventCreate(&event, 0);
  cuEventCreate(&timed, 0);
  CUstream near = nullptr;
  cuStreamCreate(&near, 1);
  CHECK_EQ(CUDA_SUCCESS, cuEventRecord(timed, near));
  const CUcontext second = Use(1);
  CUdeviceptr there = 0;
  cuMemAlloc_v2(&there, 64);
  CUstream stream = nullptr;
  cuStreamCreate(&stream, 1);
  // An event belongs to its device; waiting for it is allowed everywhere.
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(event, stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamWaitEvent(stream, timed, 0));
  CUevent other = nullptr;
  cuEventCreate(&other, 0);
  cuEventRecord(other, stream);
  cuStreamSynchronize(stream);
  float milliseconds = 0;
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, timed, other));
  // Each end of a copy with its own context.
  cuMemsetD8_v2(there, 'q', 64);
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemcpyPeerAsync(here, second, there, first, 64, stream));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemcpyPeerAsync(here, first, there, second, 65, stream));
  CHECK_EQ(CUDA_ERROR_INVALID_CONTEXT, cuMemcpyPeerAsync(here, nullptr, there, second, 64, stream));
  CHECK_EQ(CUDA_SUCCESS, cuMemcpyPeerAsync(here, first, there, second, 64, stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  char seen = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemcpyDtoH_v2(&seen, here + 63, 1));
  CHECK_EQ('q', seen);
  // Work of a device touches another's memory only once that was allowed.
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemsetD8Async(here, 'z', 64, stream));
  CHECK_EQ(CUDA_SUCCESS, cuCtxEnablePeerAccess(first, 0));
  CHECK_EQ(CUDA_SUCCESS, cuMemsetD8Async(here, 'z', 64, stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
}

}  // namespace
}  // namespace trtnode::reference::test
TEST_MAIN
