// A configuration and a network of fake objects that write down what they are told, in the layouts of TensorRT 8, 10 and 11.
#pragma once

#include <string>
#include <vector>

#include "tensorrt/build_config.h"
#include "tensorrt/config_settings.h"
#include "tensorrt/network_settings.h"
#include "test/check.h"
#include "test/fake_object.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;
using abi::i32;
using abi::i64;
using abi::u32;
using abi::u64;
using std::uint8_t;
using test::FakeObject;
using Calls = std::vector<std::string>;

const Version k8{8, 6, 1, 6};
const Version k10{10, 16, 0, 0};
const Version k11{11, 1, 0, 0};

struct Fake;
inline Fake* g_fake = nullptr;

template <typename... A>
void Note(const char* call, A... arguments);

template <typename E>
i32 Number(E value) {
  return static_cast<i32>(value);
}

// A configuration and a network that write down what they are told. The network: input x, float, to layer "a/conv" with output h,
// to layer "b/shape" with the int32 output y.
struct Fake {
  explicit Fake(const Version& v)
      : before(g_fake),
        version(v),
        config(v.major),
        network(v.major),
        builder(v.major),
        x(v.major),
        h(v.major),
        y(v.major),
        conv(v.major),
        shape(v.major),
        parser(v.major),
        logger(v.major, Severity::kVerbose, {}),
        objects(v, logger) {
    g_fake = this;
    objects.builder = {v.major, builder.handle()};
    objects.network = {v.major, network.handle()};
    objects.config = {v.major, config.handle()};
    FillConfig();
    FillNetwork();
  }
  ~Fake() { g_fake = before; }

  // Methods that this major has not got stay empty: a call of one ends the test.
  template <typename M, typename Object, typename R, typename... A>
  void Set(Object& object, R (*function)(void*, A...)) {
    if (M::kInfo.slots[abi::ColumnOf(version.major)].slot >= 0) {
      object.template Set<M>(function);
    }
  }

  void FillConfig() {
    Set<m::VBuilderConfig_setFlag>(
        config, +[](void*, abi::BuilderFlag flag) { Note("setFlag", Number(flag)); });
    Set<m::VBuilderConfig_clearFlag>(
        config, +[](void*, abi::BuilderFlag flag) { Note("clearFlag", Number(flag)); });
    Set<m::VBuilderConfig_setMemoryPoolLimit>(
        config, +[](void*, abi::MemoryPoolType pool, u64 bytes) {
          Note("setMemoryPoolLimit", Number(pool), bytes);
        });
    Set<m::VBuilderConfig_setBuilderOptimizationLevel>(
        config, +[](void*, i32 level) { Note("setBuilderOptimizationLevel", level); });
    Set<m::VBuilderConfig_setProfilingVerbosity>(
        config, +[](void*, abi::ProfilingVerbosity verbosity) {
          if (Number(verbosity) != 0) Note("setProfilingVerbosity", Number(verbosity));
        });
    Set<m::VBuilderConfig_setHardwareCompatibilityLevel>(
        config, +[](void*, abi::HardwareCompatibilityLevel level) {
          Note("setHardwareCompatibilityLevel", Number(level));
        });
    Set<m::VBuilderConfig_setMaxAuxStreams>(
        config, +[](void*, i32 streams) { Note("setMaxAuxStreams", streams); });
    Set<m::VBuilderConfig_setMaxAuxStreams_11>(
        config, +[](void*, i32 streams) {
          Note("setMaxAuxStreams", streams);
          return uint8_t{1};
        });
    Set<m::VBuilderConfig_getTacticSources>(config, +[](void*) { return u32{0x18}; });
    Set<m::VBuilderConfig_setTacticSources>(
        config, +[](void*, u32 sources) {
          Note("setTacticSources", sources);
          return uint8_t(g_fake->accepts);
        });
    Set<m::VBuilderConfig_setPreviewFeature>(
        config, +[](void*, abi::PreviewFeature feature, bool on) {
          Note("setPreviewFeature", Number(feature), int{on});
        });
    Set<m::VBuilderConfig_setAvgTimingIterations>(
        config, +[](void*, i32 count) { Note("setAvgTimingIterations", count); });
    Set<m::VBuilderConfig_setMaxNbTactics>(
        config, +[](void*, i32 count) { Note("setMaxNbTactics", count); });
    Set<m::VBuilderConfig_setTilingOptimizationLevel>(
        config, +[](void*, abi::TilingOptimizationLevel level) {
          Note("setTilingOptimizationLevel", Number(level));
          return uint8_t(g_fake->accepts);
        });
    Set<m::VBuilderConfig_setL2LimitForTiling>(
        config, +[](void*, i64 bytes) {
          Note("setL2LimitForTiling", bytes);
          return uint8_t{1};
        });
    Set<m::VBuilderConfig_setRuntimePlatform>(
        config, +[](void*, abi::RuntimePlatform platform) {
          Note("setRuntimePlatform", Number(platform));
        });
    Set<m::VBuilderConfig_setBuildRoute>(
        config, +[](void*, char const* route) {
          Note(route);
          return uint8_t{1};
        });
    Set<m::VBuilderConfig_setDefaultDeviceType>(
        config, +[](void*, abi::DeviceType type) { Note("setDefaultDeviceType", Number(type)); });
    Set<m::VBuilderConfig_setDLACore>(config, +[](void*, i32 core) { Note("setDLACore", core); });
    Set<m::VBuilderConfig_setEngineCapability>(
        config, +[](void*, abi::EngineCapability capability) {
          Note("setEngineCapability", Number(capability));
        });
    Set<m::VBuilderConfig_setDeviceType>(
        config, +[](void*, abi::ILayer const* layer, abi::DeviceType type) {
          Note(layer == g_fake->conv.handle() ? "setDeviceType conv" : "setDeviceType shape",
               Number(type));
        });
    Set<m::VBuilderConfig_setPluginsToSerialize>(
        config, +[](void*, char const* const* paths, i32 count) {
          for (i32 i = 0; i < count; ++i) Note(paths[i]);
        });
    Set<m::VBuilder_getNbDLACores>(builder, +[](void*) { return g_fake->dla_cores; });
    Set<m::IParser_getUsedVCPluginLibraries>(
        parser, +[](void*, i64& count) -> char const* const* {
          static constexpr char const* kUsed[] = {"parsed.so", "mine.so"};
          count = 2;
          return kUsed;
        });
  }

