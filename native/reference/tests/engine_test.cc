// Models through parser, builder, runtime and execution context, with the right answers.
#include <cmath>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"

namespace trtnode::reference::test {
namespace {

constexpr auto kStatic = ExecutionContextAllocationStrategy::kSTATIC;

bool Near(float expected, float found, float tolerance = 1e-5F) {
  return std::fabs(expected - found) <= tolerance;
}

const BuildOptions kMlp = {
    {{{{"x", {{1, 64}, {8, 64}, {32, 64}}}}, {}}, {{{"x", {{33, 64}, {64, 64}, {256, 64}}}}, {}}}};

struct Model {
  TestLogger logger;
  std::unique_ptr<ICudaEngine> engine;
  std::unique_ptr<IExecutionContext> context;

  Model(const std::string& fixture, const BuildOptions& options) {
    engine = LoadEngine(logger, BuildPlan(logger, ReadFixture("onnx/" + fixture), options));
    if (engine) context.reset(engine->impl()->createExecutionContext(kStatic));
    if (!context) Fail(__FILE__, __LINE__, fixture + ": " + logger.Errors());
  }
  VExecutionContext& run() { return *context->impl(); }
  VCudaEngine& info() { return *engine->impl(); }
};

class Allocator final : public IOutputAllocator {
 public:
  APILanguage getAPILanguage() const noexcept override { return APILanguage::kCPP; }
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IOutputAllocator", 1, 0}; }
  void* reallocateOutput(char const*, void*, uint64_t, uint64_t) noexcept override {
    return nullptr;
  }
  void* reallocateOutputAsync(char const*, void*, uint64_t size, uint64_t,
                              cudaStream_t) noexcept override {
    ++calls;
    bytes = size;
    if (refuse) return nullptr;
    memory = std::make_unique<DeviceArray<char>>(size);
    return memory->pointer();
  }
  void notifyShape(char const*, Dims64 const& dims) noexcept override { shape = FromDims(dims); }

