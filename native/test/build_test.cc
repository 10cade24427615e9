// BuildFromOnnx over fake objects, in the layouts of TensorRT 8, 10 and 11: flags, profiles, parser errors, timing cache, cancelling,
// calibration.
#include <dlfcn.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "tensorrt/abi/enums.h"
#include "tensorrt/builder.h"
#include "test/check.h"
#include "test/fake_object.h"

namespace trtnode::tensorrt {
namespace {

namespace fs = std::filesystem;
namespace m = abi::methods;
namespace e = abi::enums;
using abi::Dims32;
using abi::Dims64;
using abi::i32;
using abi::i64;
using abi::u32;
using abi::u64;
using std::uint8_t;
using test::FakeObject;

struct Fake;
Fake* g_fake = nullptr;

// A TensorRT whose network has the inputs x (-1, 64) and, if asked, the shape tensor s (2).
struct Fake {
  explicit Fake(int major_number)
      : major(major_number),
        builder(major),
        network(major),
        x(major),
        s(major),
        config(major),
        profile(major),
        parser(major),
        parser_error(major),
        cache(major),
        memory(major) {
    g_fake = this;
    FillBuilder();
    FillNetwork();
    FillConfig();
    FillParser();
    Connect();
  }
  ~Fake() { g_fake = nullptr; }

  static void Log(const char* text) {
    void* const* vtable = *reinterpret_cast<void* const* const*>(g_fake->recorder);
    using Report = bool (*)(void*, i32, char const*);
    reinterpret_cast<Report>(vtable[g_fake->major == 8 ? 7 : 9])(g_fake->recorder, 3, text);
  }

  void FillBuilder() {
    builder.Set<m::VBuilder_setErrorRecorder>(
        +[](void*, abi::IErrorRecorder* recorder) { g_fake->recorder = recorder; });
    builder.Set<m::VBuilder_createNetworkV2>(+[](void*, u32 flags) -> abi::INetworkDefinition* {
      g_fake->network_flags = flags;
      return g_fake->network.handle();
    });
    builder.Set<m::VBuilder_createBuilderConfig>(
        +[](void*) -> abi::IBuilderConfig* { return g_fake->config.handle(); });
    builder.Set<m::VBuilder_createOptimizationProfile>(
        +[](void*) -> abi::IOptimizationProfile* { return g_fake->profile.handle(); });
    builder.SetAny<m::VBuilder_buildSerializedNetwork>(
        reinterpret_cast<void*>(+[](void*, void*, void*) -> abi::IHostMemory* {
          if (g_fake->when_building != nullptr) g_fake->when_building();
          if (g_fake->monitor != nullptr) {
            void* const* vtable = *reinterpret_cast<void* const* const*>(g_fake->monitor);
            using Start = void (*)(void*, char const*, char const*, i32);
            using Step = uint8_t (*)(void*, char const*, i32);
            reinterpret_cast<Start>(vtable[4])(g_fake->monitor, "Build", nullptr, 1);
            if (reinterpret_cast<Step>(vtable[5])(g_fake->monitor, "Build", 0) == 0) return nullptr;
          }
          if (!g_fake->builds) {
            Log("IBuilder::buildSerializedNetwork: Error Code 10: no implementation");
            return nullptr;
          }
          return g_fake->memory.handle();
        }));
    memory.Set<m::VHostMemory_data>(+[](void*) -> void* { return const_cast<char*>("ftrt"); });
    memory.Set<m::VHostMemory_size>(+[](void*) -> u64 { return 4; });
  }

