// The rules of an execution context: what TensorRT refuses is refused in its words, and faults arrive where they belong.
#include <cmath>
#include <thread>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"
#include "reference/tests/model_maker.h"

namespace trtnode::reference::test {
namespace {

constexpr auto kStatic = ExecutionContextAllocationStrategy::kSTATIC;
const BuildOptions kMlp = {
    {{{{"x", {{1, 64}, {8, 64}, {32, 64}}}}, {}}, {{{"x", {{33, 64}, {64, 64}, {256, 64}}}}, {}}}};

// The mlp with shape and addresses set, ready to be enqueued.
struct Mlp {
  CurrentContext current;
  TestLogger logger;
  std::unique_ptr<ICudaEngine> engine =
      LoadEngine(logger, BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), kMlp));
  std::unique_ptr<IExecutionContext> context;
  DeviceArray<float> x{Ramp(8 * 64)};
  DeviceArray<float> y{8 * 32};
  TestStream stream;

  explicit Mlp(ExecutionContextAllocationStrategy strategy = kStatic)
      : context(engine->impl()->createExecutionContext(strategy)) {
    run().setInputShape("x", MakeDims({8, 64}));
    run().setTensorAddress("x", x.pointer());
    run().setTensorAddress("y", y.pointer());
  }
  VExecutionContext& run() { return *context->impl(); }
  bool Right() const { return std::fabs(y.Get()[0] - 0.04531991F) < 1e-5F; }
};

class Recorder final : public IErrorRecorder {
 public:
  APILanguage getAPILanguage() const noexcept override { return APILanguage::kCPP; }
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IErrorRecorder", 1, 0}; }
  int32_t getNbErrors() const noexcept override { return static_cast<int32_t>(errors.size()); }
  ErrorCode getErrorCode(int32_t index) const noexcept override {
    return errors[static_cast<size_t>(index)].first;
  }
  ErrorDesc getErrorDesc(int32_t index) const noexcept override {
    return errors[static_cast<size_t>(index)].second.c_str();
  }
  bool hasOverflowed() const noexcept override { return false; }
  void clear() noexcept override { errors.clear(); }
  bool reportError(ErrorCode code, ErrorDesc text) noexcept override {
    errors.emplace_back(code, text);
    return true;
  }
  RefCount incRefCount() noexcept override { return ++references; }
  RefCount decRefCount() noexcept override { return --references; }

  std::vector<std::pair<ErrorCode, std::string>> errors;
  int references = 0;
};

TEST(ShapesAreCheckedInTensorRtsWords) {
  Mlp mlp;
  CHECK(!mlp.run().setInputShape("x", MakeDims({8, 65})));
  CHECK(
      mlp.logger.HasError("IExecutionContext::setInputShape: Error Code 3: API Usage Error "
                          "(Parameter check failed, condition: engineDims.d[i] == dims.d[i]. "
                          "Static dimension mismatch while setting input shape for x."));
  CHECK(!mlp.run().setInputShape("x", MakeDims({300, 64})));
  CHECK(mlp.logger.HasError(
      "condition: satisfyProfile. Set dimension [300,64] for tensor x does not satisfy any "
      "optimization profiles. "
      "Valid range for profile 0: [1,64]..[32,64]. Valid range for profile 1: [33,64]..[256,64]."));
  // A shape of another profile is taken now and refused when it is used, as by TensorRT 10.6.
  CHECK(mlp.run().setInputShape("x", MakeDims({65, 64})));
  CHECK_EQ(-1, mlp.run().inferShapes(0, nullptr));
  CHECK(mlp.logger.HasError("exceed min..max range for profile 0: [1,64]..[32,64]"));
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  CHECK(mlp.run().setInputShape("x", MakeDims({8, 64})));
  CHECK(!mlp.run().setInputShape("x", MakeDims({0, 64})));
  CHECK(!mlp.run().setInputShape("x", MakeDims({8})));
  CHECK(mlp.logger.HasError("Rank mismatch"));
  CHECK(!mlp.run().setInputShape("y", MakeDims({8, 32})));
  CHECK(!mlp.run().setInputShape("nobody", MakeDims({8, 32})));
  CHECK(!mlp.run().setInputShape(nullptr, MakeDims({8, 32})));
  CHECK(!mlp.run().setInputShape("x", Dims64{1000, {}}));
  CHECK(!mlp.run().setInputShape("x", Dims64{-1, {}}));
  CHECK(mlp.run().getTensorShape("x").d[0] == 8);  // the last good shape stays
  CHECK(!mlp.run().setOptimizationProfileAsync(2, mlp.stream));
  CHECK(!mlp.run().setOptimizationProfileAsync(-1, mlp.stream));
}

