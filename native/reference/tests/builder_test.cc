// Parser and builder: what they tell about a network, and what they refuse.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"
#include "reference/tests/model_maker.h"

namespace trtnode::reference::test {
namespace {

const Range kRange{{1, 64}, {8, 64}, {32, 64}};

// A builder with a network and a parser on it.
struct Bench {
  CurrentContext current;
  TestLogger logger;
  std::unique_ptr<IBuilder> builder{
      static_cast<IBuilder*>(createInferBuilder_INTERNAL(&logger, 100600))};
  std::unique_ptr<INetworkDefinition> network{builder->impl()->createNetworkV2(2)};
  std::unique_ptr<IParser> parser{
      static_cast<IParser*>(createNvOnnxParser_INTERNAL(network.get(), &logger, 100))};
  std::unique_ptr<IBuilderConfig> config{builder->impl()->createBuilderConfig()};

  bool Parse(const std::string& model) {
    return parser->parse(model.data(), model.size(), nullptr);
  }
};

std::string BuildErrors(const std::string& fixture, const BuildOptions& options) {
  const CurrentContext current;
  TestLogger logger;
  CHECK_EQ("", BuildPlan(logger, ReadFixture("onnx/" + fixture), options));
  return logger.Errors();
}

bool Contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  Fail(__FILE__, __LINE__, "'" + part + "' is not in '" + text + "'");
  return false;
}

TEST(NetworksTellAboutThemselves) {
  Bench bench;
  CHECK(bench.Parse(ReadFixture("onnx/reshape_by_input.onnx")));
  VNetworkDefinition& network = *bench.network->impl();
  CHECK_EQ(2, network.getNbInputs());
  CHECK_EQ(1, network.getNbOutputs());
  CHECK_EQ(1, network.getNbLayers());
  const VTensor& x = *network.getInput(0)->impl();
  CHECK_EQ(std::string("x"), std::string(x.getName()));
  CHECK(FromDims(x.getDimensions()) == std::vector<int64_t>({-1, -1}));
  CHECK_EQ(std::string("a"), std::string(x.getDimensionName(0)));
  CHECK(x.getType() == DataType::kFLOAT && x.isNetworkInput() && !x.isNetworkOutput() &&
        !x.isShapeTensor());
  CHECK(network.getInput(1)->impl()->isShapeTensor());
  CHECK(network.getInput(2) == nullptr);
  const VLayer& layer = *network.getLayer(0)->impl();
  CHECK_EQ(std::string("node_of_y"), std::string(layer.getName()));
  CHECK(layer.getType() == LayerType::kSHUFFLE);
  CHECK(layer.getInput(0) == network.getInput(0));
  CHECK(layer.getOutput(0) == network.getOutput(0));
  CHECK(bench.parser->getLayerOutputTensor("node_of_y", 0) == network.getOutput(0));
  CHECK(network.getFlag(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED));
  CHECK(&network.getBuilder() == bench.builder.get());
  CHECK(network.addInput("z", DataType::kFLOAT, MakeDims({1})) == nullptr);
  CHECK(bench.logger.HasError("INetworkDefinition::addInput: Error Code 10"));
}

TEST(ParserErrorsNameTheNode) {
  Bench bench;
  const std::string model = ModelMaker()
                                .Input("x", onnx::kFloat, {1, 4})
                                .Node("Relu", {"x"}, {"h"}, "first")
                                .Node("Frobnicate", {"h"}, {"y"}, "second")
                                .Output("y", onnx::kFloat, {1, 4})
                                .Make();
  CHECK(!bench.Parse(model));
  REQUIRE(bench.parser->getNbErrors() == 1);
  const IParserError& error = *bench.parser->getError(0);
  CHECK(error.code() == ParserErrorCode::kUNSUPPORTED_NODE);
  CHECK_EQ(1, error.node());
  CHECK_EQ(std::string("second"), std::string(error.nodeName()));
  CHECK_EQ(std::string("Frobnicate"), std::string(error.nodeOperator()));
  CHECK(Contains(error.desc(), "Frobnicate"));
  CHECK(bench.logger.HasError(
      "In node 1 with name: second and operator: Frobnicate: UNSUPPORTED_NODE"));
  CHECK(bench.parser->getError(1) == nullptr);
  bench.parser->clearErrors();
  CHECK_EQ(0, bench.parser->getNbErrors());
  CHECK(!bench.parser->supportsModelV2(model.data(), model.size(), nullptr));
  CHECK_EQ(int64_t{1}, bench.parser->getNbSubgraphs());
  CHECK(!bench.parser->isSubgraphSupported(0));
  int64_t length = 0;
  CHECK(bench.parser->getSubgraphNodes(0, length) != nullptr && length == 2);
  CHECK(bench.parser->supportsOperator("Conv"));
  CHECK(!bench.parser->supportsOperator("Frobnicate"));
}

TEST(ParserRefusesWhatIsNoModel) {
  Bench bench;
  CHECK(!bench.Parse("this is no model"));
  CHECK(!bench.Parse(""));
  CHECK(!bench.Parse(ReadFixture("onnx/mlp.onnx").substr(0, 1000)));
  CHECK_EQ(3, bench.parser->getNbErrors());
  CHECK(bench.parser->getError(2)->code() == ParserErrorCode::kMODEL_DESERIALIZE_FAILED);
  CHECK(!bench.parser->parseFromFile("/no/such/model.onnx", 0));
  CHECK(Contains(bench.parser->getError(3)->desc(), "/no/such/model.onnx"));
  for (const int32_t type : {onnx::kDouble, onnx::kString, onnx::kUint16}) {
    const std::string model = ModelMaker()
                                  .Input("x", type, {4})
                                  .Node("Identity", {"x"}, {"y"})
                                  .Output("y", type, {4})
                                  .Make();
    CHECK(!bench.Parse(model));
  }
  CHECK(bench.logger.HasError("Unsupported ONNX data type: DOUBLE (11)"));
  const std::string mismatch = ModelMaker()
                                   .Input("a", onnx::kFloat, {2, 3})
                                   .Input("b", onnx::kFloat, {4, 5})
                                   .Node("MatMul", {"a", "b"}, {"y"}, "product")
                                   .Output("y", onnx::kFloat, {-1, -1})
                                   .Make();
  CHECK(!bench.Parse(mismatch));
  const IParserError& error = *bench.parser->getError(bench.parser->getNbErrors() - 1);
  CHECK_EQ(std::string("product"), std::string(error.nodeName()));
  CHECK(error.code() == ParserErrorCode::kINVALID_NODE);
  trtNodeReferenceSetFaults("parse@1");
  CHECK(!bench.Parse(ReadFixture("onnx/mlp.onnx")));
  CHECK(bench.Parse(ReadFixture("onnx/mlp.onnx")));
  trtNodeReferenceSetFaults(nullptr);
  CHECK(!bench.Parse(ReadFixture("onnx/mlp.onnx")));  // the network is full
}

TEST(ExternalDataIsTakenAlong) {
  namespace fs = std::filesystem;
  const fs::path folder =
      fs::temp_directory_path() / ("trtnode-reference-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const std::vector<float> weights(16, 2.0F);
  std::ofstream(folder / "weights.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(weights.data()), 64);
  const auto write_model = [&](const std::string& location) {
    const std::string model = ModelMaker()
                                  .Input("x", onnx::kFloat, {1, 4})
                                  .External("w", {4, 4}, location)
                                  .Node("MatMul", {"x", "w"}, {"y"})
                                  .Output("y", onnx::kFloat, {1, 4})
                                  .Make();
    std::ofstream(folder / "model.onnx", std::ios::binary)
        .write(model.data(), static_cast<std::streamsize>(model.size()));
    return model;
  };
  Bench bench;
  const std::string model = write_model("weights.bin");
  CHECK(!bench.Parse(model));  // nobody knows where it lies
  CHECK(bench.parser->parseFromFile((folder / "model.onnx").c_str(), 0));
  const std::unique_ptr<IHostMemory> plan(
      bench.builder->impl()->buildSerializedNetwork(*bench.network, *bench.config));
  REQUIRE(plan);
  fs::remove(folder / "weights.bin");
  const auto engine =
      LoadEngine(bench.logger, {static_cast<char*>(plan->impl()->data()), plan->impl()->size()});
  REQUIRE(engine);
  CHECK_EQ(1, engine->impl()->getNbOptimizationProfiles());
  const std::unique_ptr<IExecutionContext> context(
      engine->impl()->createExecutionContext(ExecutionContextAllocationStrategy::kSTATIC));
  const DeviceArray<float> x(std::vector<float>{1, 1, 1, 1});
  const DeviceArray<float> y(4);
  void* bindings[2] = {x.pointer(), y.pointer()};
  CHECK(context->impl()->executeV2(bindings));
  CHECK(y.Get() == std::vector<float>({8, 8, 8, 8}));
  for (const char* location : {"../weights.bin", "/etc/hostname", "gone.bin"}) {
    Bench other;
    write_model(location);
    CHECK(!other.parser->parseFromFile((folder / "model.onnx").c_str(), 0));
    CHECK(Contains(other.parser->getError(0)->desc(), location));
  }
  fs::remove_all(folder);
}

TEST(ProfilesAreChecked) {
  CHECK(Contains(BuildErrors("mlp.onnx", {}),
                 "IBuilder::buildSerializedNetwork: Error Code 4: API Usage Error (Network has "
                 "dynamic or shape inputs, but no optimization profile has been defined.)"));
  CHECK(Contains(BuildErrors("mlp.onnx", {{{{{"x", {{8, 64}, {4, 64}, {32, 64}}}}, {}}}}),
                 "dimensions are not kMIN <= kOPT <= kMAX"));
  CHECK(Contains(BuildErrors("mlp.onnx", {{{{{"other", kRange}}, {}}}}),
                 "x: dynamic input is missing dimensions in profile 0."));
  CHECK(Contains(BuildErrors("mlp.onnx", {{{{{"x", {{1, 8}, {1, 8}, {1, 8}}}}, {}}}}),
                 "for dimension number 1 in profile 0 does not match network definition (got "
                 "min=8, opt=8, max=8), expected min=opt=max=64)."));
  CHECK(Contains(BuildErrors("mlp.onnx", {{{{{"x", {{1}, {1}, {1}}}}, {}}}}),
                 "number of dimensions in profile 0"));
  CHECK(Contains(BuildErrors("two_inputs.onnx", {{{{{"a", {{1, 3}, {1, 3}, {1, 3}}}}, {}}}}),
                 "b: dynamic input is missing dimensions"));
  const Range square{{1, 1}, {4, 6}, {8, 8}};
  CHECK(Contains(BuildErrors("reshape_by_input.onnx", {{{{{"x", square}}, {}}}}),
                 "shape: shape input is missing values in profile 0."));
  CHECK(Contains(
      BuildErrors("reshape_by_input.onnx", {{{{{"x", square}}, {{"shape", {{1}, {1}, {1}}}}}}}),
      "number of shape values"));
  Bench bench;
  IOptimizationProfile* profile = bench.builder->impl()->createOptimizationProfile();
  VOptimizationProfile& p = *profile->impl();
  CHECK(!p.setDimensions("x", OptProfileSelector::kMIN, MakeDims({-1, 64})));
  CHECK(p.setDimensions("x", OptProfileSelector::kMIN, MakeDims({1, 64})));
  CHECK(!p.setDimensions("x", OptProfileSelector::kMAX, MakeDims({1})));
  CHECK(!p.setDimensions(nullptr, OptProfileSelector::kMAX, MakeDims({1})));
  CHECK(!p.setDimensions("x", static_cast<OptProfileSelector>(3), MakeDims({1, 64})));
  CHECK(!p.isValid());
  CHECK_EQ(-1, bench.config->impl()->addOptimizationProfile(profile));
  CHECK_EQ(-1, p.getNbShapeValues("x"));
  const int64_t values[2] = {1, int64_t{1} << 40};
  CHECK(p.setShapeValuesV2("s", OptProfileSelector::kMAX, values, 2));
  CHECK_EQ(2, p.getNbShapeValues("s"));
  CHECK_EQ(int64_t{1} << 40, p.getShapeValuesV2("s", OptProfileSelector::kMAX)[1]);
  CHECK(p.getShapeValues("s", OptProfileSelector::kMIN) == nullptr);
}

class Monitor final : public IProgressMonitor {
 public:
  APILanguage getAPILanguage() const noexcept override { return APILanguage::kCPP; }
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IProgressMonitor", 1, 0}; }
  void phaseStart(char const* name, char const* parent, int32_t steps) noexcept override {
    open.emplace_back(name);
    if (parent == nullptr) CHECK_EQ(1U, open.size());
    CHECK(steps > 0);
    ++phases;
  }
  bool stepComplete(char const*, int32_t) noexcept override { return ++steps_seen != cancel_at; }
  void phaseFinish(char const* name) noexcept override {
    CHECK_EQ(open.back(), std::string(name));
    open.pop_back();
  }
  std::vector<std::string> open;
  int phases = 0;
  int steps_seen = 0;
  int cancel_at = 0;
};

TEST(ProgressIsReportedAndCanBeCancelled) {
  const CurrentContext current;
  TestLogger logger;
  Monitor monitor;
  BuildOptions options{{{{{"x", kRange}}, {}}}};
  options.monitor = &monitor;
  CHECK(!BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), options).empty());
  CHECK(monitor.phases >= 2 && monitor.steps_seen >= 2 && monitor.open.empty());
  for (int cancel_at = 1; cancel_at <= monitor.steps_seen; ++cancel_at) {
    Monitor cancelling;
    cancelling.cancel_at = cancel_at;
    options.monitor = &cancelling;
    CHECK(BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), options).empty());
    CHECK(cancelling.open.empty());
  }
  CHECK(logger.HasError("The build was cancelled by the progress monitor."));
}

