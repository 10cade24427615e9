// FakeTensorRT: a runtime with one engine, context and inspector made of vtables, in the layout of any major.
#pragma once

#include <cstdlib>
#include <cstring>

#include "tensorrt/types.h"
#include "test/fake_object.h"

namespace trtnode::test {

namespace m = tensorrt::abi::methods;
namespace abi = tensorrt::abi;
using abi::Dims32;
using abi::Dims64;
using abi::i32;
using abi::i64;
using abi::u64;
using tensorrt::AllocationStrategy;
using tensorrt::InspectorFormat;
using tensorrt::OptProfileSelector;
using tensorrt::TensorIOMode;
using tensorrt::TensorLocation;

// The fake TensorRT that is open; its functions are plain functions, so they find it here.
struct Fake;
inline Fake* g_fake = nullptr;

inline void CopyPointer(abi::IErrorRecorder*& to, abi::IErrorRecorder* from) { to = from; }

struct Fake {
  // A major, or one of the stub libraries: "8.5" is 8 without what came with 8.6.
  explicit Fake(const char* stub)
      : major(std::atoi(stub)),
        has_86(std::strcmp(stub, "8.5") != 0),
        runtime(major),
        engine(major),
        context(major),
        inspector(major),
        memory(major),
        serialization(major) {
    g_fake = this;
    FillRuntime();
    FillEngine();
    FillContext();
    FillDims();
    inspector.Set<m::VEngineInspector_setErrorRecorder>(
        +[](void*, abi::IErrorRecorder* recorder) { CopyPointer(g_fake->on_inspector, recorder); });
    // As of a plan without names, or when it fails.
    inspector.Set<m::VEngineInspector_getLayerInformation>(
        +[](void*, i32, InspectorFormat) -> char const* {
          if (g_fake->complaint != nullptr)
            Complain(g_fake->on_inspector, g_fake->complaint_code, g_fake->complaint);
          return "";
        });
    inspector.Set<m::VEngineInspector_setExecutionContext>(
        +[](void*, abi::IExecutionContext const*) { return std::uint8_t{1}; });
    inspector.Set<m::VEngineInspector_getEngineInformation>(
        +[](void*, InspectorFormat format) -> char const* {
          return format == InspectorFormat::kJson ? "{\"Layers\": []}" : nullptr;
        });
    memory.Set<m::VHostMemory_data>(+[](void*) -> void* { return g_fake->serialized; });
    memory.Set<m::VHostMemory_size>(+[](void*) -> u64 { return 4; });
  }
  ~Fake() { g_fake = nullptr; }

  // As TensorRT tells of an error: to the recorder of the object, with a code.
  static void Complain(abi::IErrorRecorder* recorder, int code, const char* text) {
    void* const* vtable = *reinterpret_cast<void* const* const*>(recorder);
    using Report = bool (*)(void*, i32, char const*);
    reinterpret_cast<Report>(vtable[g_fake->major == 8 ? 7 : 9])(recorder, code, text);
  }

  void FillRuntime() {
    runtime.Set<m::VRuntime_setErrorRecorder>(
        +[](void*, abi::IErrorRecorder* recorder) { CopyPointer(g_fake->on_runtime, recorder); });
    runtime.Set<m::VRuntime_setMaxThreads>(
        +[](void*, i32 threads) { return std::uint8_t(threads < 100); });
    runtime.Set<m::VRuntime_getNbDLACores>(+[](void*) { return 0; });
    if (has_86) {
      runtime.Set<m::VRuntime_setEngineHostCodeAllowed>(+[](void*, bool) {});
      runtime.Set<m::VRuntime_getEngineHostCodeAllowed>(+[](void*) { return std::uint8_t{1}; });
    }
    if (major == 8) {
      runtime.Set<m::VRuntime_deserializeCudaEngine_8>(
          +[](void*, void const*, u64, abi::IPluginFactory* factory) {
            return factory == nullptr ? Deserialize() : nullptr;
          });
    } else {
      runtime.Set<m::VRuntime_deserializeCudaEngine>(
          +[](void*, void const*, u64) { return Deserialize(); });
    }
  }

  static abi::ICudaEngine* Deserialize() {
    if (g_fake->complaint == nullptr) return g_fake->engine.handle();
    Complain(g_fake->on_runtime, g_fake->complaint_code, g_fake->complaint);
    return nullptr;
  }

