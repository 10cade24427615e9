// A device that shares memory with the CPU: mapped pinned memory as the tensors of a run.
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"

namespace trtnode::reference::test {
namespace {

constexpr unsigned kPortable = 1;
constexpr unsigned kDeviceMap = 2;

TEST(DevicesSayThatTheyAreIntegrated) {
  ::setenv("TRT_NODE_REFERENCE_INTEGRATED", "1", 1);  // before the library is used at all
  const CurrentContext current;
  int value = 0;
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetAttribute(&value, 18, 0));
  CHECK_EQ(1, value);
  CHECK_EQ(CUDA_SUCCESS, cuDeviceGetAttribute(&value, 19, 0));
  CHECK_EQ(1, value);
}

TEST(MappedPinnedMemoryIsATensorsAddress) {
  const CurrentContext current;
  TestLogger logger;
  const BuildOptions options = {{{{{"x", {{1, 64}, {8, 64}, {32, 64}}}}, {}}}};
  const auto engine = LoadEngine(logger, BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), options));
  REQUIRE(engine);
  const std::unique_ptr<IExecutionContext> context(
      engine->impl()->createExecutionContext(ExecutionContextAllocationStrategy::kSTATIC));
  VExecutionContext& run = *context->impl();
  const TestStream stream;
  const std::vector<float> input = Ramp(8 * 64);
  // With unified addressing the driver maps all pinned memory, whether it was asked to or not.
  for (const unsigned flags : {kPortable | kDeviceMap, kPortable}) {
    void* x = nullptr;
    void* y = nullptr;
    CHECK_EQ(CUDA_SUCCESS, cuMemHostAlloc(&x, input.size() * sizeof(float), flags));
    CHECK_EQ(CUDA_SUCCESS, cuMemHostAlloc(&y, 8 * 32 * sizeof(float), flags));
    CUdeviceptr device_x = 0;
    CUdeviceptr device_y = 0;
    CHECK_EQ(CUDA_SUCCESS, cuMemHostGetDevicePointer_v2(&device_x, x, 0));
    CHECK_EQ(CUDA_SUCCESS, cuMemHostGetDevicePointer_v2(&device_y, y, 0));
    std::memcpy(x, input.data(), input.size() * sizeof(float));
    CHECK(run.setInputShape("x", MakeDims({8, 64})));
    CHECK(run.setTensorAddress("x", reinterpret_cast<void*>(static_cast<uintptr_t>(device_x))));
    CHECK(run.setTensorAddress("y", reinterpret_cast<void*>(static_cast<uintptr_t>(device_y))));
    const auto right = [&] { return std::fabs(static_cast<float*>(y)[0] - 0.04531991F) < 1e-5F; };
    CHECK(run.enqueueV3(stream));
    CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
    CHECK(right());
    std::memset(y, 0, 4);
    CHECK_EQ(CUDA_SUCCESS, cuStreamBeginCapture_v2(stream, kCaptureRelaxed));
    CHECK(run.enqueueV3(stream));
    CUgraph graph = nullptr;
    CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
    CUgraphExec executable = nullptr;
    CHECK_EQ(CUDA_SUCCESS, cuGraphInstantiateWithFlags(&executable, graph, 0));
    CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, stream));
    CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
    CHECK(right());
    cuGraphExecDestroy(executable);
    cuGraphDestroy(graph);
    cuMemFreeHost(x);
    cuMemFreeHost(y);
  }
  CHECK_EQ("", logger.Errors());
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