TEST(ConfigurationsRemember) {
  Bench bench;
  VBuilderConfig& config = *bench.config->impl();
  CHECK(config.getFlag(BuilderFlag::kTF32));
  config.setFlag(BuilderFlag::kFP16);
  CHECK(config.getFlag(BuilderFlag::kFP16));
  config.clearFlag(BuilderFlag::kFP16);
  CHECK_EQ(64U, config.getFlags());
  config.setMemoryPoolLimit(MemoryPoolType::kWORKSPACE, 1 << 20);
  CHECK_EQ(size_t{1 << 20}, config.getMemoryPoolLimit(MemoryPoolType::kWORKSPACE));
  config.setBuilderOptimizationLevel(5);
  CHECK_EQ(5, config.getBuilderOptimizationLevel());
  bench.config->setAvgTimingIterations(4);
  CHECK_EQ(4, config.getAvgTimingIterations());
  const char* plugins[] = {"a.so", "b.so"};
  config.setPluginsToSerialize(plugins, 2);
  CHECK_EQ(std::string("b.so"), std::string(config.getPluginToSerialize(1)));
  config.reset();
  CHECK_EQ(3, config.getBuilderOptimizationLevel());
  CHECK_EQ(0, config.getNbPluginsToSerialize());
  const std::unique_ptr<ITimingCache> cache(config.createTimingCache(nullptr, 0));
  REQUIRE(cache);
  CHECK(config.setTimingCache(*cache, false));
  const std::unique_ptr<IHostMemory> blob(cache->impl()->serialize());
  const std::unique_ptr<ITimingCache> again(
      config.createTimingCache(blob->impl()->data(), blob->impl()->size()));
  CHECK(again != nullptr && again->impl()->combine(*cache, true));
  CHECK(config.createTimingCache("garbage", 7) == nullptr);
}