  void FillEngine() {
    engine.Set<m::VCudaEngine_setErrorRecorder>(+[](void*, abi::IErrorRecorder*) {});
    engine.Set<m::VCudaEngine_getName>(+[](void*) -> char const* { return nullptr; });
    engine.Set<m::VCudaEngine_getNbOptimizationProfiles>(
        +[](void*) { return g_fake->num_profiles; });
    engine.Set<m::VCudaEngine_getNbLayers>(+[](void*) { return 5; });
    engine.Set<m::VCudaEngine_getEngineCapability>(+[](void*) { return abi::EngineCapability{}; });
    engine.Set<m::VCudaEngine_getProfilingVerbosity>(
        +[](void*) { return abi::ProfilingVerbosity{2}; });
    if (has_86) {
      engine.Set<m::VCudaEngine_getNbAuxStreams>(+[](void*) { return 3; });
      engine.Set<m::VCudaEngine_getHardwareCompatibilityLevel>(
          +[](void*) { return abi::HardwareCompatibilityLevel{1}; });
    }
    engine.Set<m::VCudaEngine_isRefittable>(+[](void*) { return std::uint8_t{1}; });
    if (major == 8) {
      engine.Set<m::VCudaEngine_getDeviceMemorySize>(+[](void*) -> u64 { return 4096; });
    } else {
      engine.Set<m::VCudaEngine_getStreamableWeightsSize>(+[](void*) -> i64 { return 77; });
      // 10.0 has only the first two, and the stub of 10 says 10.6, which has both.
      engine.Set<m::VCudaEngine_getDeviceMemorySizeV2>(+[](void*) -> i64 { return 4096; });
      engine.Set<m::VCudaEngine_getDeviceMemorySizeForProfileV2>(
          +[](void*, i32 profile) -> i64 { return 1024 + profile; });
      engine.Set<m::VCudaEngine_isDebugTensor>(+[](void*, char const*) { return std::uint8_t{0}; });
    }
    engine.Set<m::VCudaEngine_getNbIOTensors>(+[](void*) { return 3; });
    engine.Set<m::VCudaEngine_getIOTensorName>(+[](void*, i32 i) -> char const* {
      const char* const names[] = {"x", "shape", "y"};
      return names[i];
    });
    engine.Set<m::VCudaEngine_getTensorIOMode>(+[](void*, char const* name) {
      return std::strcmp(name, "y") == 0 ? TensorIOMode::kOutput : TensorIOMode::kInput;
    });
    engine.Set<m::VCudaEngine_getTensorDataType>(+[](void*, char const* name) {
      return std::strcmp(name, "shape") == 0 ? DataType::kInt32 : DataType::kFloat;
    });
    engine.Set<m::VCudaEngine_getTensorLocation>(+[](void*, char const* name) {
      return std::strcmp(name, "shape") == 0 ? TensorLocation::kHost : TensorLocation::kDevice;
    });
    engine.Set<m::VCudaEngine_isShapeInferenceIO>(
        +[](void*, char const* name) { return std::uint8_t(std::strcmp(name, "shape") == 0); });
    if (has_86) {
      FillLayouts();
    } else {
      FillLayoutsOfAnyProfile();
    }
    if (major == 8) {
      engine.Set<m::VCudaEngine_getBindingIndex>(
          +[](void*, char const* name) { return std::strcmp(name, "shape") == 0 ? 1 : 0; });
      engine.Set<m::VCudaEngine_getProfileShapeValues>(
          +[](void*, i32, i32 index, OptProfileSelector selector) -> i32 const* {
            static const i32 values[] = {3, 4};
            return index != 1 || selector == OptProfileSelector::kMax ? nullptr : values;
          });
    } else if (major == 10) {
      engine.Set<m::VCudaEngine_getProfileTensorValues>(
          +[](void*, char const*, i32, OptProfileSelector selector) -> i32 const* {
            static const i32 values[] = {3, 4};
            return selector == OptProfileSelector::kMax ? nullptr : values;
          });
    } else {
      engine.Set<m::VCudaEngine_getProfileTensorValuesV2>(
          +[](void*, char const*, i32, OptProfileSelector selector) -> i64 const* {
            static const i64 values[] = {3, 4};
            return selector == OptProfileSelector::kMax ? nullptr : values;
          });
    }
    if (major == 8) {
      engine.Set<m::VCudaEngine_createExecutionContext_8>(
          +[](void*) -> abi::IExecutionContext* { return g_fake->context.handle(); });
      engine.Set<m::VCudaEngine_createExecutionContextWithoutDeviceMemory>(
          +[](void*) -> abi::IExecutionContext* { return nullptr; });
    } else {
      engine.Set<m::VCudaEngine_createExecutionContext>(
          +[](void*, AllocationStrategy strategy) -> abi::IExecutionContext* {
            return strategy == AllocationStrategy::kStatic ? g_fake->context.handle() : nullptr;
          });
    }
    engine.Set<m::VCudaEngine_createEngineInspector>(
        +[](void*) -> abi::IEngineInspector* { return g_fake->inspector.handle(); });
    engine.Set<m::VCudaEngine_serialize>(
        +[](void*) -> abi::IHostMemory* { return g_fake->memory.handle(); });
    if (major > 8) {
      engine.Set<m::VCudaEngine_createSerializationConfig>(
          +[](void*) -> abi::ISerializationConfig* { return g_fake->serialization.handle(); });
      engine.SetAny<m::VCudaEngine_serializeWithConfig>(reinterpret_cast<void*>(
          +[](void*, void*) -> abi::IHostMemory* { return g_fake->memory.handle(); }));
      serialization.Set<m::VSerializationConfig_getFlags>(+[](void*) -> abi::u32 { return 0; });
      serialization.Set<m::VSerializationConfig_setFlags>(
          +[](void*, abi::u32) { return std::uint8_t{1}; });
    }
  }

