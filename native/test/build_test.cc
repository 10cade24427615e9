// BuildFromOnnx over fake objects, in the layouts of TensorRT 8, 10 and 11: flags, profiles, parser errors, timing cache, cancelling,
// calibration.
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tensorrt/abi/enums.h"
#include "tensorrt/builder.h"
#include "test/check.h"
#include "test/fake_builder.h"

namespace trtnode::tensorrt {
namespace {

namespace fs = std::filesystem;

BuildOptions WithProfile() {
  BuildOptions options;
  ProfileShape x;
  x.min = {1, 64};
  x.opt = {8, 64};
  x.max = {32, 64};
  options.profiles = {{{"x", x}}};
  return options;
}

TEST(APlanIsBuiltAndEverythingFreed) {
  for (const int major : {8, 10, 11}) {
    Fake fake(major);
    BuildOptions options = WithProfile();
    options.engine_name = "mine";
    options.config.memory_pools["kWORKSPACE"] = 1 << 20;
    options.optimization_level = 2;
    options.max_aux_streams = 3;
    options.refit = true;
    options.version_compatible = true;
    options.exclude_lean_runtime = true;
    options.tf32 = false;
    {
      const auto plan = fake.Build(options, "/models/m.onnx");
      REQUIRE_OK(plan);
      CHECK_EQ(plan.value()->bytes().size(), 4U);
    }
    CHECK_EQ(fake.name, "mine");
    CHECK_EQ(fake.model_path, "/models/m.onnx");
    CHECK_EQ(fake.workspace, 1U << 20);
    CHECK_EQ(fake.level, 2);
    CHECK_EQ(fake.aux_streams, 3);
    CHECK((fake.shapes == std::vector<i64>{1, 8, 32}));
    CHECK_EQ(fake.profiles, 1);
    CHECK(fake.HasFlag(e::BuilderFlag_kREFIT));
    CHECK(fake.HasFlag(e::BuilderFlag_kVERSION_COMPATIBLE));
    CHECK(fake.HasFlag(e::BuilderFlag_kEXCLUDE_LEAN_RUNTIME));
    CHECK(!fake.HasFlag(e::BuilderFlag_kTF32));
    CHECK_EQ(fake.flags.size(), 3U);
    // Explicit batch is bit 0 on 8 and 10; on 11 bit 0 says strongly typed.
    CHECK_EQ(fake.network_flags, 1U);
    CHECK_EQ(fake.builder.deletions(), 1);
    CHECK_EQ(fake.network.deletions(), 1);
    CHECK_EQ(fake.config.deletions(), 1);
    CHECK_EQ(fake.parser.deletions(), 1);
    CHECK_EQ(fake.memory.deletions(), 1);
  }
}

TEST(PrecisionIsTheBuildersOn10AndTheModelsOn11) {
  Fake ten(10);
  BuildOptions options = WithProfile();
  options.fp16 = true;
  options.bf16 = true;
  CHECK_OK(ten.Build(options));
  CHECK(ten.HasFlag(e::BuilderFlag_kFP16));
  CHECK(ten.HasFlag(e::BuilderFlag_kBF16));
  options.strongly_typed = true;
  CHECK_FAILS(ten.Build(options), kInvalidArgument);
  options.fp16 = options.bf16 = false;
  CHECK_OK(ten.Build(options));
  CHECK_EQ(ten.network_flags, 3U);

  Fake eleven(11);
  CHECK_OK(eleven.Build(options));
  options.strongly_typed = false;
  options.fp16 = true;
  const Error error = CHECK_FAILS(eleven.Build(options), kUnsupported);
  CHECK_CONTAINS(error.message, "fp16");
  CHECK_CONTAINS(error.hint, "TensorRT 10");
}

TEST(What8CannotBuildIsRefused) {
  Fake fake(8);
  BuildOptions options = WithProfile();
  options.fp16 = true;
  CHECK_OK(fake.Build(options));
  CHECK(fake.HasFlag(e::BuilderFlag_kFP16));
  options.bf16 = true;
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kUnsupported).message, "bf16");
  options = WithProfile();
  options.strongly_typed = true;
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kUnsupported).message, "stronglyTyped");
  // Nobody is told of the progress, but the build goes on.
  options = WithProfile();
  options.progress = [](const BuildStep&) { return false; };
  CHECK_OK(fake.Build(options));
}

TEST(ParserErrorsAreAllListed) {
  for (const int major : {8, 10, 11}) {
    Fake fake(major);
    fake.parser_errors = 2;
    const Error error = CHECK_FAILS(fake.Build(WithProfile()), kParse);
    CHECK_CONTAINS(error.message, "2 errors");
    CHECK_CONTAINS(error.message,
                   major == 8 ? "Node 12: " : "Node 12 'strange_3' (Strange) in function inner: ");
    CHECK_CONTAINS(error.message, ": no importer registered (kUNSUPPORTED_NODE)");
    CHECK_EQ(error.log.size(), 2U);
    REQUIRE(error.model_errors.size() == 2);
    CHECK_EQ(error.model_errors[0].node, 12);
    if (major > 8) CHECK_EQ(error.model_errors[0].node_operator, "Strange");
    CHECK_EQ(error.model_errors[0].line, 200);
    // TensorRT 8's parser tells no names.
    const std::vector<std::string> functions{"outer", "inner"};
    CHECK(major == 8 || error.model_errors[0].local_functions == functions);
    REQUIRE(error.subgraphs.size() == 2);
    CHECK(error.subgraphs[0].supported && !error.subgraphs[1].supported);
    CHECK((error.subgraphs[0].nodes == std::vector<i64>{0, 1}));
    CHECK((error.subgraphs[1].nodes == std::vector<i64>{12}));
    CHECK_EQ(fake.model_path, "none");
  }
}