TEST(ConfigurationsRefuseWhatTensorRTWould) {
  Bench bench;
  VBuilderConfig& config = *bench.config->impl();
  config.setFlag(BuilderFlag::kSTRIP_PLAN);
  config.setFlag(BuilderFlag::kFP4);  // of a later TensorRT
  CHECK(bench.logger.HasError("IBuilderConfig::setFlag: Error Code 3"));
  CHECK(config.getFlag(BuilderFlag::kSTRIP_PLAN) && !config.getFlag(BuilderFlag::kFP4));
  config.setBuilderOptimizationLevel(6);
  CHECK(bench.logger.HasError("IBuilderConfig::setBuilderOptimizationLevel: Error Code 3"));
  CHECK_EQ(3, config.getBuilderOptimizationLevel());
  bench.config->setAvgTimingIterations(0);
  CHECK(bench.logger.HasError("IBuilderConfig::setAvgTimingIterations: Error Code 3"));
  config.setHardwareCompatibilityLevel(HardwareCompatibilityLevel::kSAME_COMPUTE_CAPABILITY);
  CHECK(bench.logger.HasError("IBuilderConfig::setHardwareCompatibilityLevel: Error Code 3"));
  CHECK(config.getHardwareCompatibilityLevel() == HardwareCompatibilityLevel::kNONE);
}