  void FillNetwork() {
    network.Set<m::VNetworkDefinition_getNbInputs>(
        +[](void*) { return g_fake->has_shape_tensor ? 2 : 1; });
    network.Set<m::VNetworkDefinition_getInput>(+[](void*, i32 i) -> abi::ITensor* {
      return i == 0 ? g_fake->x.handle() : g_fake->s.handle();
    });
    network.Set<m::VNetworkDefinition_setName>(
        +[](void*, char const* name) { g_fake->name = name; });
    x.Set<m::VTensor_getName>(+[](void*) -> char const* { return "x"; });
    x.Set<m::VTensor_getType>(+[](void*) { return DataType::kFloat; });
    s.Set<m::VTensor_getType>(+[](void*) { return DataType::kInt32; });
    x.Set<m::VTensor_isShapeTensor>(+[](void*) { return uint8_t{0}; });
    s.Set<m::VTensor_getName>(+[](void*) -> char const* { return "s"; });
    s.Set<m::VTensor_isShapeTensor>(+[](void*) { return uint8_t{1}; });
    if (major == 8) {
      x.Set<m::VTensor_getDimensions_8>(+[](void*) { return Dims32{2, {-1, 64}}; });
      s.Set<m::VTensor_getDimensions_8>(+[](void*) { return Dims32{1, {2}}; });
      profile.Set<m::VOptimizationProfile_setDimensions_8>(
          +[](void*, char const*, OptProfileSelector, Dims32 dims) { return TakeShape(dims); });
    } else {
      x.Set<m::VTensor_getDimensions>(+[](void*) { return Dims64{2, {-1, 64}}; });
      s.Set<m::VTensor_getDimensions>(+[](void*) { return Dims64{1, {2}}; });
      profile.Set<m::VOptimizationProfile_setDimensions>(
          +[](void*, char const*, OptProfileSelector, Dims64 const& dims) {
            return TakeShape(dims);
          });
    }
    if (major <= 10) {
      profile.Set<m::VOptimizationProfile_setShapeValues>(
          +[](void*, char const*, OptProfileSelector, i32 const* values, i32 count) {
            g_fake->values.insert(g_fake->values.end(), values, values + count);
            return uint8_t{1};
          });
    } else {
      profile.Set<m::VOptimizationProfile_setShapeValuesV2>(
          +[](void*, char const*, OptProfileSelector, i64 const* values, i32 count) {
            g_fake->values.insert(g_fake->values.end(), values, values + count);
            return uint8_t{1};
          });
    }
  }

  template <typename T>
  static uint8_t TakeShape(T const& dims) {
    g_fake->shapes.push_back(dims.d[0]);
    return uint8_t(dims.d[0] < 1000);
  }

  void FillConfig() {
    config.Set<m::VBuilderConfig_setFlag>(
        +[](void*, abi::BuilderFlag flag) { g_fake->flags.insert(static_cast<i32>(flag)); });
    config.Set<m::VBuilderConfig_clearFlag>(
        +[](void*, abi::BuilderFlag flag) { g_fake->flags.erase(static_cast<i32>(flag)); });
    config.Set<m::VBuilderConfig_setMemoryPoolLimit>(
        +[](void*, abi::MemoryPoolType, u64 bytes) { g_fake->workspace = bytes; });
    config.Set<m::VBuilderConfig_setBuilderOptimizationLevel>(
        +[](void*, i32 level) { g_fake->level = level; });
    config.Set<m::VBuilderConfig_setProfilingVerbosity>(
        +[](void*, abi::ProfilingVerbosity verbosity) {
          if (static_cast<i32>(verbosity) > 2) Log("setProfilingVerbosity: out of range");
        });
    if (major <= 10) {
      config.Set<m::VBuilderConfig_setMaxAuxStreams>(
          +[](void*, i32 streams) { g_fake->aux_streams = streams; });
    } else {
      config.Set<m::VBuilderConfig_setMaxAuxStreams_11>(+[](void*, i32 streams) {
        g_fake->aux_streams = streams;
        return uint8_t{1};
      });
    }
    config.Set<m::VBuilderConfig_addOptimizationProfile>(
        +[](void*, abi::IOptimizationProfile const*) { return g_fake->profiles++; });
    config.Set<m::VBuilderConfig_createTimingCache>(
        +[](void*, void const* data, u64 size) -> abi::ITimingCache* {
          g_fake->cache_read.assign(static_cast<const char*>(data), size);
          return g_fake->cache.handle();
        });
    config.Set<m::VBuilderConfig_setTimingCache>(+[](void*, abi::ITimingCache const&, bool) {
      return uint8_t(g_fake->cache_read != "of another GPU");
    });
    cache.Set<m::VTimingCache_combine>(+[](void*, abi::ITimingCache const&, bool ignore) {
      ++g_fake->combined;
      return uint8_t(!ignore);
    });
    cache.Set<m::VTimingCache_serialize>(
        +[](void*) -> abi::IHostMemory* { return g_fake->memory.handle(); });
    if (major > 8) {
      config.Set<m::VBuilderConfig_setProgressMonitor>(
          +[](void*, abi::IProgressMonitor* monitor) { g_fake->monitor = monitor; });
    }
  }