  void FillLayouts() {
    engine.Set<m::VCudaEngine_getTensorFormatV2>(
        +[](void*, char const*, i32 profile) { return abi::TensorFormat{profile}; });
    engine.Set<m::VCudaEngine_getTensorFormatDescV2>(
        +[](void*, char const*, i32) -> char const* { return "Row major"; });
    engine.Set<m::VCudaEngine_getTensorBytesPerComponentV2>(
        +[](void*, char const*, i32) { return -1; });
    engine.Set<m::VCudaEngine_getTensorComponentsPerElementV2>(
        +[](void*, char const*, i32) { return -1; });
    engine.Set<m::VCudaEngine_getTensorVectorizedDimV2>(
        +[](void*, char const*, i32) { return -1; });
  }

  // As 8.5 has them.
  void FillLayoutsOfAnyProfile() {
    engine.Set<m::VCudaEngine_getTensorFormat>(
        +[](void*, char const*) { return abi::TensorFormat{1}; });
    engine.Set<m::VCudaEngine_getTensorFormatDesc>(
        +[](void*, char const*) -> char const* { return "Row major"; });
    engine.Set<m::VCudaEngine_getTensorBytesPerComponent>(+[](void*, char const*) { return -1; });
    engine.Set<m::VCudaEngine_getTensorComponentsPerElement>(
        +[](void*, char const*) { return -1; });
    engine.Set<m::VCudaEngine_getTensorVectorizedDim>(+[](void*, char const*) { return -1; });
  }

  // What the methods answer, and take, that have Dims.
  static Dims64 EngineShape(char const* name) {
    return std::strcmp(name, "shape") == 0 ? Dims64{1, {2}} : Dims64{2, {-1, 64}};
  }
  static Dims64 ProfileShape(char const* name, i32 profile, OptProfileSelector selector) {
    if (std::strcmp(name, "shape") == 0) return Dims64{1, {2}};
    return Dims64{2, {100 * i64{profile} + 8 * static_cast<i64>(selector) + 1, 64}};
  }
  static Dims64 ContextShape(char const* name) {
    return std::strcmp(name, "y") == 0 ? Dims64{-1, {}} : Dims64{2, {4, 64}};
  }
  template <typename T>
  static std::uint8_t TakeShape(T const& dims) {
    if (dims.nbDims == 2 && dims.d[0] <= 17 && dims.d[1] == 64) return 1;
    Complain(g_fake->on_context, 3, "IExecutionContext::setInputShape: not in the profile");
    return 0;
  }
  static Dims32 Narrow(Dims64 const& dims) {
    Dims32 narrow{dims.nbDims, {}};
    for (int i = 0; i < dims.nbDims; ++i) narrow.d[i] = static_cast<i32>(dims.d[i]);
    return narrow;
  }

  void FillDims() {
    if (major != 8) {
      engine.Set<m::VCudaEngine_getTensorShape>(
          +[](void*, char const* name) { return EngineShape(name); });
      engine.Set<m::VCudaEngine_getProfileShape>(
          +[](void*, char const* name, i32 profile, OptProfileSelector selector) {
            return ProfileShape(name, profile, selector);
          });
      context.Set<m::VExecutionContext_setInputShape>(
          +[](void*, char const*, Dims64 const& dims) { return TakeShape(dims); });
      context.Set<m::VExecutionContext_getTensorShape>(
          +[](void*, char const* name) { return ContextShape(name); });
      context.Set<m::VExecutionContext_getTensorStrides>(
          +[](void*, char const*) { return Dims64{2, {64, 1}}; });
      return;
    }
    engine.Set<m::VCudaEngine_getTensorShape_8>(
        +[](void*, char const* name) { return Narrow(EngineShape(name)); });
    engine.Set<m::VCudaEngine_getProfileShape_8>(
        +[](void*, char const* name, i32 profile, OptProfileSelector selector) {
          return Narrow(ProfileShape(name, profile, selector));
        });
    context.Set<m::VExecutionContext_setInputShape_8>(
        +[](void*, char const*, Dims32 const& dims) { return TakeShape(dims); });
    context.Set<m::VExecutionContext_getTensorShape_8>(
        +[](void*, char const* name) { return Narrow(ContextShape(name)); });
    context.Set<m::VExecutionContext_getTensorStrides_8>(
        +[](void*, char const*) { return Dims32{2, {64, 1}}; });
  }

