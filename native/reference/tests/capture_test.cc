// Stream capture: what is recorded, what is refused, and how graphs replay.
#include <atomic>
#include <chrono>
#include <thread>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"

namespace trtnode::reference::test {
namespace {

CUgraphExec Instantiate(CUgraph graph) {
  CUgraphExec executable = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuGraphInstantiateWithFlags(&executable, graph, 0));
  CHECK_EQ(CUDA_SUCCESS, cuGraphDestroy(graph));
  return executable;
}

TEST(WorkIsRecordedAndReplayed) {
  const CurrentContext current;
  const TestStream stream;
  const DeviceArray<int> a(std::vector<int>{1, 2, 3, 4});
  const DeviceArray<int> b(std::vector<int>{0, 0, 0, 0});
  CHECK_EQ(CUDA_SUCCESS, cuStreamBeginCapture_v2(stream, kCaptureThreadLocal));
  CUstreamCaptureStatus status = kCaptureNone;
  CHECK_EQ(CUDA_SUCCESS, cuStreamIsCapturing(stream, &status));
  CHECK_EQ(kCaptureActive, status);
  CHECK_EQ(CUDA_SUCCESS, cuMemcpyDtoDAsync_v2(b.address(), a.address(), 16, stream));
  CHECK_EQ(CUDA_SUCCESS, cuMemsetD32Async(a.address(), 7, 4, stream));
  CUgraph graph = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
  size_t nodes = 0;
  CHECK_EQ(CUDA_SUCCESS, cuGraphGetNodes(graph, nullptr, &nodes));
  CHECK_EQ(2U, nodes);
  CHECK_EQ(0, b.Get()[0]);  // nothing ran yet
  CUgraphExec executable = Instantiate(graph);
  CHECK_EQ(CUDA_SUCCESS, cuGraphUpload(executable, stream));
  CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ(1, b.Get()[0]);
  CHECK_EQ(7, a.Get()[0]);
  CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, stream));
  CHECK_EQ(CUDA_SUCCESS, cuGraphExecDestroy(executable));  // under way or not
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ(7, b.Get()[0]);
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuGraphLaunch(executable, stream));
}

// What a slot's graph is made of: each is recorded, runs at each launch, and not before.
TEST(FillsFlagsAndHostFunctionsReplay) {
  const CurrentContext current;
  const TestStream stream;
  const DeviceArray<unsigned> filled(std::vector<unsigned>{0, 0, 0});
  void* memory = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuMemHostAlloc(&memory, 8, 2));
  CUdeviceptr address = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemHostGetDevicePointer_v2(&address, memory, 0));
  auto* flags = static_cast<uint32_t*>(memory);
  flags[0] = flags[1] = 0;
  std::atomic<int> calls = 0;
  CHECK_EQ(CUDA_SUCCESS, cuStreamBeginCapture_v2(stream, kCaptureRelaxed));
  CHECK_EQ(CUDA_SUCCESS, cuStreamWaitValue32_v2(stream, address + 4, 1, 0));
  CHECK_EQ(CUDA_SUCCESS, cuMemsetD32Async(filled.address(), 9, 3, stream));
  CHECK_EQ(CUDA_SUCCESS,
           cuLaunchHostFunc(
               stream, [](void* count) { ++*static_cast<std::atomic<int>*>(count); }, &calls));
  CHECK_EQ(CUDA_SUCCESS, cuStreamWriteValue32_v2(stream, address, 5, 0));
  CUgraph graph = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
  size_t nodes = 0;
  cuGraphGetNodes(graph, nullptr, &nodes);
  CHECK_EQ(4U, nodes);
  CUgraphExec executable = Instantiate(graph);
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ(0, calls.load());
  for (int launch = 1; launch <= 2; ++launch) {
    std::atomic_ref(flags[0]).store(0);
    std::atomic_ref(flags[1]).store(0);
    CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, stream));
    CHECK_EQ(launch - 1, calls.load());  // the graph waits for the second flag
    std::atomic_ref(flags[1]).store(1);
    CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
    CHECK_EQ(launch, calls.load());
    CHECK_EQ(5U, std::atomic_ref(flags[0]).load());
    CHECK_EQ(9U, filled.Get()[2]);
  }
  cuGraphExecDestroy(executable);
  cuMemFreeHost(memory);
}

