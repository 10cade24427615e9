// A TensorRT that builds, of fake objects, in the layouts of 8, 10 and 11; it writes down what it is told.
#pragma once

#include <dlfcn.h>

#include <set>
#include <string>
#include <vector>

#include "tensorrt/abi/enums.h"
#include "tensorrt/builder.h"
#include "test/check.h"
#include "test/fake_object.h"

namespace trtnode::tensorrt {

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
inline Fake* g_fake = nullptr;

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

}  // namespace trtnode::tensorrt
