// The CUDA driver API on host memory: memory, streams, events and their rules.
#include <atomic>
#include <chrono>
#include <thread>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"

namespace trtnode::reference::test {
namespace {

constexpr size_t kTotal = size_t{1} << 30;  // TRT_NODE_REFERENCE_MEMORY of these tests

TEST(NothingWorksBeforeInit) {
  int count = 0;
  CHECK_EQ(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&count));
  CUcontext context = nullptr;
  CHECK_EQ(CUDA_ERROR_NOT_INITIALIZED, cuDevicePrimaryCtxRetain(&context, 0));
  trtNodeReferenceSetFaults("nodevice");
  CHECK_EQ(CUDA_ERROR_NO_DEVICE, cuInit(0));
  trtNodeReferenceSetFaults("init=100");
  CHECK_EQ(CUDA_ERROR_NO_DEVICE, cuInit(0));
  trtNodeReferenceSetFaults(nullptr);
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuInit(1));
  CHECK_EQ(CUDA_SUCCESS, cuInit(0));
}

TEST(Devices) {
  int count = 0;
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetCount(&count));
  CHECK_EQ(2, count);
  CUdevice device = -1;
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGet(&device, 1));
  CHECK_EQ(1, device);
  CHECK_EQ(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, 2));
  char name[64];
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetName(name, sizeof(name), 0));
  CHECK_EQ(std::string("trt-node CPU reference"), std::string(name));
  int value = -1;
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetAttribute(&value, 75, 0));
  CHECK_EQ(0, value);
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetAttribute(&value, 41, 0));
  CHECK_EQ(1, value);
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetAttribute(&value, 18, 0));
  CHECK_EQ(0, value);  // not integrated unless told so
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetAttribute(&value, 122, 0));
  CHECK_EQ(0, value);  // no memory operations on 64 bits
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&value, 0, 0));
  size_t total = 0;
  CHECK_EQ(CUDA_SUCCESS, cuDeviceTotalMem_v2(&total, 0));
  CHECK_EQ(kTotal, total);
  char id[16];
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetPCIBusId(id, sizeof(id), 1));
  CHECK_EQ(std::string("0000:00:01.0"), std::string(id));
  const char* text = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  CHECK_EQ(std::string("CUDA_ERROR_ILLEGAL_ADDRESS"), std::string(text));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuGetErrorString(static_cast<CUresult>(12345), &text));
  CHECK(text == nullptr);
}