  void FillParser() {
    parser.Set<m::IParser_parse>(+[](void*, void const*, u64, char const* path) {
      g_fake->model_path = path != nullptr ? path : "none";
      return uint8_t(g_fake->parser_errors == 0);
    });
    parser.Set<m::IParser_getNbErrors>(+[](void*) { return g_fake->parser_errors; });
    parser.Set<m::IParser_getError>(+[](void*, i32) -> abi::nvonnxparser::IParserError const* {
      return g_fake->parser_error.handle();
    });
    parser_error.Set<m::IParserError_code>(+[](void*) { return abi::nvonnxparser::ErrorCode{8}; });
    parser_error.Set<m::IParserError_desc>(
        +[](void*) -> char const* { return "no importer registered"; });
    parser_error.Set<m::IParserError_node>(+[](void*) { return 12; });
    parser_error.Set<m::IParserError_file>(
        +[](void*) -> char const* { return "ModelImporter.cpp"; });
    parser_error.Set<m::IParserError_func>(+[](void*) -> char const* { return "parseNode"; });
    parser_error.Set<m::IParserError_line>(+[](void*) { return 200; });
    if (major == 8) {
      parser.Set<m::IParser_supportsModel>(
          +[](void*, void const*, u64, abi::SubGraphCollection_t& subgraphs, char const*) {
            subgraphs = {{{0, 1}, true}, {{12}, false}};
            return uint8_t(g_fake->parser_errors == 0);
          });
      return;
    }
    parser.Set<m::IParser_supportsModelV2>(
        +[](void*, void const*, u64, char const*) { return uint8_t(g_fake->parser_errors == 0); });
    parser.Set<m::IParser_getNbSubgraphs>(+[](void*) -> i64 { return 2; });
    parser.Set<m::IParser_isSubgraphSupported>(+[](void*, i64 i) { return uint8_t(i == 0); });
    parser.Set<m::IParser_getSubgraphNodes>(+[](void*, i64 i, i64& length) -> i64* {
      static std::array<i64, 3> nodes{0, 1, 12};
      length = i == 0 ? 2 : 1;
      return nodes.data() + (i == 0 ? 0 : 2);
    });
    parser_error.Set<m::IParserError_nodeName>(+[](void*) -> char const* { return "strange_3"; });
    parser_error.Set<m::IParserError_nodeOperator>(+[](void*) -> char const* { return "Strange"; });
    parser_error.Set<m::IParserError_localFunctionStackSize>(+[](void*) { return 2; });
    parser_error.Set<m::IParserError_localFunctionStack>(+[](void*) -> char const* const* {
      static const char* const stack[] = {"outer", "inner"};
      return stack;
    });
  }

  // Opens the stub libraries of this major and hands them the objects.
  void Connect() {
    const std::string folder = std::string(TRT_NODE_STUBS) + "/" + std::to_string(major) + "/";
    const std::string suffix = ".so." + std::to_string(major);
    void* nvinfer = dlopen((folder + "libnvinfer" + suffix).c_str(), RTLD_NOW);
    void* onnx = dlopen((folder + "libnvonnxparser" + suffix).c_str(), RTLD_NOW);
    REQUIRE(nvinfer != nullptr && onnx != nullptr);
    reinterpret_cast<void (*)(void*, void*)>(dlsym(nvinfer, "stubSetObjects"))(nullptr,
                                                                               builder.handle());
    reinterpret_cast<void (*)(void*)>(dlsym(onnx, "stubSetParser"))(parser.handle());
    LibraryOptions options;
    options.path = folder + "libnvinfer" + suffix;
    options.init_plugins = false;
    auto opened = Library::Open(options);
    REQUIRE_OK(opened);
    library = opened.Take();
  }

  Result<std::unique_ptr<HostMemory>> Build(const BuildOptions& options,
                                            const std::string& path = "") {
    const std::array<std::byte, 3> model{};
    return BuildFromOnnx(library, model, path, options);
  }

  bool HasFlag(const abi::EnumInfo& flag) const {
    return flags.contains(flag.At(major).value_or(-1));
  }

  const int major;
  FakeObject<abi::VBuilder> builder;
  FakeObject<abi::VNetworkDefinition> network;
  FakeObject<abi::VTensor> x, s;
  FakeObject<abi::VBuilderConfig> config;
  FakeObject<abi::VOptimizationProfile> profile;
  FakeObject<abi::IParser> parser;
  FakeObject<abi::IParserError> parser_error;
  FakeObject<abi::VTimingCache> cache;
  FakeObject<abi::VHostMemory> memory;
  std::shared_ptr<Library> library;
  abi::IErrorRecorder* recorder = nullptr;
  abi::IProgressMonitor* monitor = nullptr;
  bool has_shape_tensor = false;
  bool builds = true;
  int parser_errors = 0;
  u32 network_flags = 0;
  std::set<i32> flags{e::BuilderFlag_kTF32.At(major).value_or(-1)};  // on by default
  std::vector<i64> shapes, values;
  std::string name, model_path, cache_read;
  u64 workspace = 0;
  int combined = 0, calibration_profiles = 0;
  void* calibrator = nullptr;
  void (*when_building)() = nullptr;
  i32 level = -1, aux_streams = -1, profiles = 0;
};

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