  void FillNetwork() {
    Set<m::VNetworkDefinition_getNbInputs>(network, +[](void*) { return 1; });
    Set<m::VNetworkDefinition_getInput>(
        network, +[](void*, i32) -> abi::ITensor* { return g_fake->x.handle(); });
    Set<m::VNetworkDefinition_getNbOutputs>(network, +[](void*) { return 1; });
    Set<m::VNetworkDefinition_getOutput>(
        network, +[](void*, i32) -> abi::ITensor* { return g_fake->y.handle(); });
    Set<m::VNetworkDefinition_getNbLayers>(network, +[](void*) { return 2; });
    Set<m::VNetworkDefinition_getLayer>(
        network, +[](void*, i32 i) -> abi::ILayer* {
          return i == 0 ? g_fake->conv.handle() : g_fake->shape.handle();
        });
    Set<m::VNetworkDefinition_markDebug>(
        network, +[](void*, abi::ITensor& tensor) {
          Note(&tensor == g_fake->h.handle() ? "markDebug h" : "markDebug another");
          return uint8_t(g_fake->accepts);
        });
    Set<m::VNetworkDefinition_markUnfusedTensorsAsDebugTensors>(
        network, +[](void*) {
          Note("markUnfused");
          return uint8_t{1};
        });
    FillTensor(
        x, +[](void*) -> char const* { return "x"; }, +[](void*) { return DataType::kFloat; });
    FillTensor(
        h, +[](void*) -> char const* { return "h"; }, +[](void*) { return DataType::kFloat; });
    FillTensor(
        y, +[](void*) -> char const* { return "y"; }, +[](void*) { return DataType::kInt32; });
    FillLayer(
        conv, +[](void*) -> char const* { return "a/conv"; },
        +[](void*, i32) -> abi::ITensor* { return g_fake->x.handle(); },
        +[](void*, i32) -> abi::ITensor* { return g_fake->h.handle(); });
    FillLayer(
        shape, +[](void*) -> char const* { return "b/shape"; },
        +[](void*, i32) -> abi::ITensor* { return g_fake->h.handle(); },
        +[](void*, i32) -> abi::ITensor* { return g_fake->y.handle(); });
  }

  void FillTensor(FakeObject<abi::VTensor>& tensor, char const* (*name)(void*),
                  DataType (*type)(void*)) {
    Set<m::VTensor_getName>(tensor, name);
    Set<m::VTensor_getType>(tensor, type);
    Set<m::VTensor_isShapeTensor>(tensor, +[](void*) { return uint8_t{0}; });
    Set<m::VTensor_setType>(tensor, +[](void*, DataType given) { Note("setType", Number(given)); });
    Set<m::VTensor_setAllowedFormats>(
        tensor, +[](void*, u32 formats) { Note("setAllowedFormats", formats); });
  }

  void FillLayer(FakeObject<abi::VLayer>& layer, char const* (*name)(void*),
                 abi::ITensor* (*input)(void*, i32), abi::ITensor* (*output)(void*, i32)) {
    Set<m::VLayer_getName>(layer, name);
    Set<m::VLayer_getNbInputs>(layer, +[](void*) { return 1; });
    Set<m::VLayer_getNbOutputs>(layer, +[](void*) { return 1; });
    Set<m::VLayer_getInput>(layer, input);
    Set<m::VLayer_getOutput>(layer, output);
    Set<m::VLayer_setPrecision>(
        layer, +[](void*, DataType type) { Note("setPrecision", Number(type)); });
    Set<m::VLayer_setOutputType>(
        layer, +[](void*, i32 i, DataType type) { Note("setOutputType", i, Number(type)); });
    Set<m::VLayer_setMetadata>(layer, +[](void*, char const* text) { Note(text); });
  }

  // What the options make the configuration and the network do, or what is wrong with them.
  Result<Calls> Tell(const BuildOptions& options) {
    calls.clear();
    RETURN_IF_ERROR(CheckBuildOptions(version, options));
    CHECK(calls.empty());
    RETURN_IF_ERROR(ApplyBuildOptions(objects, options));
    RETURN_IF_ERROR(AddPluginsToSerialize(objects, options, parser.handle()));
    RETURN_IF_ERROR(ApplyNetworkSettings(objects, options));
    return calls;
  }

  Fake* const before;
  const Version version;
  FakeObject<abi::VBuilderConfig> config;
  FakeObject<abi::VNetworkDefinition> network;
  FakeObject<abi::VBuilder> builder;
  FakeObject<abi::VTensor> x, h, y;
  FakeObject<abi::VLayer> conv, shape;
  FakeObject<abi::IParser> parser;
  Logger logger;
  BuildObjects objects;
  Calls calls;
  i32 dla_cores = 2;
  bool accepts = true;
};

template <typename... A>
void Note(const char* call, A... arguments) {
  std::string text = call;
  ((text += " " + std::to_string(arguments)), ...);
  g_fake->calls.push_back(text);
}

}  // namespace trtnode::tensorrt