  bool refuse = false;
  int calls = 0;
  uint64_t bytes = 0;
  std::vector<int64_t> shape;
  std::unique_ptr<DeviceArray<char>> memory;
};

TEST(MlpGivesTheRightNumbersInBothProfiles) {
  const CurrentContext current;
  Model model("mlp.onnx", kMlp);
  REQUIRE(model.context);
  const auto ramp = Ramp(8 * 64);
  std::vector<float> eight;
  for (int i = 0; i < 8; ++i) eight.insert(eight.end(), ramp.begin(), ramp.end());
  const DeviceArray<float> x(eight);
  const DeviceArray<float> y(64 * 32);
  const TestStream stream;
  VExecutionContext& run = model.run();
  CHECK(run.setTensorAddress("x", x.pointer()));
  CHECK(run.setTensorAddress("y", y.pointer()));
  CHECK(FromDims(run.getTensorShape("y")) == std::vector<int64_t>({-1, 32}));
  CHECK(run.setInputShape("x", MakeDims({8, 64})));
  CHECK(FromDims(run.getTensorShape("y")) == std::vector<int64_t>({8, 32}));
  CHECK(FromDims(run.getTensorStrides("y")) == std::vector<int64_t>({32, 1}));
  CHECK_EQ(int64_t{8 * 32 * 4}, run.getMaxOutputSize("y"));
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  auto found = y.Get();
  CHECK(Near(0.04531991F, found[0]) && Near(0.02752637F, found[1]) && Near(0.02843700F, found[2]) &&
        Near(0.02752637F, found[3]));
  CHECK(run.setOptimizationProfileAsync(1, stream));
  CHECK(!run.allInputDimensionsSpecified());
  CHECK(run.setInputShape("x", MakeDims({64, 64})));
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  found = y.Get();
  const size_t last = 63 * 32;
  CHECK(Near(0.03000027F, found[last]) && Near(0.03833454F, found[last + 1]) &&
        Near(0.03029057F, found[last + 2]) && Near(0.03396379F, found[last + 3]));
  CHECK_EQ("", model.logger.Errors());
}

TEST(EngineTellsAboutItself) {
  const CurrentContext current;
  Model model("mlp.onnx", kMlp);
  REQUIRE(model.engine);
  VCudaEngine& info = model.info();
  CHECK_EQ(2, info.getNbIOTensors());
  CHECK_EQ(std::string("y"), std::string(info.getIOTensorName(1)));
  CHECK(info.getIOTensorName(2) == nullptr);
  CHECK(info.getTensorIOMode("x") == TensorIOMode::kINPUT);
  CHECK(info.getTensorIOMode("nobody") == TensorIOMode::kNONE);
  CHECK(info.getTensorDataType("x") == DataType::kFLOAT);
  CHECK(info.getTensorLocation("x") == TensorLocation::kDEVICE);
  CHECK(FromDims(info.getTensorShape("x")) == std::vector<int64_t>({-1, 64}));
  CHECK_EQ(-1000, FromDims(info.getTensorShape("nobody"))[0]);
  CHECK(model.logger.HasError("Given invalid tensor name: nobody"));
  CHECK_EQ(std::string("Row major linear FP32 format (kLINEAR)"),
           std::string(info.getTensorFormatDesc("x")));
  CHECK(info.getTensorFormat("x") == TensorFormat::kLINEAR);
  CHECK_EQ(-1, info.getTensorBytesPerComponent("x"));
  CHECK_EQ(-1, info.getTensorVectorizedDimV2("x", 1));
  CHECK_EQ(2, info.getNbOptimizationProfiles());
  CHECK(FromDims(info.getProfileShape("x", 1, OptProfileSelector::kMAX)) ==
        std::vector<int64_t>({256, 64}));
  CHECK_EQ(-1000, FromDims(info.getProfileShape("x", 2, OptProfileSelector::kMAX))[0]);
  CHECK_EQ(-1000, FromDims(info.getProfileShape("y", 0, OptProfileSelector::kMAX))[0]);
  CHECK(!info.isShapeInferenceIO("x"));
  CHECK(!info.isRefittable());
  CHECK(info.getDeviceMemorySizeV2() > 0);
  CHECK(info.getDeviceMemorySizeForProfileV2(0) <= info.getDeviceMemorySizeV2());
  CHECK_EQ(std::string("Unnamed Network 0"), std::string(info.getName()));
  CHECK_EQ(0, info.getNbLayers() % 2);
  const std::unique_ptr<IHostMemory> plan(info.serialize());
  TestLogger logger;
  CHECK(LoadEngine(logger, {static_cast<char*>(plan->impl()->data()), plan->impl()->size()}) !=
        nullptr);
  const std::unique_ptr<ISerializationConfig> config(info.createSerializationConfig());
  CHECK(config->impl()->setFlag(SerializationFlag::kEXCLUDE_WEIGHTS));
  CHECK(info.serializeWithConfig(*config) == nullptr);
}

TEST(InspectorWritesTextAndJson) {
  const CurrentContext current;
  Model model("mlp.onnx", kMlp);
  REQUIRE(model.engine);
  const std::unique_ptr<IEngineInspector> inspector(model.info().createEngineInspector());
  const std::string json = inspector->impl()->getEngineInformation(LayerInformationFormat::kJSON);
  CHECK(json.starts_with("{\"Layers\": [{\"Name\": "));
  CHECK(json.ends_with("\"Bindings\": [\"x\", \"y\"]}"));
  CHECK(json.find("[profile 1]") != std::string::npos);
  CHECK(json.find("\"Dimensions\": [-1,64], \"Format/Datatype\": \"Float\"") != std::string::npos);
  const std::string text =
      inspector->impl()->getEngineInformation(LayerInformationFormat::kONELINE);
  CHECK(text.find("Bindings:\nx\ny\n") != std::string::npos);
  CHECK(inspector->impl()->getLayerInformation(0, LayerInformationFormat::kJSON) != nullptr);
  CHECK(inspector->impl()->getLayerInformation(-1, LayerInformationFormat::kJSON) == nullptr);
  CHECK(inspector->impl()->getLayerInformation(99, LayerInformationFormat::kONELINE) == nullptr);
  model.run().setInputShape("x", MakeDims({8, 64}));
  CHECK(inspector->impl()->setExecutionContext(model.context.get()));
  const std::string shaped = inspector->impl()->getEngineInformation(LayerInformationFormat::kJSON);
  CHECK(shaped.find("\"Dimensions\": [8,64]") != std::string::npos);
  BuildOptions names = kMlp;
  names.verbosity = ProfilingVerbosity::kLAYER_NAMES_ONLY;
  Model quiet("mlp.onnx", names);
  const std::unique_ptr<IEngineInspector> other(quiet.info().createEngineInspector());
  CHECK(std::string(other->impl()->getEngineInformation(LayerInformationFormat::kJSON))
            .starts_with("{\"Layers\": [\""));
}

TEST(EveryDataType) {
  const CurrentContext current;
  const Range range{{1, 4}, {2, 4}, {8, 4}};
  const BuildOptions options{{{{{"f32", range},
                                {"f16", range},
                                {"i32", range},
                                {"i64", range},
                                {"b", range},
                                {"u8", range},
                                {"bf16", range}},
                               {}}}};
  Model model("dtypes.onnx", options);
  REQUIRE(model.context);
  VExecutionContext& run = model.run();
  const DeviceArray<float> f32(std::vector<float>{1.5F, -2, 0, 3});
  const DeviceArray<uint16_t> f16(
      std::vector<uint16_t>{0x3C00, 0xC000, 0, 0x3800});  // 1, -2, 0, 0.5
  const DeviceArray<int32_t> i32(std::vector<int32_t>{1, -2, 3, 1 << 20});
  const DeviceArray<int64_t> i64(std::vector<int64_t>{int64_t{1} << 39, 1, -1, 0});
  const DeviceArray<uint8_t> b(std::vector<uint8_t>{1, 0, 1, 0});
  const DeviceArray<uint8_t> u8(std::vector<uint8_t>{0, 1, 128, 255});
  const DeviceArray<uint16_t> bf16(
      std::vector<uint16_t>{0x3F80, 0xC000, 0x4049, 0});  // 1, -2, 3.140625, 0
  const DeviceArray<float> o_f32(4);
  const DeviceArray<uint16_t> o_f16(4);
  const DeviceArray<int32_t> o_i32(4);
  const DeviceArray<int64_t> o_i64(4);
  const DeviceArray<uint8_t> o_b(4);
  const DeviceArray<float> o_u8f(4);
  const DeviceArray<float> o_bf16f(4);
  const std::map<std::string, void*> addresses = {
      {"f32", f32.pointer()},     {"f16", f16.pointer()},
      {"i32", i32.pointer()},     {"i64", i64.pointer()},
      {"b", b.pointer()},         {"u8", u8.pointer()},
      {"bf16", bf16.pointer()},   {"o_f32", o_f32.pointer()},
      {"o_f16", o_f16.pointer()}, {"o_i32", o_i32.pointer()},
      {"o_i64", o_i64.pointer()}, {"o_b", o_b.pointer()},
      {"o_u8f", o_u8f.pointer()}, {"o_bf16f", o_bf16f.pointer()}};
  for (const auto& [name, address] : addresses) {
    CHECK(run.setTensorAddress(name.c_str(), address));
    if (model.info().getTensorIOMode(name.c_str()) == TensorIOMode::kINPUT)
      CHECK(run.setInputShape(name.c_str(), MakeDims({1, 4})));
  }
  CHECK(model.info().getTensorDataType("bf16") == DataType::kBF16);
  CHECK(model.info().getTensorDataType("o_i64") == DataType::kINT64);
  const TestStream stream;
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK(o_f32.Get() == std::vector<float>({3, -4, 0, 6}));
  CHECK(o_f16.Get() == std::vector<uint16_t>({0x4000, 0xC400, 0, 0x3C00}));
  CHECK(o_i32.Get() == std::vector<int32_t>({2, -4, 6, 1 << 21}));
  CHECK(o_i64.Get() == std::vector<int64_t>({int64_t{1} << 40, 2, -2, 0}));
  CHECK(o_b.Get() == std::vector<uint8_t>({0, 1, 0, 1}));
  CHECK(o_u8f.Get() == std::vector<float>({0, 1, 128, 255}));
  CHECK(o_bf16f.Get() == std::vector<float>({1, -2, 3.140625F, 0}));
  CHECK_EQ("", model.logger.Errors());
}

TEST(DataDependentOutputs) {
  const CurrentContext current;
  Model model("nonzero.onnx", {{{{{"x", {{1, 8}, {2, 8}, {8, 8}}}}, {}}}});
  REQUIRE(model.context);
  VExecutionContext& run = model.run();
  const DeviceArray<float> x(std::vector<float>{0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(FromDims(model.info().getTensorShape("y")) == std::vector<int64_t>({2, -1}));
  run.setInputShape("x", MakeDims({2, 8}));
  run.setTensorAddress("x", x.pointer());
  CHECK(FromDims(run.getTensorShape("y")) == std::vector<int64_t>({2, -1}));
  CHECK_EQ(int64_t{2 * 16 * 8}, run.getMaxOutputSize("y"));
  const TestStream stream;
  CHECK(!run.enqueueV3(stream));
  CHECK(model.logger.HasError("Neither address or allocator is set for output tensor y"));
  Allocator allocator;
  CHECK(run.setOutputAllocator("y", &allocator));
  CHECK(run.getOutputAllocator("y") == &allocator);
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK(allocator.shape == std::vector<int64_t>({2, 3}));
  CHECK_EQ(uint64_t{48}, allocator.bytes);
  const auto bytes = allocator.memory->Get();
  const auto* values = reinterpret_cast<const int64_t*>(bytes.data());
  CHECK(std::vector<int64_t>(values, values + 6) == std::vector<int64_t>({0, 0, 0, 1, 3, 7}));
  cuMemsetD8_v2(x.address(), 0, 64);
  CHECK(run.enqueueV3(stream));
  CHECK(allocator.shape == std::vector<int64_t>({2, 0}));
  allocator.refuse = true;
  CHECK(!run.enqueueV3(stream));
  CHECK(model.logger.HasError("Output allocator returned null for output tensor y"));
  // Without an allocator an address will do, if the memory is large enough.
  CHECK(run.setOutputAllocator("y", nullptr));
  const DeviceArray<int64_t> y(32);
  run.setTensorAddress("y", y.pointer());
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
}

TEST(AllocatorsOfOrdinaryOutputs) {
  const CurrentContext current;
  Model model("mlp.onnx", kMlp);
  REQUIRE(model.context);
  VExecutionContext& run = model.run();
  const DeviceArray<float> x(Ramp(8 * 64));
  Allocator allocator;
  run.setInputShape("x", MakeDims({8, 64}));
  run.setTensorAddress("x", x.pointer());
  run.setOutputAllocator("y", &allocator);
  const TestStream stream;
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(1, allocator.calls);
  CHECK_EQ(uint64_t{8 * 32 * 4}, allocator.bytes);
  CHECK(allocator.shape == std::vector<int64_t>({8, 32}));
  CHECK(run.getOutputTensorAddress("y") == allocator.memory->pointer());
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  const auto bytes = allocator.memory->Get();
  CHECK(Near(0.04531991F, reinterpret_cast<const float*>(bytes.data())[0]));
}

TEST(ShapeTensorsAsInputs) {
  const CurrentContext current;
  const BuildOptions options{
      {{{{"x", {{1, 1}, {4, 6}, {8, 8}}}}, {{"shape", {{1, 1}, {3, 8}, {64, 64}}}}}}};
  Model model("reshape_by_input.onnx", options);
  REQUIRE(model.context);
  VExecutionContext& run = model.run();
  CHECK(model.info().isShapeInferenceIO("shape"));
  CHECK(model.info().getTensorLocation("shape") == TensorLocation::kHOST);
  const int32_t* values = model.info().getProfileTensorValues("shape", 0, OptProfileSelector::kOPT);
  CHECK(values != nullptr && values[0] == 3 && values[1] == 8);
  const DeviceArray<float> x(Ramp(24));
  const DeviceArray<float> y(24);
  run.setInputShape("x", MakeDims({4, 6}));
  run.setTensorAddress("x", x.pointer());
  run.setTensorAddress("y", y.pointer());
  CHECK(FromDims(run.getTensorShape("y")) == std::vector<int64_t>({-1, -1}));
  CHECK(!run.allInputShapesSpecified());
  const char* missing[2] = {};
  CHECK_EQ(1, run.inferShapes(2, missing));
  CHECK_EQ(std::string("shape"), std::string(missing[0]));
  int64_t shape[2] = {2, 12};
  CHECK(run.setTensorAddress("shape", shape));
  CHECK_EQ(0, run.inferShapes(2, missing));
  CHECK(FromDims(run.getTensorShape("y")) == std::vector<int64_t>({2, 12}));
  const TestStream stream;
  CHECK(run.enqueueV3(stream));
  shape[0] = 1000;  // read when it was enqueued
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK(y.Get() == Ramp(24));
  CHECK_EQ(-1, run.inferShapes(0, nullptr));
  CHECK(model.logger.HasError(
      "Value 1000 of shape tensor shape at index 0 is outside the range [1, 64]"));
  CHECK(!run.enqueueV3(stream));
  model.logger.Clear();
  shape[0] = 5;  // 5 * 12 is not 24
  CHECK(!run.enqueueV3(stream));
  CHECK(model.logger.HasError("IExecutionContext::enqueueV3: Error Code 9: Internal Error ("));
}

TEST(ScalarsAndSeveralInputs) {
  const CurrentContext current;
  Model scalar("scalar.onnx", {{{{{"x", {{1, 4}, {2, 4}, {8, 4}}}}, {}}}});
  REQUIRE(scalar.context);
  const DeviceArray<float> x(std::vector<float>{1, 2, 3, 4});
  const DeviceArray<float> y(1);
  scalar.run().setInputShape("x", MakeDims({1, 4}));
  scalar.run().setTensorAddress("x", x.pointer());
  scalar.run().setTensorAddress("y", y.pointer());
  CHECK_EQ(0, scalar.run().getTensorShape("y").nbDims);
  CHECK_EQ(int64_t{4}, scalar.run().getMaxOutputSize("y"));
  void* bindings[2] = {x.pointer(), y.pointer()};
  CHECK(scalar.run().executeV2(bindings));
  CHECK_EQ(10.0F, y.Get()[0]);
  const Range three{{1, 3}, {2, 3}, {4, 3}};
  Model two("two_inputs.onnx", {{{{{"a", three}, {"b", three}}, {}}}});
  REQUIRE(two.context);
  const DeviceArray<float> a(std::vector<float>{1, 2, 3});
  const DeviceArray<float> b(std::vector<float>{4, 5, 6, 7, 8, 9});
  const DeviceArray<float> c(9);
  const DeviceArray<float> z(3);
  VExecutionContext& run = two.run();
  run.setInputShape("a", MakeDims({1, 3}));
  const char* missing[4] = {};
  CHECK_EQ(3, run.inferShapes(0, nullptr) + 2);
  CHECK_EQ(1, run.inferShapes(4, missing));
  CHECK_EQ(std::string("b"), std::string(missing[0]));
  run.setInputShape("b", MakeDims({2, 3}));
  CHECK(FromDims(run.getTensorShape("c")) == std::vector<int64_t>({3, 3}));
  const std::map<const char*, void*> addresses = {
      {"a", a.pointer()}, {"b", b.pointer()}, {"c", c.pointer()}, {"z", z.pointer()}};
  for (const auto& [name, address] : addresses) run.setTensorAddress(name, address);
  const TestStream stream;
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK(c.Get() == std::vector<float>({1, 2, 3, 4, 5, 6, 7, 8, 9}));
  CHECK(z.Get() == std::vector<float>({0, 0, 0}));
}

TEST(SlowModel) {
  const CurrentContext current;
  Model model("slow.onnx", {{{{{"x", {{64, 64}, {64, 64}, {8192, 8192}}}}, {}}}});
  REQUIRE(model.context);
  std::vector<float> half(64 * 64);
  for (size_t i = 0; i < 64; ++i) half[i * 65] = 0.5F;
  const DeviceArray<float> x(half);
  const DeviceArray<float> y(64 * 64);
  model.run().setInputShape("x", MakeDims({64, 64}));
  model.run().setTensorAddress("x", x.pointer());
  model.run().setTensorAddress("y", y.pointer());
  const TestStream stream;
  CHECK(model.run().enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  CHECK(Near(0.00011879F, y.Get()[0], 1e-7F) && Near(0.00011879F, y.Get()[65], 1e-7F));
}

// The OCR system's lane detector: rows of its output against TensorRT's FP32 answer.
TEST(LaneModel) {
  const CurrentContext current;
  Model model("lane.onnx",
              {{{{{"input", {{1, 3, 360, 640}, {1, 3, 360, 640}, {8, 3, 360, 640}}}}, {}}}});
  REQUIRE(model.context);
  std::vector<float> image(3 * 360 * 640);
  for (size_t i = 0; i < image.size(); ++i)
    image[i] = static_cast<float>(i * 7919 % 1000) / 1000.0F;
  const DeviceArray<float> x(image);
  VExecutionContext& run = model.run();
  const std::string output = model.info().getIOTensorName(1);
  run.setInputShape("input", MakeDims({1, 3, 360, 640}));
  CHECK(FromDims(run.getTensorShape(output.c_str())) == std::vector<int64_t>({1, 2784, 77}));
  const DeviceArray<float> y(2784 * 77);
  run.setTensorAddress("input", x.pointer());
  run.setTensorAddress(output.c_str(), y.pointer());
  const TestStream stream;
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  const std::string bytes = ReadFixture("plans/lane.expected_first8.f32");
  const auto* expected = reinterpret_cast<const float*>(bytes.data());
  const auto found = y.Get();
  float worst = 0;
  for (size_t i = 0; i < bytes.size() / sizeof(float); ++i)
    worst = std::max(worst, std::fabs(expected[i] - found[i]));
  CHECK(bytes.size() == 8 * 77 * 4 && worst < 6e-5F);
}

TEST(PlansOfTensorRtAreRefused) {
  const CurrentContext current;
  TestLogger logger;
  CHECK(LoadEngine(logger, ReadFixture("plans/mlp.plan")) == nullptr);
  CHECK(logger.HasError("This is a plan of TensorRT for a GPU"));
}

class Reader final : public IStreamReader {
 public:
  explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}
  APILanguage getAPILanguage() const noexcept override { return APILanguage::kCPP; }
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IStreamReader", 1, 0}; }
  int64_t read(void* to, int64_t size) noexcept override {
    const size_t count =
        std::min(static_cast<size_t>(size),
                 std::min<size_t>(1000, bytes_.size() - position_));  // in small pieces
    std::memcpy(to, bytes_.data() + position_, count);
    position_ += count;
    return static_cast<int64_t>(count);
  }

 private:
  std::string bytes_;
  size_t position_ = 0;
};

TEST(PlansComeThroughStreamReaders) {
  const CurrentContext current;
  TestLogger logger;
  const std::string plan = BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), kMlp);
  const std::unique_ptr<IRuntime> runtime(
      static_cast<IRuntime*>(createInferRuntime_INTERNAL(&logger, 100600)));
  Reader whole(plan);
  const std::unique_ptr<ICudaEngine> engine(runtime->impl()->deserializeCudaEngine(whole));
  CHECK(engine != nullptr);
  Reader half(plan.substr(0, plan.size() / 2));
  CHECK(runtime->impl()->deserializeCudaEngine(half) == nullptr);
  CHECK(logger.HasError("truncated"));
  Reader nothing("");
  CHECK(runtime->impl()->deserializeCudaEngine(nothing) == nullptr);
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