TEST(ExternalEventsAreRecordedByEachLaunch) {
  const CurrentContext current;
  const TestStream stream;
  const TestStream other;
  CUevent start = nullptr;
  CUevent end = nullptr;
  cuEventCreate(&start, 0);
  cuEventCreate(&end, 0);
  constexpr unsigned kExternal = 1;
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuEventRecordWithFlags(start, stream, kExternal));
  CHECK_EQ(CUDA_ERROR_INVALID_VALUE, cuEventRecordWithFlags(start, stream, 2));
  CHECK_EQ(CUDA_SUCCESS, cuEventRecordWithFlags(start, stream, 0));
  cuStreamSynchronize(stream);

  void* memory = nullptr;
  cuMemHostAlloc(&memory, 4, 2);
  auto* flag = static_cast<uint32_t*>(memory);
  const CUdeviceptr address = reinterpret_cast<uintptr_t>(memory);
  CHECK_EQ(CUDA_SUCCESS, cuStreamBeginCapture_v2(stream, kCaptureThreadLocal));
  CHECK_EQ(CUDA_SUCCESS, cuEventRecordWithFlags(start, stream, kExternal));
  cuLaunchHostFunc(
      stream, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }, nullptr);
  CHECK_EQ(CUDA_SUCCESS, cuEventRecordWithFlags(end, stream, kExternal));
  cuStreamWaitValue32_v2(stream, address, 1, 0);
  CUgraph graph = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
  size_t nodes = 0;
  cuGraphGetNodes(graph, nullptr, &nodes);
  CHECK_EQ(4U, nodes);
  CUgraphExec executable = Instantiate(graph);
  float milliseconds = 0;
  // Never reached yet: `start` as recorded before, `end` not at all.
  CHECK_EQ(CUDA_SUCCESS, cuEventQuery(start));
  CHECK_EQ(CUDA_SUCCESS, cuEventQuery(end));
  CHECK_EQ(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, start, end));
  for (int launch = 0; launch < 2; ++launch) {
    std::atomic_ref(*flag).store(0);
    CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, stream));
    CHECK_EQ(CUDA_ERROR_NOT_READY, cuEventQuery(end));  // of this launch, not the one before
    CHECK_EQ(CUDA_ERROR_NOT_READY, cuEventElapsedTime(&milliseconds, start, end));
    CHECK_EQ(CUDA_SUCCESS, cuStreamWaitEvent(other, end, 0));
    CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(other));
    CHECK_EQ(CUDA_SUCCESS, cuEventSynchronize(end));
    CHECK_EQ(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));  // the rest of the graph is not done
    CHECK_EQ(CUDA_SUCCESS, cuEventElapsedTime(&milliseconds, start, end));
    CHECK(milliseconds >= 20.F && milliseconds < 2000.F);
    std::atomic_ref(*flag).store(1);
    CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  }

  // As a child graph as well, and after the events' handles are gone.
  cuStreamBeginCapture_v2(stream, kCaptureThreadLocal);
  CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
  CUgraphExec outer = Instantiate(graph);
  CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(outer, stream));
  CHECK_EQ(CUDA_ERROR_NOT_READY, cuEventQuery(end));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ(CUDA_SUCCESS, cuEventElapsedTime(&milliseconds, start, end));
  CHECK(milliseconds >= 20.F && milliseconds < 2000.F);
  cuEventDestroy_v2(start);
  cuEventDestroy_v2(end);
  CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(outer, stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  cuGraphExecDestroy(outer);
  cuGraphExecDestroy(executable);
  cuMemFreeHost(memory);
}