TEST(EverythingMustBeSetBeforeEnqueue) {
  Mlp mlp;
  mlp.run().setTensorAddress("x", nullptr);
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  CHECK(
      mlp.logger.HasError("Address is not set for input tensor x. Call setInputTensorAddress or "
                          "setTensorAddress before enqueue/execute."));
  mlp.run().setTensorAddress("x", mlp.x.pointer());
  mlp.run().setTensorAddress("y", nullptr);
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  CHECK(mlp.logger.HasError("Neither address or allocator is set for output tensor y"));
  mlp.run().setOptimizationProfileAsync(1, mlp.stream);
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  CHECK(mlp.logger.HasError("Input shape is not set"));
  CHECK(!mlp.run().setOutputTensorAddress("x", mlp.x.pointer()));
  CHECK(!mlp.run().setInputTensorAddress("y", mlp.y.pointer()));
  CHECK(!mlp.run().enqueueV3(reinterpret_cast<cudaStream_t>(uintptr_t{0x777})));
}

TEST(ErrorRecordersAreInheritedAndCounted) {
  Recorder recorder;
  {
    Mlp mlp;
    mlp.engine->impl()->setErrorRecorder(&recorder);
    const std::unique_ptr<IExecutionContext> context(
        mlp.engine->impl()->createExecutionContext(kStatic));
    CHECK(context->impl()->getErrorRecorder() == &recorder);
    CHECK_EQ(2, recorder.references);
    context->impl()->setInputShape("x", MakeDims({300, 64}));
    REQUIRE(recorder.getNbErrors() == 1);
    CHECK(recorder.getErrorCode(0) == ErrorCode::kINVALID_ARGUMENT);
    CHECK(std::string(recorder.getErrorDesc(0)).find("Set dimension [300,64] for tensor x") !=
          std::string::npos);
  }
  CHECK_EQ(0, recorder.references);
}

TEST(UserManagedMemory) {
  Mlp mlp(ExecutionContextAllocationStrategy::kUSER_MANAGED);
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  CHECK(mlp.logger.HasError("Call setDeviceMemory before enqueue/execute"));
  const size_t size = mlp.run().updateDeviceMemorySizeForShapes();
  CHECK(size > 0);
  const DeviceArray<char> memory(size);
  mlp.run().setDeviceMemoryV2(memory.pointer(), 1);
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  mlp.run().setDeviceMemoryV2(memory.pointer(), static_cast<int64_t>(size));
  CHECK(mlp.run().enqueueV3(mlp.stream));
  cuStreamSynchronize(mlp.stream);
  CHECK(mlp.Right());
}

