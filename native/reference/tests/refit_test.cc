// Refitting and stripping plans, ONNX models as the source of weights, and the budget of weight streaming.
#include <cmath>

#include "reference/abi/parser.h"
#include "reference/onnx/weights.h"
#include "reference/onnx/wire.h"
#include "reference/tests/check.h"
#include "reference/tests/helpers.h"

namespace trtnode::reference::test {

extern "C" {
void* createInferRefitter_INTERNAL(void*, void*, int32_t);
void* createNvOnnxParserRefitter_INTERNAL(void*, void*, int32_t);
}

namespace {

constexpr BuilderFlags Bit(BuilderFlag flag) { return 1U << static_cast<unsigned>(flag); }

struct Mlp {
  TestLogger logger;
  std::string plan;
  std::unique_ptr<ICudaEngine> engine;
  std::unique_ptr<IRefitter> refitter;

  explicit Mlp(BuilderFlags flags) {
    BuildOptions options{{{{{"x", {{1, 64}, {1, 64}, {8, 64}}}}, {}}}};
    options.flags = flags;
    plan = BuildPlan(logger, ReadFixture("onnx/mlp.onnx"), options);
    engine = LoadEngine(logger, plan);
    if (engine) {
      refitter.reset(
          static_cast<IRefitter*>(createInferRefitter_INTERNAL(engine.get(), &logger, 100600)));
    }
  }