TEST(EventsOfALaunchThatFailsKeepNobodyWaiting) {
  const CurrentContext current;
  const TestStream stream;
  CUevent event = nullptr;
  cuEventCreate(&event, 0);
  CUdeviceptr gone = 0;
  cuMemAlloc_v2(&gone, 16);
  cuStreamBeginCapture_v2(stream, kCaptureRelaxed);
  cuMemsetD32Async(gone, 1, 4, stream);
  cuEventRecordWithFlags(event, stream, 1);
  CUgraph graph = nullptr;
  cuStreamEndCapture(stream, &graph);
  CUgraphExec executable = Instantiate(graph);
  cuMemFree_v2(gone);
  CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, stream));
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuEventSynchronize(event));
  trtNodeReferenceSetFaults(nullptr);  // heals
  cuGraphExecDestroy(executable);
  cuEventDestroy_v2(event);
}

TEST(SynchronousCallsInvalidate) {
  const CurrentContext current;
  for (int call = 0; call < 4; ++call) {
    const TestStream stream;
    cuStreamBeginCapture_v2(stream, kCaptureThreadLocal);
    CUdeviceptr memory = 0;
    const CUresult result = call == 0   ? cuStreamSynchronize(stream)
                            : call == 1 ? cuStreamQuery(stream)
                            : call == 2 ? cuMemAlloc_v2(&memory, 16)
                                        : cuCtxSynchronize();
    CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, result);
    CUstreamCaptureStatus status = kCaptureNone;
    cuStreamIsCapturing(stream, &status);
    CHECK_EQ(kCaptureInvalidated, status);
    CUgraph graph = nullptr;
    CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));
    CHECK(graph == nullptr);
    CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));  // usable again
  }
}

TEST(ModesDecideWhoIsDisturbed) {
  const CurrentContext current;
  CUcontext context = nullptr;
  cuCtxGetCurrent(&context);
  const auto allocate_elsewhere = [context] {
    CUresult result = CUDA_SUCCESS;
    std::thread([&] {
      cuCtxSetCurrent(context);
      CUdeviceptr memory = 0;
      result = cuMemAlloc_v2(&memory, 16);
      if (result == CUDA_SUCCESS) cuMemFree_v2(memory);
    }).join();
    return result;
  };
  const TestStream stream;
  CUgraph graph = nullptr;
  cuStreamBeginCapture_v2(stream, kCaptureGlobal);
  CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, allocate_elsewhere());
  cuStreamEndCapture(stream, &graph);
  cuStreamBeginCapture_v2(stream, kCaptureThreadLocal);
  CHECK_EQ(CUDA_SUCCESS, allocate_elsewhere());
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
  cuGraphDestroy(graph);
  cuStreamBeginCapture_v2(stream, kCaptureThreadLocal);
  CUstreamCaptureMode mode = kCaptureRelaxed;
  CHECK_EQ(CUDA_SUCCESS, cuThreadExchangeStreamCaptureMode(&mode));
  CUdeviceptr memory = 0;
  CHECK_EQ(CUDA_SUCCESS, cuMemAlloc_v2(&memory, 16));  // "I know what I am doing"
  cuThreadExchangeStreamCaptureMode(&mode);
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
  cuGraphDestroy(graph);
  cuMemFree_v2(memory);
}

