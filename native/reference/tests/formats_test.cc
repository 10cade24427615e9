// Plans and ONNX models as files: round trips, refusals, and thousands of damaged ones.
#include <random>

#include "reference/onnx/shape_flow.h"
#include "reference/onnx/specialize.h"
#include "reference/plan/plan.h"
#include "reference/tests/check.h"
#include "reference/tests/helpers.h"
#include "reference/tests/model_maker.h"

namespace trtnode::reference::test {
namespace {

Plan SamplePlan() {
  Plan plan;
  plan.name = "sample";
  plan.builder_flags = 65;
  plan.profiling_verbosity = 2;
  Profile& profile = plan.profiles.emplace_back();
  ProfileEntry& entry = profile.entries["x"];
  entry.dimensions = {{{1, 64}, {8, 64}, {32, 64}}};
  entry.has_dimensions = {true, true, true};
  plan.model = ReadFixture("onnx/mlp.onnx");
  return plan;
}

std::string Damage(std::string bytes, std::mt19937& random) {
  const auto at = [&] { return static_cast<size_t>(random()) % bytes.size(); };
  switch (random() % 5) {
    case 0:
      bytes.resize(at());
      break;
    case 1: {
      char& byte = bytes[at()];
      byte = static_cast<char>(byte ^ (1 << (random() % 8)));
      break;
    }
    case 2:
      for (int i = 0; i < 8; ++i) bytes[at()] = static_cast<char>(random());
      break;
    case 3:
      bytes.insert(at(), std::string(1 + random() % 9, static_cast<char>(random())));
      break;
    default:
      bytes.erase(at(), 1 + random() % 16);
  }
  return bytes;
}

TEST(PlanRoundTrip) {
  const Plan plan = SamplePlan();
  const std::string bytes = SerializePlan(plan);
  CHECK_EQ(std::string("TRTNREF1"), bytes.substr(0, 8));
  CHECK_EQ(uint64_t{bytes.size()}, AnnouncedSize(bytes));
  Plan back;
  std::string error;
  CHECK(ParsePlan(bytes, &back, &error));
  CHECK_EQ("", error);
  CHECK_EQ(plan.name, back.name);
  CHECK_EQ(plan.builder_flags, back.builder_flags);
  CHECK(back.profiles.size() == 1 &&
        back.profiles[0].entries.at("x").dimensions[2] == std::vector<int64_t>({32, 64}));
  CHECK(back.model == plan.model);
  CHECK(SerializePlan(back) == bytes);
}

TEST(EveryDamageToAPlanIsSeen) {
  const std::string bytes = SerializePlan(SamplePlan());
  std::string error;
  for (size_t bit = 0; bit < 8 * 256; ++bit) {
    std::string flipped = bytes;
    char& byte = flipped[bit / 8 < 128 ? bit / 8 : bytes.size() - 1 - (bit / 8 - 128)];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    Plan plan;
    CHECK(!ParsePlan(flipped, &plan, &error));
  }
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    Plan plan;
    CHECK(!ParsePlan(bytes.substr(0, size), &plan, &error));
  }
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    const std::string damaged = Damage(bytes, random);
    Plan plan;
    if (damaged != bytes) CHECK(!ParsePlan(damaged, &plan, &error));
  }
}

TEST(RefusalsSayWhatItIs) {
  const auto reason = [](const std::string& bytes) {
    Plan plan;
    std::string error;
    CHECK(!ParsePlan(bytes, &plan, &error));
    return error;
  };
  CHECK(reason("").find("empty") != std::string::npos);
  CHECK(reason("ftrt and more").find("plan of TensorRT for a GPU") != std::string::npos);
  CHECK(reason(ReadFixture("plans/mlp.plan")).find("plan of TensorRT for a GPU") !=
        std::string::npos);
  CHECK(reason("PK\x03\x04 no plan at all, but long enough").find("Magic tag") !=
        std::string::npos);
  const std::string bytes = SerializePlan(SamplePlan());
  CHECK(reason(bytes.substr(0, 20)).find("truncated") != std::string::npos);
  CHECK(reason(bytes.substr(0, 2000)).find("truncated") != std::string::npos);
  CHECK(reason(bytes + "x").find("longer") != std::string::npos);
  std::string later = bytes;
  later[8] = 9;
  CHECK(reason(later).find("Version tag does not match") != std::string::npos);
}