TEST(ProfilesAreChecked) {
  Fake fake(11);
  Error error = CHECK_FAILS(fake.Build({}), kInvalidArgument);
  CHECK_CONTAINS(error.message, "'x' (-1, 64) has dynamic dimensions");
  BuildOptions options = WithProfile();
  options.profiles.emplace_back();
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kInvalidArgument).message, "says nothing of");
  options = WithProfile();
  options.profiles[0]["z"] = options.profiles[0]["x"];
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kUnknownTensor).message, "Inputs: 'x' (-1, 64)");
  options = WithProfile();
  options.profiles[0]["x"].opt = {64, 64};
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kInvalidArgument).message, "must rise");
  options = WithProfile();
  options.profiles[0]["x"].max = {32, 128};
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kInvalidArgument).message, "fixed to 64");
  ProfileShape& x = options.profiles[0]["x"];
  x.min = x.opt = x.max = Dims{1};
  CHECK_FAILS(fake.Build(options), kRankMismatch);
  options = WithProfile();
  options.profiles[0]["x"].max = {5000, 64};
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kInvalidArgument).message, "refused the shape");
}

TEST(ShapeTensorsNeedValues) {
  for (const int major : {8, 10, 11}) {
    Fake fake(major);
    fake.has_shape_tensor = true;
    BuildOptions options = WithProfile();
    CHECK_FAILS(fake.Build(options), kInvalidArgument);
    ProfileShape s;
    s.min = s.opt = s.max = Dims{2};
    options.profiles[0]["s"] = s;
    CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kInvalidArgument).message, "needs values");
    s.min_values = {1, 1};
    s.opt_values = {4, 4};
    s.max_values = {8, 9};
    options.profiles[0]["s"] = s;
    CHECK_OK(fake.Build(options));
    CHECK((fake.values == std::vector<i64>{1, 1, 4, 4, 8, 9}));
    options.profiles[0]["s"].max_values = {1LL << 40, 9};
    if (major <= 10) {
      CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kInvalidArgument).message, "32 bits");
    } else {
      CHECK_OK(fake.Build(options));
    }
  }
}

TEST(RefusedOptionsAndBuilds) {
  Fake fake(10);
  BuildOptions options = WithProfile();
  options.profiling_verbosity = 7;
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kInvalidArgument).message, "out of range");
  options = WithProfile();
  options.optimization_level = 9;
  CHECK_FAILS(fake.Build(options), kInvalidArgument);
  options = WithProfile();
  options.exclude_lean_runtime = true;
  CHECK_FAILS(fake.Build(options), kInvalidArgument);
  options = WithProfile();
  fake.builds = false;
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kBuild).message, "no implementation");
}

TEST(ProgressCancelsTheBuild) {
  for (const int major : {10, 11}) {
    Fake fake(major);
    BuildOptions options = WithProfile();
    int reports = 0;
    options.progress = [&](const BuildStep& step) {
      CHECK_EQ(std::string(step.phase), "Build");
      return ++reports < 2;
    };
    CHECK_FAILS(fake.Build(options), kAborted);
    CHECK_EQ(reports, 2);
    reports = -100;
    CHECK_OK(fake.Build(options));
  }
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(TheTimingCacheIsReadAndWrittenBack) {
  const fs::path folder = fs::temp_directory_path() / ("trtnode-cache-" + std::to_string(getpid()));
  fs::create_directories(folder);
  for (const int major : {8, 10, 11}) {
    Fake fake(major);
    BuildOptions options = WithProfile();
    options.timing_cache = (folder / "timing.cache").string();
    fs::remove(options.timing_cache);
    CHECK_OK(fake.Build(options));
    CHECK_EQ(fake.cache_read, "");
    CHECK_EQ(ReadFile(options.timing_cache), "ftrt");
    CHECK_OK(fake.Build(options));
    CHECK_EQ(fake.cache_read, "ftrt");
    CHECK_EQ(fake.combined, 1);
    CHECK_EQ(fake.cache.deletions(),
             3);  // the second build made one more, of what was in the file by then

    std::ofstream(options.timing_cache) << "of another GPU";
    std::vector<std::string> lines;
    options.log_sink = [&](Severity, std::string_view line) { lines.emplace_back(line); };
    CHECK_OK(fake.Build(options));
    REQUIRE(lines.size() == 1);
    CHECK_CONTAINS(lines[0], "another GPU or TensorRT version");
    CHECK_EQ(ReadFile(options.timing_cache), "ftrt");

    // What cannot be written costs the cache, not the plan.
    lines.clear();
    options.timing_cache = (folder / "missing" / "timing.cache").string();
    CHECK_OK(fake.Build(options));
    REQUIRE(lines.size() == 1);
    CHECK_CONTAINS(lines[0], "cannot be written");
    CHECK_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()),
             2);  // the cache and its lock
  }
  fs::remove_all(folder);
}