TEST(ContextsTakeDeviceMemory) {
  const CurrentContext current;
  TestLogger logger;
  const auto engine = LoadEngine(logger, BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), kMlp));
  const auto free_memory = [] {
    size_t free = 0;
    size_t total = 0;
    cuMemGetInfo_v2(&free, &total);
    return free;
  };
  const size_t before = free_memory();
  std::unique_ptr<IExecutionContext> context(engine->impl()->createExecutionContext(kStatic));
  CHECK(free_memory() < before);
  context.reset();
  CHECK_EQ(before, free_memory());
  trtNodeReferenceSetFaults("alloc@1");
  CHECK(engine->impl()->createExecutionContext(kStatic) == nullptr);
  CHECK(logger.HasError("Error Code 5: OutOfMemory (Requested size was "));
  trtNodeReferenceSetFaults("context");
  CHECK(engine->impl()->createExecutionContext(kStatic) == nullptr);
  trtNodeReferenceSetFaults("deserialize");
  CHECK(LoadEngine(logger, BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), kMlp)) == nullptr);
  trtNodeReferenceSetFaults(nullptr);
  CHECK(engine->impl()->createExecutionContext(
            static_cast<ExecutionContextAllocationStrategy>(9)) == nullptr);
}

TEST(RunsAreCapturedAndReplayed) {
  Mlp mlp;
  CUgraph graph = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuStreamBeginCapture_v2(mlp.stream, kCaptureThreadLocal));
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamEndCapture(mlp.stream, &graph));
  CUgraphExec executable = nullptr;
  CHECK_EQ(CUDA_SUCCESS, cuGraphInstantiateWithFlags(&executable, graph, 0));
  cuGraphDestroy(graph);
  cuMemsetD8_v2(mlp.y.address(), 0, 8 * 32 * 4);
  for (int i = 0; i < 3; ++i) CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, mlp.stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(mlp.stream));
  CHECK(mlp.Right());
  mlp.context.reset();  // the graph lives on
  CHECK_EQ(CUDA_SUCCESS, cuGraphLaunch(executable, mlp.stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(mlp.stream));
  cuGraphExecDestroy(executable);
}

TEST(DataDependentRunsCannotBeCaptured) {
  const CurrentContext current;
  TestLogger logger;
  const auto engine = LoadEngine(logger, BuildPlan(logger, ReadFixture("onnx/nonzero.onnx"),
                                                   {{{{{"x", {{1, 8}, {2, 8}, {8, 8}}}}, {}}}}));
  const std::unique_ptr<IExecutionContext> context(engine->impl()->createExecutionContext(kStatic));
  const DeviceArray<float> x(8);
  const DeviceArray<int64_t> y(16);
  context->impl()->setInputShape("x", MakeDims({1, 8}));
  context->impl()->setTensorAddress("x", x.pointer());
  context->impl()->setTensorAddress("y", y.pointer());
  const TestStream stream;
  CUgraph graph = nullptr;
  cuStreamBeginCapture_v2(stream, kCaptureThreadLocal);
  CHECK(!context->impl()->enqueueV3(stream));
  CHECK(logger.HasError("operation not permitted when stream is capturing"));
  CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));
}

TEST(InjectedFaultsOfRuns) {
  Mlp mlp;
  trtNodeReferenceSetFaults("enqueue@2");
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  CHECK(mlp.logger.HasError("Injected fault: enqueue"));
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(mlp.stream));
  trtNodeReferenceSetFaults("launch@2");
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(mlp.stream));
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_ERROR_LAUNCH_FAILED, cuStreamSynchronize(mlp.stream));
  CHECK_EQ(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  CHECK(mlp.logger.HasError("unspecified launch failure"));
  trtNodeReferenceSetFaults("lost@1");
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_ERROR_UNKNOWN, cuStreamSynchronize(mlp.stream));
  trtNodeReferenceSetFaults("capture");
  CUgraph graph = nullptr;
  cuStreamBeginCapture_v2(mlp.stream, kCaptureThreadLocal);
  CHECK(!mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(mlp.stream, &graph));
  trtNodeReferenceSetFaults("delay=50");
  CUevent start = nullptr;
  CUevent end = nullptr;
  cuEventCreate(&start, 0);
  cuEventCreate(&end, 0);
  cuEventRecord(start, mlp.stream);
  CHECK(mlp.run().enqueueV3(mlp.stream));
  cuEventRecord(end, mlp.stream);
  cuEventSynchronize(end);
  float milliseconds = 0;
  cuEventElapsedTime(&milliseconds, start, end);
  CHECK(milliseconds >= 50);
  cuEventDestroy_v2(start);
  cuEventDestroy_v2(end);
  trtNodeReferenceSetFaults(nullptr);
  CHECK(mlp.Right());
}