TEST(Contexts) {
  size_t free = 0;
  size_t total = 0;
  CHECK_EQ(CUDA_ERROR_INVALID_CONTEXT, cuMemGetInfo_v2(&free, &total));
  CUcontext first = nullptr;
  CUcontext second = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuDevicePrimaryCtxRetain(&first, 0));
  CHECK_EQ(CUDA_SUCCESS, cuDevicePrimaryCtxRetain(&second, 1));
  CHECK(first != second);
  CHECK_EQ(CUDA_SUCCESS, cuCtxSetCurrent(first));
  CHECK_EQ(CUDA_SUCCESS, cuCtxPushCurrent_v2(second));
  CUdevice device = -1;
  CHECK_EQ(CUDA_SUCCESS, cuCtxGetDevice(&device));
  CHECK_EQ(1, device);
  std::thread([] {
    CUcontext none = nullptr;
    CHECK_EQ(CUDA_SUCCESS, cuCtxGetCurrent(&none));
    CHECK(none == nullptr);  // current contexts belong to a thread
  }).join();
  CHECK_EQ(CUDA_SUCCESS, cuCtxEnablePeerAccess(first, 0));
  CHECK_EQ(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, cuCtxEnablePeerAccess(first, 0));
  CUcontext popped = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuCtxPopCurrent_v2(&popped));
  CHECK(popped == second);
  CHECK_EQ(CUDA_SUCCESS, cuDevicePrimaryCtxRelease_v2(1));
  CHECK_EQ(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(1));
  unsigned flags = 0;
  int active = -1;
  CHECK_EQ(CUDA_SUCCESS, cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK_EQ(1, active);
  CHECK_EQ(CUDA_SUCCESS, cuDevicePrimaryCtxRelease_v2(0));
  CHECK_EQ(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
  CHECK_EQ(CUDA_SUCCESS, cuCtxSetCurrent(nullptr));
}

TEST(MemoryIsCountedAndChecked) {
  const CurrentContext current;
  size_t before = 0;
  size_t total = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemGetInfo_v2(&before, &total));
  CUdeviceptr a = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemAlloc_v2(&a, 1000));
  CHECK_EQ(0U, a % 256);
  size_t after = 0;
  cuMemGetInfo_v2(&after, &total);
  CHECK_EQ(before - 1024, after);
  CUdeviceptr big = 0;
  CHECK_EQ(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&big, kTotal));
  CHECK_EQ(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&big, SIZE_MAX));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&big, 0));
  std::vector<char> host(2000, 'x');
  CHECK_EQ(CUDA_SUCCESS, cuMemcpyHtoD_v2(a, host.data(), 1000));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(a, host.data(), 1001));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(a + 1, host.data(), 1000));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(host.data(), a + 999, 2));
  CHECK_EQ(CUDA_SUCCESS, cuMemsetD8_v2(a + 10, 'y', 5));
  CHECK_EQ(CUDA_SUCCESS, cuMemcpyDtoH_v2(host.data(), a + 9, 7));
  CHECK_EQ(std::string("xyyyyyx"), std::string(host.data(), 7));
  CUdevice device = -1;
  CHECK_EQ(CUDA_SUCCESS, cuPointerGetAttribute(&device, 9, a + 500));
  CHECK_EQ(0, device);
  unsigned type = 0;
  CHECK_EQ(CUDA_SUCCESS, cuPointerGetAttribute(&type, 2, a));
  CHECK_EQ(2U, type);
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(a + 8));
  CHECK_EQ(CUDA_SUCCESS, cuMemFree_v2(a));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(a));
  CHECK_EQ(CUDA_SUCCESS, cuMemFree_v2(0));
  cuMemGetInfo_v2(&after, &total);
  CHECK_EQ(before, after);
}

TEST(PinnedAndRegisteredMemory) {
  const CurrentContext current;
  void* pinned = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuMemHostAlloc(&pinned, 64, 0));
  CUdeviceptr device = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemHostGetDevicePointer_v2(&device, pinned, 0));
  CHECK_EQ(reinterpret_cast<uintptr_t>(pinned), static_cast<uintptr_t>(device));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(device));
  CHECK_EQ(CUDA_SUCCESS, cuMemFreeHost(pinned));
  std::vector<char> mine(4096);
  CHECK_EQ(CUDA_SUCCESS, cuMemHostRegister_v2(mine.data(), mine.size(), 0));
  CHECK_EQ(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED,
           cuMemHostRegister_v2(mine.data() + 100, 10, 0));
  CHECK_EQ(CUDA_SUCCESS, cuMemHostUnregister(mine.data()));
  CHECK_EQ(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(mine.data()));
}

struct Gate {
  std::atomic<bool> open{false};
  std::atomic<bool> passed{false};
  static void Wait(void* self) {
    auto* gate = static_cast<Gate*>(self);
    while (!gate->open) std::this_thread::yield();
    gate->passed = true;
  }
};

TEST(StreamsAreOrderedAndAsynchronous) {
  const CurrentContext current;
  Gate gate;
  const TestStream a;
  const TestStream b;
  CHECK_EQ(CUDA_SUCCESS, cuLaunchHostFunc(a, &Gate::Wait, &gate));
  CHECK_EQ(CUDA_ERROR_NOT_READY, cuStreamQuery(a));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(b));  // another stream does not wait
  CUevent event = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuEventCreate(&event, 0));
  CHECK_EQ(CUDA_SUCCESS, cuEventQuery(event));  // never recorded
  CHECK_EQ(CUDA_SUCCESS, cuEventRecord(event, a));
  CHECK_EQ(CUDA_SUCCESS, cuStreamWaitEvent(b, event, 0));
  Gate after;
  after.open = true;
  CHECK_EQ(CUDA_SUCCESS, cuLaunchHostFunc(b, &Gate::Wait, &after));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(!after.passed);
  CHECK_EQ(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  gate.open = true;
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(b));
  CHECK(after.passed.load());
  CHECK_EQ(CUDA_SUCCESS, cuEventQuery(event));
  CHECK_EQ(CUDA_SUCCESS, cuEventDestroy_v2(event));
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuEventQuery(event));
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE,
           cuStreamSynchronize(reinterpret_cast<CUstream>(uintptr_t{0x1234})));
}