  // The first output of a run on ones; NaN if it cannot be enqueued.
  float Run() {
    const std::unique_ptr<IExecutionContext> context(
        engine->impl()->createExecutionContext(ExecutionContextAllocationStrategy::kSTATIC));
    const DeviceArray<float> x(std::vector<float>(64, 1.0F));
    const DeviceArray<float> y(32);
    const TestStream stream;
    VExecutionContext& run = *context->impl();
    run.setInputShape("x", MakeDims({1, 64}));
    run.setTensorAddress("x", x.pointer());
    run.setTensorAddress("y", y.pointer());
    if (!run.enqueueV3(stream) || cuStreamSynchronize(stream) != CUDA_SUCCESS) return NAN;
    return y.Get()[0];
  }
};

TEST(RefittingChangesTheNumbers) {
  const CurrentContext current;
  Mlp mlp(Bit(BuilderFlag::kREFIT));
  REQUIRE(mlp.engine && mlp.refitter);
  CHECK(mlp.engine->impl()->isRefittable());
  VRefitter& refitter = *mlp.refitter->impl();
  char const* name = nullptr;
  CHECK_EQ(1, refitter.getAllWeights(1, &name));
  CHECK_EQ(std::string("W"), std::string(name));
  CHECK_EQ(0, refitter.getMissingWeights(0, nullptr));
  CHECK_EQ(int64_t{2048}, refitter.getWeightsPrototype("W").count);
  CHECK_EQ(int64_t{-1}, refitter.getWeightsPrototype("V").count);
  const float before = mlp.Run();
  std::vector<float> zeros(2048);
  CHECK(refitter.setNamedWeights("W", {DataType::kFLOAT, zeros.data(), 2048}));
  CHECK_EQ(before, mlp.Run());  // not before it is refitted
  CHECK(refitter.refitCudaEngine());
  CHECK(std::fabs(mlp.Run() - 1.0F / 32) < 1e-6F);
  // What is set is read again, as it is then.
  zeros.assign(2048, 0.0F);
  for (size_t row = 0; row < 64; ++row) zeros[row * 32] = 1.0F;
  CHECK(refitter.refitCudaEngine());
  CHECK(mlp.Run() > 0.9F);
  CHECK(refitter.unsetNamedWeights("W"));
  CHECK(!refitter.unsetNamedWeights("W"));
  CHECK(!refitter.setNamedWeights("V", {DataType::kFLOAT, zeros.data(), 2048}));
  CHECK(!refitter.setNamedWeights("W", {DataType::kHALF, zeros.data(), 2048}));
  CHECK(!refitter.setNamedWeights("W", {DataType::kFLOAT, zeros.data(), 2047}));
  CHECK(mlp.logger.HasError("prototype.count"));
}

TEST(AStrippedPlanNeedsItsWeights) {
  const CurrentContext current;
  Mlp whole(Bit(BuilderFlag::kREFIT));
  const float expected = whole.Run();
  Mlp mlp(Bit(BuilderFlag::kSTRIP_PLAN));
  REQUIRE(mlp.refitter);
  CHECK(mlp.plan.size() * 4 < whole.plan.size());
  CHECK(std::isnan(mlp.Run()));
  CHECK(mlp.logger.HasError("stripped"));
  CHECK_EQ(1, mlp.refitter->impl()->getMissingWeights(0, nullptr));
  CHECK(!mlp.refitter->impl()->refitCudaEngine());
  const std::unique_ptr<IParserRefitter> parser(static_cast<IParserRefitter*>(
      createNvOnnxParserRefitter_INTERNAL(mlp.refitter.get(), &mlp.logger, 100)));
  CHECK(!parser->refitFromFile("/nowhere.onnx"));
  CHECK(!parser->refitFromBytes("garbage", 7, nullptr));
  CHECK_EQ(2, parser->getNbErrors());
  parser->clearErrors();
  const std::string model = ReadFixture("onnx/mlp.onnx");
  CHECK(parser->refitFromBytes(model.data(), model.size(), nullptr));
  CHECK(mlp.refitter->impl()->refitCudaEngine());
  CHECK_EQ(expected, mlp.Run());
  // Whole, and stripped again.
  const std::unique_ptr<IHostMemory> again(mlp.engine->impl()->serialize());
  CHECK(again->impl()->size() * 2 > whole.plan.size());
  const std::unique_ptr<ISerializationConfig> config(
      mlp.engine->impl()->createSerializationConfig());
  config->impl()->setFlag(SerializationFlag::kEXCLUDE_WEIGHTS);
  const std::unique_ptr<IHostMemory> bare(mlp.engine->impl()->serializeWithConfig(*config));
  CHECK_EQ(mlp.plan.size(), bare->impl()->size());
}

TEST(OthersAreNotRefittable) {
  const CurrentContext current;
  Mlp mlp(0);
  REQUIRE(mlp.engine);
  CHECK(!mlp.refitter);
  CHECK(mlp.logger.HasError("e.isRefittable()"));
}

TEST(WeightsOfAllEncodings) {
  // float_data, packed and not, and 16-bit floats in int32_data.
  const auto model = [](const std::string& tensor) {
    onnx::Writer graph;
    graph.Bytes(5, tensor);
    onnx::Writer whole;
    whole.Bytes(7, graph.str());
    return whole.Take();
  };
  const float values[2] = {1.5F, -2.0F};
  const std::string raw(reinterpret_cast<const char*>(values), sizeof(values));
  onnx::Writer packed;
  packed.Varint(1, 2);
  packed.Varint(2, 1);
  packed.Bytes(4, raw);
  packed.Bytes(8, "W");
  CHECK_EQ(raw, onnx::ReadWeight(model(packed.str()), "W").value_or("none"));
  onnx::Writer half;
  half.Varint(1, 2);
  half.Varint(2, 10);
  half.Varint(5, 0x3C00);
  half.Varint(5, 0xC000);
  half.Bytes(8, "W");
  CHECK_EQ(std::string("\x00\x3C\x00\xC0", 4),
           onnx::ReadWeight(model(half.str()), "W").value_or("none"));
  onnx::Writer truncated;
  truncated.Varint(1, 3);
  truncated.Varint(2, 1);
  truncated.Bytes(9, raw);
  truncated.Bytes(8, "W");
  CHECK(!onnx::ReadWeight(model(truncated.str()), "W").has_value());
  const std::string stripped = onnx::StripWeights(model(packed.str()), {"W"});
  CHECK(!onnx::ReadWeight(stripped, "W").has_value());
  CHECK(onnx::ListWeights(stripped).at(0).stripped);
  CHECK_EQ(raw,
           onnx::ReadWeight(onnx::ReplaceWeights(stripped, {{"W", raw}}), "W").value_or("none"));
}

TEST(BudgetsAreForEnginesWithoutContexts) {
  const CurrentContext current;
  Mlp mlp(Bit(BuilderFlag::kREFIT));
  REQUIRE(mlp.engine);
  VCudaEngine& engine = *mlp.engine->impl();
  CHECK_EQ(int64_t{0}, engine.getStreamableWeightsSize());
  CHECK(engine.setWeightStreamingBudgetV2(0));
  CHECK(!engine.setWeightStreamingBudgetV2(-1));
  const std::unique_ptr<IExecutionContext> context(
      engine.createExecutionContext(ExecutionContextAllocationStrategy::kSTATIC));
  CHECK(!engine.setWeightStreamingBudgetV2(0));
  CHECK(mlp.logger.HasError("execution contexts"));
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