TEST(WrongAddressesAreIllegalAddresses) {
  Mlp mlp;
  std::vector<float> host(8 * 32);
  mlp.run().setTensorAddress("y", host.data());  // pageable host memory: no GPU could write there
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(mlp.stream));
  CHECK(mlp.logger.HasError("tensor y needs 1024 bytes at "));
  trtNodeReferenceSetFaults(nullptr);
  const DeviceArray<float> small(8);
  mlp.run().setTensorAddress("y", small.pointer());
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(mlp.stream));
  trtNodeReferenceSetFaults(nullptr);
}

TEST(InputsAreConsumed) {
  Mlp mlp;
  CUevent event = nullptr;
  cuEventCreate(&event, 2);
  CHECK(mlp.run().setInputConsumedEvent(event));
  trtNodeReferenceSetFaults("delay=30");
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  CHECK_EQ(CUDA_SUCCESS, cuEventSynchronize(event));
  trtNodeReferenceSetFaults(nullptr);
  cuStreamSynchronize(mlp.stream);
  cuEventDestroy_v2(event);
}

class LayerTimes final : public IProfiler {
 public:
  void reportLayerTime(char const* name, float milliseconds) noexcept override {
    times.emplace_back(name, milliseconds);
  }
  std::vector<std::pair<std::string, float>> times;
};

TEST(Profilers) {
  Mlp mlp;
  LayerTimes profiler;
  mlp.run().setProfiler(&profiler);
  CHECK(mlp.run().enqueueV3(mlp.stream));
  const size_t layers = profiler.times.size();
  CHECK(layers > 0);
  mlp.run().setEnqueueEmitsProfile(false);
  CHECK(mlp.run().enqueueV3(mlp.stream));
  CHECK_EQ(layers, profiler.times.size());
  CHECK(mlp.run().reportToProfiler());
  CHECK_EQ(2 * layers, profiler.times.size());
  mlp.run().setProfiler(nullptr);
  CHECK(mlp.logger.HasError("IExecutionContext::setProfiler"));
  CHECK(mlp.run().getProfiler() == &profiler);
}

TEST(EmptyTensorsAndComputedShapes) {
  const CurrentContext current;
  TestLogger logger;
  // y = x reshaped to [-1, 2 * batch] through Shape, Gather and Mul: known only by folding.
  const std::string model = ModelMaker()
                                .Input("x", onnx::kFloat, {-1, 6})
                                .Integers("zero", {0})
                                .Integers("two", {2})
                                .Integers("minus", {-1})
                                .Node("Shape", {"x"}, {"s"})
                                .Node("Gather", {"s", "zero"}, {"n"})
                                .Node("Mul", {"n", "two"}, {"n2"})
                                .Node("Concat", {"n2", "minus"}, {"shape"})
                                .With("axis", 0)
                                .Node("Reshape", {"x", "shape"}, {"y"}, "reshape")
                                .OutputWithoutShape("y", onnx::kFloat)
                                .Node("Relu", {"x"}, {"z"})
                                .Output("z", onnx::kFloat, {-1, 6})
                                .Make();
  const auto engine =
      LoadEngine(logger, BuildPlan(logger, model, {{{{{"x", {{0, 6}, {2, 6}, {8, 6}}}}, {}}}}));
  CHECK_EQ("", logger.Errors());
  REQUIRE(engine);
  const std::unique_ptr<IExecutionContext> context(engine->impl()->createExecutionContext(kStatic));
  VExecutionContext& run = *context->impl();
  CHECK_EQ(2, engine->impl()->getTensorShape("y").nbDims);
  CHECK(run.setInputShape("x", MakeDims({4, 6})));
  CHECK(FromDims(run.getTensorShape("y")) == std::vector<int64_t>({8, 3}));
  CHECK(run.setInputShape("x", MakeDims({2, 6})));
  CHECK(FromDims(run.getTensorShape("y")) == std::vector<int64_t>({4, 3}));
}