TEST(TheLegacyStreamWaitsForBlockingStreams) {
  const CurrentContext current;
  Gate gate;
  const TestStream blocking(0);
  cuLaunchHostFunc(blocking, &Gate::Wait, &gate);
  Gate legacy;
  legacy.open = true;
  cuLaunchHostFunc(nullptr, &Gate::Wait, &legacy);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(!legacy.passed);
  gate.open = true;
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(nullptr));
  CHECK(legacy.passed.load());
}

TEST(EventsTellRealTime) {
  const CurrentContext current;
  const TestStream stream;
  CUevent start = nullptr;
  CUevent end = nullptr;
  cuEventCreate(&start, 0);
  cuEventCreate(&end, 0);
  float milliseconds = -1;
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, start, end));
  cuEventRecord(start, stream);
  cuLaunchHostFunc(
      stream, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(30)); }, nullptr);
  cuEventRecord(end, stream);
  CHECK_EQ(CUDA_ERROR_NOT_READY, cuEventElapsedTime(&milliseconds, start, end));
  CHECK_EQ(CUDA_SUCCESS, cuEventSynchronize(end));
  CHECK_EQ(CUDA_SUCCESS, cuEventElapsedTime(&milliseconds, start, end));
  CHECK(milliseconds >= 29 && milliseconds < 3000);
  CUevent untimed = nullptr;
  cuEventCreate(&untimed, 2);
  cuEventRecord(untimed, stream);
  cuEventSynchronize(untimed);
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, start, untimed));
  for (CUevent event : {start, end, untimed}) cuEventDestroy_v2(event);
}

TEST(FlagsAndHostFunctions) {
  const CurrentContext current;
  const TestStream stream;
  void* memory = nullptr;
  cuMemHostAlloc(&memory, 4, 0);
  auto* flag = static_cast<uint32_t*>(memory);
  *flag = 0;
  const CUdeviceptr address = reinterpret_cast<uintptr_t>(memory);
  CHECK_EQ(CUDA_SUCCESS, cuStreamWaitValue32_v2(stream, address, 7, 1));
  CHECK_EQ(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
  std::atomic_ref(*flag).store(7);
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamWriteValue32_v2(stream, address, 42, 0));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ(42U, std::atomic_ref(*flag).load());
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32_v2(stream, address + 2, 1, 0));
  static CUresult inside;
  cuLaunchHostFunc(stream, [](void*) { inside = cuCtxSynchronize(); }, nullptr);
  cuStreamSynchronize(stream);
  CHECK_EQ(CUDA_ERROR_NOT_PERMITTED, inside);
  cuMemFreeHost(memory);
}

TEST(PriorityIsClamped) {
  const CurrentContext current;
  int least = 1;
  int greatest = 1;
  CHECK_EQ(CUDA_SUCCESS, cuCtxGetStreamPriorityRange(&least, &greatest));
  CUstream stream = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuStreamCreateWithPriority(&stream, 1, -100));
  int priority = 1;
  CHECK_EQ(CUDA_SUCCESS, cuStreamGetPriority(stream, &priority));
  CHECK_EQ(greatest, priority);
  cuStreamDestroy_v2(stream);
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(stream));
}

TEST(DestroyingAStreamKeepsItsWork) {
  const CurrentContext current;
  Gate gate;
  CUstream stream = nullptr;
  cuStreamCreate(&stream, 1);
  cuLaunchHostFunc(stream, &Gate::Wait, &gate);
  CHECK_EQ(CUDA_SUCCESS, cuStreamDestroy_v2(stream));
  gate.open = true;
  while (!gate.passed) std::this_thread::yield();
}

