// The types that cross TensorRT's binary border: opaque objects, structs with their exact layout, enumerations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "tensorrt/types.h"

// As in <cuda.h>: a CUstream is a pointer to CUstream_st. Declared, never defined: no CUDA here.
struct CUstream_st;
struct CUevent_st;

namespace trtnode::tensorrt::abi {

using i32 = std::int32_t;
using i64 = std::int64_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using f32 = float;
using ::CUevent_st;
using ::CUstream_st;

// TensorRT's objects. Nothing is known of them but their vtables, so they are never defined.
struct IAlgorithmSelector;
struct IBuilder;
struct IBuilderConfig;
struct ICudaEngine;
struct IDebugListener;
struct IEngineInspector;
struct IErrorRecorder;
struct IExecutionContext;
struct IGpuAllocator;
struct IHostMemory;
struct IInt8Calibrator;
struct ILayer;
struct ILogger;
struct INetworkDefinition;
struct IOptimizationProfile;
struct IOutputAllocator;
struct IPluginCreator;
struct IPluginCreatorInterface;
struct IPluginFactory;
struct IPluginRegistry;
struct IPluginResource;
struct IProfiler;
struct IProgressMonitor;
struct IRefitter;
struct IRuntime;
struct IRuntimeConfig;
struct ISerializationConfig;
struct IStreamReader;
struct IStreamReaderV2;
struct IStreamWriter;
struct ITensor;
struct ITimingCache;

// Enumerations are 32 bits wide in every version. Their values are in enums.def, by major.
enum class BuilderFlag : i32 {};
enum class DeviceType : i32 {};
enum class EngineCapability : i32 {};
enum class EngineStat : i32 {};
enum class ErrorCode : i32 {};
enum class HardwareCompatibilityLevel : i32 {};
enum class LayerType : i32 {};
enum class MemoryPoolType : i32 {};
enum class NetworkDefinitionCreationFlag : i32 {};
enum class PreviewFeature : i32 {};
enum class ProfilingVerbosity : i32 {};
enum class QuantizationFlag : i32 {};
enum class RuntimePlatform : i32 {};
enum class SeekPosition : i32 {};
enum class SerializationFlag : i32 {};
enum class TensorFormat : i32 {};
enum class TilingOptimizationLevel : i32 {};
enum class WeightsRole : i32 {};
using ExecutionContextAllocationStrategy = AllocationStrategy;
using LayerInformationFormat = InspectorFormat;

namespace nvonnxparser {
struct IParser;
struct IParserError;
struct IParserRefitter;
enum class ErrorCode : i32 {};
enum class OnnxParserFlag : i32 {};
}  // namespace nvonnxparser

// What IParser::supportsModel fills: nodes, and whether they are supported. libstdc++'s vectors cross the border here, three
// pointers each, whose memory comes from and goes to malloc on both sides.
using SubGraphCollection_t = std::vector<std::pair<std::vector<u64>, bool>>;
static_assert(sizeof(SubGraphCollection_t) == 24 && sizeof(SubGraphCollection_t::value_type) == 32);

inline constexpr int kMaxDims = 8;

// TensorRT 8's Dims.
struct Dims32 {
  i32 nbDims;
  i32 d[kMaxDims];
};
static_assert(sizeof(Dims32) == 36 && alignof(Dims32) == 4 && offsetof(Dims32, d) == 4);

// TensorRT 10's and 11's Dims.
struct Dims64 {
  i32 nbDims;
  i64 d[kMaxDims];
};
static_assert(sizeof(Dims64) == 72 && alignof(Dims64) == 8 && offsetof(Dims64, d) == 8);

struct Weights {
  DataType type;
  void const* values;
  i64 count;
};
static_assert(sizeof(Weights) == 24 && offsetof(Weights, values) == 8 &&
              offsetof(Weights, count) == 16);

// What an interface that the application implements says of itself.
struct InterfaceInfo {
  char const* kind;
  i32 major;
  i32 minor;
};
static_assert(sizeof(InterfaceInfo) == 16 && offsetof(InterfaceInfo, major) == 8 &&
              offsetof(InterfaceInfo, minor) == 12);

struct TimingCacheKey {
  std::uint8_t data[16];
};
static_assert(sizeof(TimingCacheKey) == 16);

struct TimingCacheValue {
  u64 tacticHash;
  f32 timingMSec;
};
static_assert(sizeof(TimingCacheValue) == 16 && offsetof(TimingCacheValue, timingMSec) == 8);

}  // namespace trtnode::tensorrt::abi