TEST(FlagsAreRecordedWithAWarning) {
  const CurrentContext current;
  TestLogger logger;
  BuildOptions options{{{{{"x", kRange}}, {}}}};
  options.flags = 1U << static_cast<unsigned>(BuilderFlag::kFP16);
  CHECK(!BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), options).empty());
  CHECK(logger.Has(Severity::kWARNING, "records the flag FP16"));
  trtNodeReferenceSetFaults("build");
  CHECK(BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), options).empty());
  trtNodeReferenceSetFaults(nullptr);
}

TEST(InputsCanBeMadeStatic) {
  Bench bench;
  CHECK(bench.Parse(ReadFixture("onnx/mlp.onnx")));
  VTensor& x = *bench.network->impl()->getInput(0)->impl();
  x.setDimensions(MakeDims({4, 65}));
  CHECK(bench.logger.HasError("ITensor::setDimensions"));
  x.setDimensions(MakeDims({4, 64}));
  const std::unique_ptr<ICudaEngine> engine(
      bench.builder->impl()->buildEngineWithConfig(*bench.network, *bench.config));
  REQUIRE(engine);
  CHECK(FromDims(engine->impl()->getTensorShape("x")) == std::vector<int64_t>({4, 64}));
  CHECK(FromDims(engine->impl()->getTensorShape("y")) == std::vector<int64_t>({4, 32}));
}

TEST(NoDeviceNoBuilder) {
  const CurrentContext current;
  TestLogger logger;
  trtNodeReferenceSetFaults("nodevice");
  CHECK(createInferBuilder_INTERNAL(&logger, 100600) == nullptr);
  CHECK(createInferRuntime_INTERNAL(&logger, 100600) == nullptr);
  CHECK(logger.HasError("no CUDA-capable device is detected"));
  trtNodeReferenceSetFaults(nullptr);
  CHECK(createInferRuntime_INTERNAL(nullptr, 100600) == nullptr);
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