TEST(PageableCopiesAreStaged) {
  const CurrentContext current;
  const TestStream stream;
  Gate gate;
  DeviceArray<int> array(4);
  cuLaunchHostFunc(stream, &Gate::Wait, &gate);
  std::vector<int> host = {1, 2, 3, 4};
  CHECK_EQ(CUDA_SUCCESS, cuMemcpyHtoDAsync_v2(array.address(), host.data(), 16, stream));
  host.assign(4, 9);  // the driver has taken a copy
  gate.open = true;
  std::vector<int> back(4);
  CHECK_EQ(CUDA_SUCCESS, cuMemcpyDtoHAsync_v2(back.data(), array.address(), 16, stream));
  CHECK(back == std::vector<int>({1, 2, 3, 4}));  // back when the call is
}

TEST(MemoryFreedInStreamOrder) {
  const CurrentContext current;
  const TestStream stream;
  CUdeviceptr memory = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemAllocAsync(&memory, 64, stream));
  CHECK_EQ(CUDA_SUCCESS, cuMemsetD32Async(memory, 5, 16, stream));
  std::vector<unsigned> host(16);
  CHECK_EQ(CUDA_SUCCESS,
           cuMemcpyAsync(reinterpret_cast<uintptr_t>(host.data()), memory, 64, stream));
  CHECK_EQ(CUDA_SUCCESS, cuMemFreeAsync(memory, stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ(5U, host[15]);
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuMemFreeAsync(memory, stream));
}

TEST(StickyErrorsStay) {
  const CurrentContext current;
  const TestStream stream;
  CHECK(trtNodeReferenceSetFaults("sticky=700") == nullptr);
  CUdeviceptr memory = 0;
  size_t free = 0;
  size_t total = 0;
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&memory, 16));
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemGetInfo_v2(&free, &total));
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  trtNodeReferenceSetFaults(nullptr);
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  // The real thing: memory that is freed while the stream still wants it.
  Gate gate;
  DeviceArray<int> array(4);
  cuMemAllocAsync(&memory, 16, stream);
  const TestStream other;
  cuLaunchHostFunc(other, &Gate::Wait, &gate);
  cuMemcpyDtoDAsync_v2(array.address(), memory, 16, other);
  cuMemFreeAsync(memory, stream);
  cuStreamSynchronize(stream);
  gate.open = true;
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(other));
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&memory, 16));
  trtNodeReferenceSetFaults("");
}

TEST(FaultsCount) {
  const CurrentContext current;
  CUdeviceptr memory[3] = {};
  CHECK(trtNodeReferenceSetFaults("alloc@2, pinned") == nullptr);
  CHECK_EQ(CUDA_SUCCESS, cuMemAlloc_v2(&memory[0], 16));
  CHECK_EQ(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&memory[1], 16));
  CHECK_EQ(CUDA_SUCCESS, cuMemAlloc_v2(&memory[2], 16));
  void* pinned = nullptr;
  CHECK_EQ(CUDA_ERROR_OUT_OF_MEMORY, cuMemHostAlloc(&pinned, 16, 0));
  for (const char* wrong :
       {"nonsense", "alloc@", "alloc@0", "alloc=1", "sticky", "delay=x", "delay=-1", "alloc@1@2"}) {
    CHECK(trtNodeReferenceSetFaults(wrong) != nullptr);
  }
  CHECK_EQ(CUDA_ERROR_OUT_OF_MEMORY,
           cuMemHostAlloc(&pinned, 16, 0));  // a refused spec changes nothing
  trtNodeReferenceSetFaults(nullptr);
  cuMemFree_v2(memory[0]);
  cuMemFree_v2(memory[2]);
}

TEST(ManyThreadsAtOnce) {
  const CurrentContext current;
  CUcontext context = nullptr;
  cuCtxGetCurrent(&context);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([context, t] {
      cuCtxSetCurrent(context);
      const TestStream stream(t % 2 == 0 ? 1U : 0U);
      for (int i = 0; i < 50; ++i) {
        DeviceArray<int> array(16);
        cuMemsetD32Async(array.address(), static_cast<unsigned>(i), 16, stream);
        cuStreamSynchronize(stream);
        const auto back = array.Get();
        CHECK_EQ(i, back[15]);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