  void FillContext() {
    context.Set<m::VExecutionContext_setErrorRecorder>(
        +[](void*, abi::IErrorRecorder* recorder) { CopyPointer(g_fake->on_context, recorder); });
    context.Set<m::VExecutionContext_getOptimizationProfile>(+[](void*) { return 0; });
    context.Set<m::VExecutionContext_setOptimizationProfileAsync>(+[](void*, i32, CUstream_st*) {
      if (!g_fake->profile_is_taken) return std::uint8_t{1};
      Complain(
          g_fake->on_context, 3,
          "Profile 1 has been chosen by another IExecutionContext. Use another profileIndex or "
          "destroy the IExecutionContext that use this profile.");
      return std::uint8_t{0};
    });
    context.Set<m::VExecutionContext_inferShapes>(+[](void*, i32 count, char const** names) -> i32 {
      if (count > 0) names[0] = "shape";
      return g_fake->missing;
    });
    context.Set<m::VExecutionContext_allInputDimensionsSpecified>(
        +[](void*) { return std::uint8_t{1}; });
    context.Set<m::VExecutionContext_setTensorAddress>(
        +[](void*, char const*, void* address) { return std::uint8_t(address != nullptr); });
    context.Set<m::VExecutionContext_setOutputAllocator>(
        +[](void*, char const*, abi::IOutputAllocator* allocator) {
          g_fake->allocator = allocator;
          return std::uint8_t{1};
        });
    context.Set<m::VExecutionContext_setProfiler>(
        +[](void*, abi::IProfiler* profiler) { g_fake->profiler = profiler; });
    context.Set<m::VExecutionContext_setEnqueueEmitsProfile>(
        +[](void*, bool on) { g_fake->emits_profile = on; });
    if (major == 8) {
      context.Set<m::VExecutionContext_setDeviceMemory>(
          +[](void*, void* given) { g_fake->device_memory = given; });
    } else {
      context.Set<m::VExecutionContext_setDeviceMemoryV2>(+[](void*, void*, i64 bytes) {
        if (bytes < 100) Complain(g_fake->on_context, 3, "memory is too small");
      });
      context.Set<m::VExecutionContext_updateDeviceMemorySizeForShapes>(
          +[](void*) -> u64 { return 512; });
    }
    if (has_86) {
      context.Set<m::VExecutionContext_setAuxStreams>(+[](void*, CUstream_st**, i32) {});
    }
    context.Set<m::VExecutionContext_enqueueV3>(+[](void*, CUstream_st*) {
      if (g_fake->allocator != nullptr) {
        void* const* vtable = *reinterpret_cast<void* const* const*>(g_fake->allocator);
        // TensorRT 8 has no stream to tell of: what it leaves in that register is nobody's business.
        using Reallocate = void* (*)(void*, char const*, void*, u64, u64, void*);
        const int slot = g_fake->major == 8 ? 1 : 5;
        void* memory = reinterpret_cast<Reallocate>(vtable[slot])(g_fake->allocator, "y", nullptr,
                                                                  64, 256, nullptr);
        if (memory == nullptr) return std::uint8_t{0};
      }
      if (g_fake->complaint == nullptr) return std::uint8_t{1};
      Complain(g_fake->on_context, g_fake->complaint_code, g_fake->complaint);
      return std::uint8_t{0};
    });
  }

  const int major;
  const bool has_86;
  FakeObject<abi::VRuntime> runtime;
  FakeObject<abi::VCudaEngine> engine;
  FakeObject<abi::VExecutionContext> context;
  FakeObject<abi::VEngineInspector> inspector;
  FakeObject<abi::VHostMemory> memory;
  FakeObject<abi::VSerializationConfig> serialization;
  abi::IErrorRecorder* on_runtime = nullptr;
  abi::IErrorRecorder* on_context = nullptr;
  abi::IErrorRecorder* on_inspector = nullptr;
  abi::IOutputAllocator* allocator = nullptr;
  abi::IProfiler* profiler = nullptr;
  bool emits_profile = true;
  int num_profiles = 2;
  const char* complaint = nullptr;
  int complaint_code = 1;
  int missing = 1;
  bool profile_is_taken = false;
  void* device_memory = nullptr;
  char serialized[4] = {'p', 'l', 'a', 'n'};
};

}  // namespace trtnode::test