TEST(DamagedPlansNeverMakeAnEngine) {
  const CurrentContext current;
  TestLogger logger;
  const std::string bytes = SerializePlan(SamplePlan());
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) {
    const std::string damaged = Damage(bytes, random);
    logger.Clear();
    if (damaged == bytes) continue;
    CHECK(!LoadEngine(logger, damaged));
    CHECK(logger.HasError("IRuntime::deserializeCudaEngine: Error Code 1: Serialization ("));
  }
  // A sound plan around a damaged model: ONNX Runtime has the last word, and it must be a word.
  for (int i = 0; i < 300; ++i) {
    Plan plan = SamplePlan();
    plan.model = Damage(plan.model, random);
    logger.Clear();
    const auto engine = LoadEngine(logger, SerializePlan(plan));
    if (!engine) CHECK(!logger.Errors().empty());
  }
}

TEST(DamagedModelsNeverCrash) {
  std::mt19937 random(3);
  for (const char* name :
       {"onnx/mlp.onnx", "onnx/dtypes.onnx", "onnx/reshape_by_input.onnx", "onnx/slow.onnx"}) {
    const std::string bytes = ReadFixture(name);
    CHECK(!bytes.empty());
    for (int i = 0; i < 3000; ++i) {
      const std::string damaged = Damage(bytes, random);
      std::string error;
      const auto model = onnx::ParseModel(damaged, &error);
      if (!model) {
        CHECK(!error.empty());
        continue;
      }
      onnx::AnalyzeShapes(*model);
      onnx::Specialization how;
      how.drop_weights = true;
      for (const auto& input : model->inputs) how.input_shapes[input.name] = {1, 2};
      onnx::Specialize(damaged, how);
    }
  }
}

TEST(ReadsTheFixtures) {
  std::string error;
  const auto model = onnx::ParseModel(ReadFixture("onnx/reshape_by_input.onnx"), &error);
  REQUIRE(model);
  CHECK_EQ(2U, model->inputs.size());
  CHECK_EQ(std::string("a"), model->inputs[0].dimensions[0].parameter);
  CHECK_EQ(2, model->inputs[1].dimensions[0].value);
  const auto flow = onnx::AnalyzeShapes(*model);
  CHECK(flow.shape_inputs == std::set<std::string>{"shape"});
  CHECK(flow.data_dependent_outputs.empty());
  const auto nonzero = onnx::ParseModel(ReadFixture("onnx/nonzero.onnx"), &error);
  REQUIRE(nonzero);
  CHECK(onnx::AnalyzeShapes(*nonzero).data_dependent_outputs == std::set<std::string>{"y"});
}

TEST(ShapeInputsAreFoundThroughArithmetic) {
  const std::string bytes = ModelMaker()
                                .Input("x", onnx::kFloat, {-1, 4})
                                .Input("n", onnx::kInt32, {})
                                .Input("indices", onnx::kInt64, {-1})
                                .Integers("zero", {0})
                                .Integers("four", {4})
                                .Node("Cast", {"n"}, {"n64"})
                                .With("to", 7)
                                .Node("Unsqueeze", {"n64", "zero"}, {"n1"})
                                .Node("Concat", {"n1", "four"}, {"shape"})
                                .With("axis", 0)
                                .Node("Expand", {"x", "shape"}, {"e"})
                                .Node("Gather", {"e", "indices"}, {"y"})
                                .Output("y", onnx::kFloat, {-1, 4})
                                .Make();
  std::string error;
  const auto model = onnx::ParseModel(bytes, &error);
  REQUIRE(model);
  const auto flow = onnx::AnalyzeShapes(*model);
  CHECK(flow.shape_inputs == std::set<std::string>{"n"});  // indices are data
  CHECK(flow.data_dependent_outputs.empty());
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