// What TensorRT does with a calibrator, through nothing but its vtable.
struct CalledCalibrator {
  template <typename R, typename... A>
  static R Call(void* object, std::size_t slot, A... arguments) {
    void* const* vtable = *static_cast<void* const* const*>(object);
    return reinterpret_cast<R (*)(void*, A...)>(vtable[slot])(object, arguments...);
  }
};

TEST(CalibrationAsksForBatchesAndKeepsTheCache) {
  Fake fake(10);
  fake.config.Set<m::VBuilderConfig_setCalibrationProfile>(
      +[](void*, abi::IOptimizationProfile const*) {
        ++g_fake->calibration_profiles;
        return uint8_t{1};
      });
  fake.config.Set<m::VBuilderConfig_setInt8Calibrator>(
      +[](void*, abi::IInt8Calibrator* calibrator) {
        g_fake->calibrator = reinterpret_cast<void*>(calibrator);
      });
  BuildOptions options = WithProfile();
  options.int8 = true;
  CalibrationOptions& calibration = options.calibration.emplace();
  calibration.cache = {std::byte{'T'}, std::byte{'R'}};
  static int batches;
  batches = 0;
  calibration.next = [](std::span<const CalibrationInput> inputs,
                        std::span<void*> addresses) -> Result<bool> {
    REQUIRE(inputs.size() == 1);
    CHECK_EQ(inputs[0].name, "x");
    CHECK_EQ(inputs[0].shape.ToString(), "(8, 64)");  // the profile's optimum
    addresses[0] = &batches;
    return ++batches < 3;
  };
  std::string kept;
  calibration.keep_cache = [&kept](std::span<const std::byte> bytes) {
    kept.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  fake.when_building = +[] {
    void* object = g_fake->calibrator;
    u64 length = 0;
    const void* cache = CalledCalibrator::Call<const void*, u64&>(object, 6, length);
    CHECK_EQ(std::string(static_cast<const char*>(cache), length), "TR");
    CHECK_EQ((CalledCalibrator::Call<i32>(object, 8)), 2);
    const char* names[] = {"x"};
    void* bindings[] = {nullptr};
    while (CalledCalibrator::Call<bool, void**, char const**, i32>(object, 5, bindings, names, 1)) {
      CHECK_EQ(bindings[0], static_cast<void*>(&batches));
    }
    CalledCalibrator::Call<void, const void*, u64>(object, 7, "TRT-100600", 10);
  };
  CHECK_OK(fake.Build(options));
  CHECK_EQ(batches, 3);
  CHECK_EQ(fake.calibration_profiles, 1);
  CHECK_EQ(kept, "TRT-100600");

  // What fails ends the build, and its cache is not kept.
  kept.clear();
  calibration.next = [](std::span<const CalibrationInput>, std::span<void*>) -> Result<bool> {
    return Status(ErrorCode::kRankMismatch, "a batch is wrong");
  };
  options.progress = [](const BuildStep&) { return true; };
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kRankMismatch).message, "a batch is wrong");
  calibration.next = nullptr;
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kBuild).message, "no calibration data");
  CHECK_EQ(kept, "");

  options.int8 = false;
  CHECK_CONTAINS(CHECK_FAILS(fake.Build(options), kInvalidArgument).message, "without int8");
  Fake eleven(11);
  options.int8 = true;
  CHECK_CONTAINS(CHECK_FAILS(eleven.Build(options), kUnsupported).hint, "QuantizeLinear");
}

TEST(AModelIsCheckedWithoutBuilding) {
  for (const int major : {10, 11}) {
    Fake fake(major);
    const std::array<std::byte, 3> model{};
    auto checked = CheckModel(fake.library, model, "", {});
    REQUIRE_OK(checked);
    CHECK(checked.value().supported);
    fake.parser_errors = 1;
    checked = CheckModel(fake.library, model, "", {});
    REQUIRE_OK(checked);
    CHECK(!checked.value().supported);
    CHECK_EQ(checked.value().subgraphs.size(), 2U);
    CHECK_EQ(checked.value().errors.size(), 1U);
    CHECK_EQ(fake.parser.deletions(), 2);
  }
}

TEST(TheLeanRuntimeCannotBuild) {
  LibraryOptions options;
  options.path = std::string(TRT_NODE_STUBS) + "/lean/libnvinfer_lean.so.11";
  options.init_plugins = false;
  const auto library = Library::Open(options);
  REQUIRE_OK(library);
  const Error error = CHECK_FAILS(BuildFromOnnx(library.value(), {}, "", {}), kUnsupported);
  CHECK_CONTAINS(error.message, "has no builder");
}

}  // namespace
}  // namespace trtnode::tensorrt