TEST(ZeroSizedBatches) {
  const CurrentContext current;
  TestLogger logger;
  const std::string model = ModelMaker()
                                .Input("x", onnx::kFloat, {-1, 6})
                                .Node("Relu", {"x"}, {"y"})
                                .Output("y", onnx::kFloat, {-1, 6})
                                .Make();
  const auto engine =
      LoadEngine(logger, BuildPlan(logger, model, {{{{{"x", {{0, 6}, {2, 6}, {8, 6}}}}, {}}}}));
  REQUIRE(engine);
  const std::unique_ptr<IExecutionContext> context(engine->impl()->createExecutionContext(kStatic));
  const DeviceArray<float> some(1);
  const TestStream stream;
  CHECK(context->impl()->setInputShape("x", MakeDims({0, 6})));
  CHECK(FromDims(context->impl()->getTensorShape("y")) == std::vector<int64_t>({0, 6}));
  context->impl()->setTensorAddress("x", some.pointer());
  context->impl()->setTensorAddress("y", some.pointer());
  CHECK(context->impl()->enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ("", logger.Errors());
}

TEST(HeavyWeightsAreLeftOutOfInferenceOnly) {
  const CurrentContext current;
  TestLogger logger;
  const std::string model = ModelMaker()
                                .Input("x", onnx::kFloat, {-1, 64})
                                .Floats("w", {64, 64}, 0.5F)
                                .Node("MatMul", {"x", "w"}, {"y"})
                                .Output("y", onnx::kFloat, {-1, -1})
                                .Make();
  const auto engine =
      LoadEngine(logger, BuildPlan(logger, model, {{{{{"x", {{1, 64}, {2, 64}, {8, 64}}}}, {}}}}));
  REQUIRE(engine);
  const std::unique_ptr<IExecutionContext> context(engine->impl()->createExecutionContext(kStatic));
  const DeviceArray<float> x(std::vector<float>(64, 1.0F));
  const DeviceArray<float> y(64);
  const TestStream stream;
  context->impl()->setInputShape("x", MakeDims({1, 64}));
  CHECK(FromDims(context->impl()->getTensorShape("y")) == std::vector<int64_t>({1, 64}));
  context->impl()->setTensorAddress("x", x.pointer());
  context->impl()->setTensorAddress("y", y.pointer());
  CHECK(context->impl()->enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK_EQ(32.0F, y.Get()[63]);
}

TEST(OneEngineOnManyThreads) {
  const CurrentContext current;
  CUcontext context = nullptr;
  cuCtxGetCurrent(&context);
  TestLogger logger;
  const auto engine = LoadEngine(logger, BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), kMlp));
  REQUIRE(engine);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      cuCtxSetCurrent(context);
      const std::unique_ptr<IExecutionContext> own(engine->impl()->createExecutionContext(kStatic));
      const TestStream stream;
      const DeviceArray<float> x(Ramp(32 * 64));
      const DeviceArray<float> y(32 * 32);
      VExecutionContext& run = *own->impl();
      run.setTensorAddress("x", x.pointer());
      run.setTensorAddress("y", y.pointer());
      for (int i = 0; i < 25; ++i) {
        CHECK(run.setInputShape("x", MakeDims({1 + (i + t) % 32, 64})));
        CHECK(run.enqueueV3(stream));
        CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
        CHECK(std::fabs(y.Get()[0] - 0.04531991F) < 1e-5F);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_EQ("", logger.Errors());
}

TEST(UnsupportedCallsSaySo) {
  Mlp mlp;
  CHECK(!mlp.run().setCommunicator(nullptr));
  CHECK(
      mlp.logger.HasError("IExecutionContext::setCommunicator: Error Code 10: API Usage Error (The "
                          "trt-node CPU reference runtime does not support this call.)"));
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