TEST(OtherStreamsJoinThroughEvents) {
  const CurrentContext current;
  const TestStream a;
  const TestStream b;
  DeviceArray<int> array(std::vector<int>{1, 1, 1, 1});
  CUevent fork = nullptr;
  CUevent join = nullptr;
  cuEventCreate(&fork, 2);
  cuEventCreate(&join, 2);
  CUgraph graph = nullptr;
  cuStreamBeginCapture_v2(a, kCaptureRelaxed);
  cuEventRecord(fork, a);
  CHECK_EQ(CUDA_SUCCESS, cuStreamWaitEvent(b, fork, 0));
  cuMemsetD32Async(array.address(), 3, 4, b);
  CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(a, &graph));
  cuStreamBeginCapture_v2(a, kCaptureRelaxed);
  cuEventRecord(fork, a);
  cuStreamWaitEvent(b, fork, 0);
  cuMemsetD32Async(array.address(), 3, 4, b);
  cuEventRecord(join, b);
  CHECK_EQ(CUDA_SUCCESS, cuStreamWaitEvent(a, join, 0));
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(a, &graph));
  CHECK_EQ(CUDA_ERROR_CAPTURED_EVENT, cuEventQuery(join));
  CUgraphExec executable = Instantiate(graph);
  cuGraphLaunch(executable, a);
  cuStreamSynchronize(a);
  CHECK_EQ(3, array.Get()[3]);
  cuGraphExecDestroy(executable);
  cuEventDestroy_v2(fork);
  cuEventDestroy_v2(join);
}

TEST(MisuseOfCaptures) {
  const CurrentContext current;
  const TestStream stream;
  CUgraph graph = nullptr;
  CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
           cuStreamBeginCapture_v2(nullptr, kCaptureRelaxed));
  CHECK_EQ(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(stream, &graph));
  cuStreamBeginCapture_v2(stream, kCaptureThreadLocal);
  CHECK_EQ(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture_v2(stream, kCaptureThreadLocal));
  CUcontext context = nullptr;
  cuCtxGetCurrent(&context);
  std::thread([&] {
    cuCtxSetCurrent(context);
    CUgraph none = nullptr;
    CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, cuStreamEndCapture(stream, &none));
  }).join();
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
  cuGraphDestroy(graph);
  // A stream that goes while it captures, origin or joined, leaves nothing dangling.
  CUevent event = nullptr;
  cuEventCreate(&event, 2);
  CUstream origin = nullptr;
  CUstream joined = nullptr;
  cuStreamCreate(&origin, 1);
  cuStreamCreate(&joined, 1);
  cuStreamBeginCapture_v2(origin, kCaptureRelaxed);
  cuEventRecord(event, origin);
  cuStreamWaitEvent(joined, event, 0);
  cuStreamDestroy_v2(joined);
  CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(origin, &graph));
  cuStreamBeginCapture_v2(origin, kCaptureRelaxed);
  cuEventRecord(event, origin);
  cuStreamWaitEvent(stream, event, 0);
  cuStreamDestroy_v2(origin);
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  cuEventDestroy_v2(event);
}

TEST(CaptureFaults) {
  const CurrentContext current;
  const TestStream stream;
  trtNodeReferenceSetFaults("graph@1,instantiate@1");
  CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture_v2(stream, kCaptureRelaxed));
  CHECK_EQ(CUDA_SUCCESS, cuStreamBeginCapture_v2(stream, kCaptureRelaxed));
  CUgraph graph = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
  CUgraphExec executable = nullptr;
  CHECK_EQ(CUDA_ERROR_NOT_SUPPORTED, cuGraphInstantiateWithFlags(&executable, graph, 0));
  cuGraphDestroy(graph);
  trtNodeReferenceSetFaults("memop");
  const DeviceArray<uint32_t> flag(std::vector<uint32_t>{0});
  CHECK_EQ(CUDA_ERROR_NOT_SUPPORTED, cuStreamWriteValue32_v2(stream, flag.address(), 1, 0));
  cuStreamBeginCapture_v2(stream, kCaptureRelaxed);
  CHECK_EQ(CUDA_ERROR_NOT_SUPPORTED, cuStreamWriteValue32_v2(stream, flag.address(), 1, 0));
  CHECK_EQ(CUDA_ERROR_NOT_SUPPORTED, cuStreamWaitValue32_v2(stream, flag.address(), 1, 0));
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));  // the capture is none the worse
  cuGraphDestroy(graph);
  trtNodeReferenceSetFaults(nullptr);
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
