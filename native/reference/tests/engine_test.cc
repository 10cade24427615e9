// Models through parser, builder, runtime and execution context, with the right answers.
#include <cmath>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"

namespace trtnode::reference::test {
namespace {

bool Near(float expected, float found, float tolerance = 1e-5F) { return std::fabs(expected - found) <= tolerance; }

const BuildOptions kMlp = {{{{{"x", {{1, 64}, {8, 64}, {32, 64}}}}, {}}, {{{"x", {{33, 64}, {64, 64}, {256, 64}}}}, {}}}};

TEST(MlpGivesTheRightNumbers) {
  const CurrentContext current;
  TestLogger logger;
  const std::string plan = BuildPlan(logger, ReadFixture("mlp.onnx"), kMlp);
  CHECK_EQ("", logger.Errors());
  const auto engine = LoadEngine(logger, plan);
  REQUIRE(engine);
  const std::unique_ptr<IExecutionContext> context(engine->impl()->createExecutionContext(ExecutionContextAllocationStrategy::kSTATIC));
  REQUIRE(context);
  VExecutionContext& run = *context->impl();
  const DeviceArray<float> x(Ramp(8 * 64));
  const DeviceArray<float> y(8 * 32);
  const TestStream stream;
  CHECK(run.setInputShape("x", MakeDims({8, 64})));
  CHECK(run.setTensorAddress("x", x.pointer()));
  CHECK(run.setTensorAddress("y", y.pointer()));
  CHECK(FromDims(run.getTensorShape("y")) == std::vector<int64_t>({8, 32}));
  CHECK(run.enqueueV3(stream));
  CHECK_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
  const auto found = y.Get();
  CHECK(Near(0.04531991F, found[0]));
  CHECK(Near(0.02752637F, found[1]));
  CHECK(Near(0.02843700F, found[2]));
  CHECK(Near(0.02752637F, found[3]));
  CHECK_EQ("", logger.Errors());
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
