// Runtime, Engine, ExecutionContext and EngineInspector over fake objects, in the layouts of TensorRT 10 and 11.
#include "tensorrt/runtime.h"

#include <dlfcn.h>

#include <cstring>

#include "tensorrt/engine.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/loader.h"
#include "test/check.h"
#include "test/fake_object.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;
using abi::Dims64;
using abi::i32;
using abi::i64;
using abi::u64;
using test::FakeObject;

// The fake TensorRT that is open; its functions are plain functions, so they find it here.
struct Fake;
Fake* g_fake = nullptr;

void CopyPointer(abi::IErrorRecorder*& to, abi::IErrorRecorder* from) { to = from; }

struct Fake {
  explicit Fake(int major_number)
      : major(major_number),
        version{major, 0, 0, 0},
        runtime(major),
        engine(major),
        context(major),
        inspector(major),
        memory(major) {
    g_fake = this;
    FillRuntime();
    FillEngine();
    FillContext();
    inspector.Set<m::VEngineInspector_setErrorRecorder>(+[](void*, abi::IErrorRecorder*) {});
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
    reinterpret_cast<Report>(vtable[9])(recorder, code, text);
  }

  void FillRuntime() {
    runtime.Set<m::VRuntime_setErrorRecorder>(
        +[](void*, abi::IErrorRecorder* recorder) { CopyPointer(g_fake->on_runtime, recorder); });
    runtime.Set<m::VRuntime_setMaxThreads>(
        +[](void*, i32 threads) { return std::uint8_t(threads < 100); });
    runtime.Set<m::VRuntime_getNbDLACores>(+[](void*) { return 0; });
    runtime.Set<m::VRuntime_setEngineHostCodeAllowed>(+[](void*, bool) {});
    runtime.Set<m::VRuntime_getEngineHostCodeAllowed>(+[](void*) { return std::uint8_t{1}; });
    runtime.Set<m::VRuntime_deserializeCudaEngine>(
        +[](void*, void const*, u64) -> abi::ICudaEngine* {
          if (g_fake->complaint == nullptr) return g_fake->engine.handle();
          Complain(g_fake->on_runtime, g_fake->complaint_code, g_fake->complaint);
          return nullptr;
        });
  }

  void FillEngine() {
    engine.Set<m::VCudaEngine_setErrorRecorder>(+[](void*, abi::IErrorRecorder*) {});
    engine.Set<m::VCudaEngine_getName>(+[](void*) -> char const* { return nullptr; });
    engine.Set<m::VCudaEngine_getNbOptimizationProfiles>(
        +[](void*) { return g_fake->num_profiles; });
    engine.Set<m::VCudaEngine_getNbLayers>(+[](void*) { return 5; });
    engine.Set<m::VCudaEngine_getNbAuxStreams>(+[](void*) { return 0; });
    engine.Set<m::VCudaEngine_getEngineCapability>(+[](void*) { return abi::EngineCapability{}; });
    engine.Set<m::VCudaEngine_getProfilingVerbosity>(
        +[](void*) { return abi::ProfilingVerbosity{2}; });
    engine.Set<m::VCudaEngine_getHardwareCompatibilityLevel>(
        +[](void*) { return abi::HardwareCompatibilityLevel{}; });
    engine.Set<m::VCudaEngine_isRefittable>(+[](void*) { return std::uint8_t{1}; });
    engine.Set<m::VCudaEngine_getStreamableWeightsSize>(+[](void*) -> i64 { return 77; });
    // 10.0 has only the first two, and the stub of 10 says 10.6, which has both.
    engine.Set<m::VCudaEngine_getDeviceMemorySizeV2>(+[](void*) -> i64 { return 4096; });
    engine.Set<m::VCudaEngine_getDeviceMemorySizeForProfileV2>(
        +[](void*, i32 profile) -> i64 { return 1024 + profile; });
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
    engine.Set<m::VCudaEngine_getTensorShape>(+[](void*, char const* name) {
      return std::strcmp(name, "shape") == 0 ? Dims64{1, {2}} : Dims64{2, {-1, 64}};
    });
    engine.Set<m::VCudaEngine_getTensorLocation>(+[](void*, char const* name) {
      return std::strcmp(name, "shape") == 0 ? TensorLocation::kHost : TensorLocation::kDevice;
    });
    engine.Set<m::VCudaEngine_isShapeInferenceIO>(
        +[](void*, char const* name) { return std::uint8_t(std::strcmp(name, "shape") == 0); });
    engine.Set<m::VCudaEngine_isDebugTensor>(+[](void*, char const*) { return std::uint8_t{0}; });
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
    engine.Set<m::VCudaEngine_getProfileShape>(
        +[](void*, char const* name, i32 profile, OptProfileSelector selector) {
          if (std::strcmp(name, "shape") == 0) return Dims64{1, {2}};
          return Dims64{2, {100 * i64{profile} + 8 * static_cast<i64>(selector) + 1, 64}};
        });
    if (major == 10) {
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
    engine.Set<m::VCudaEngine_createExecutionContext>(
        +[](void*, AllocationStrategy strategy) -> abi::IExecutionContext* {
          return strategy == AllocationStrategy::kStatic ? g_fake->context.handle() : nullptr;
        });
    engine.Set<m::VCudaEngine_createEngineInspector>(
        +[](void*) -> abi::IEngineInspector* { return g_fake->inspector.handle(); });
    engine.Set<m::VCudaEngine_serialize>(
        +[](void*) -> abi::IHostMemory* { return g_fake->memory.handle(); });
  }

  void FillContext() {
    context.Set<m::VExecutionContext_setErrorRecorder>(
        +[](void*, abi::IErrorRecorder* recorder) { CopyPointer(g_fake->on_context, recorder); });
    context.Set<m::VExecutionContext_getOptimizationProfile>(+[](void*) { return 0; });
    context.Set<m::VExecutionContext_setOptimizationProfileAsync>(
        +[](void*, i32, CUstream_st*) { return std::uint8_t{1}; });
    context.Set<m::VExecutionContext_setInputShape>(+[](void*, char const*, Dims64 const& dims) {
      if (dims.nbDims == 2 && dims.d[0] <= 17 && dims.d[1] == 64) return std::uint8_t{1};
      Complain(g_fake->on_context, 3, "IExecutionContext::setInputShape: not in the profile");
      return std::uint8_t{0};
    });
    context.Set<m::VExecutionContext_getTensorShape>(+[](void*, char const* name) {
      return std::strcmp(name, "y") == 0 ? Dims64{-1, {}} : Dims64{2, {4, 64}};
    });
    context.Set<m::VExecutionContext_getTensorStrides>(
        +[](void*, char const*) { return Dims64{2, {64, 1}}; });
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
    context.Set<m::VExecutionContext_setDeviceMemoryV2>(+[](void*, void*, i64 bytes) {
      if (bytes < 100) Complain(g_fake->on_context, 3, "memory is too small");
    });
    context.Set<m::VExecutionContext_updateDeviceMemorySizeForShapes>(
        +[](void*) -> u64 { return 512; });
    context.Set<m::VExecutionContext_enqueueV3>(+[](void*, CUstream_st*) {
      if (g_fake->allocator != nullptr) {
        void* const* vtable = *reinterpret_cast<void* const* const*>(g_fake->allocator);
        using Reallocate = void* (*)(void*, char const*, void*, u64, u64, void*);
        void* memory = reinterpret_cast<Reallocate>(vtable[5])(g_fake->allocator, "y", nullptr, 64,
                                                               256, nullptr);
        if (memory == nullptr) return std::uint8_t{0};
      }
      if (g_fake->complaint == nullptr) return std::uint8_t{1};
      Complain(g_fake->on_context, g_fake->complaint_code, g_fake->complaint);
      return std::uint8_t{0};
    });
  }

  const int major;
  const Version version;
  FakeObject<abi::VRuntime> runtime;
  FakeObject<abi::VCudaEngine> engine;
  FakeObject<abi::VExecutionContext> context;
  FakeObject<abi::VEngineInspector> inspector;
  FakeObject<abi::VHostMemory> memory;
  abi::IErrorRecorder* on_runtime = nullptr;
  abi::IErrorRecorder* on_context = nullptr;
  abi::IOutputAllocator* allocator = nullptr;
  abi::IProfiler* profiler = nullptr;
  bool emits_profile = true;
  int num_profiles = 2;
  const char* complaint = nullptr;
  int complaint_code = 1;
  int missing = 1;
  char serialized[4] = {'p', 'l', 'a', 'n'};
};

std::shared_ptr<Library> OpenStub(int major, void* runtime) {
  LibraryOptions options;
  options.path = std::string(TRT_NODE_STUBS) + "/" + std::to_string(major) + "/libnvinfer.so." +
                 std::to_string(major);
  options.init_plugins = false;
  auto library = Library::Open(options);
  REQUIRE_OK(library);
  void* handle = dlopen(options.path.c_str(), RTLD_NOW);
  REQUIRE(handle != nullptr);
  reinterpret_cast<void (*)(void*, void*)>(dlsym(handle, "stubSetObjects"))(runtime, nullptr);
  return library.Take();
}

// The first bytes of a plan of 10.6, all that is looked at before the fake gets it.
std::vector<std::byte> SmallPlan() {
  std::vector<std::byte> plan(64);
  std::memcpy(plan.data(), "ftrt", 4);
  plan[8] = std::byte{2};
  plan[0x10] = std::byte{64};
  plan[0x18] = std::byte{10};
  plan[0x19] = std::byte{6};
  return plan;
}

struct Stack {
  explicit Stack(int major, int num_profiles = 2) : fake(major) {
    fake.num_profiles = num_profiles;
    auto created = Runtime::Create(OpenStub(major, fake.runtime.handle()), {});
    REQUIRE_OK(created);
    runtime = created.Take();
    auto deserialized = runtime->DeserializeEngine(SmallPlan());
    REQUIRE_OK(deserialized);
    engine = deserialized.Take();
    auto made = engine->CreateExecutionContext(AllocationStrategy::kStatic);
    REQUIRE_OK(made);
    context = made.Take();
  }
  Fake fake;
  std::shared_ptr<Runtime> runtime;
  std::shared_ptr<Engine> engine;
  std::shared_ptr<ExecutionContext> context;
};

TEST(JunkPointersAreNoRuntime) {
  for (const int major : {10, 11}) {
    for (const std::uintptr_t junk : {0x0U, 0x200U, 0x238U, 0xffffU}) {
      const auto library = OpenStub(major, reinterpret_cast<void*>(junk));
      const Error error = CHECK_FAILS(Runtime::Create(library, {}), kNoDriver);
      CHECK_CONTAINS(error.hint, "nvidia-smi");
    }
  }
}

TEST(RuntimeOptions) {
  for (const int major : {10, 11}) {
    Fake fake(major);
    const auto library = OpenStub(major, fake.runtime.handle());
    tensorrt::RuntimeOptions options;
    options.dla_core = 0;
    CHECK_CONTAINS(CHECK_FAILS(Runtime::Create(library, options), kInvalidArgument).message,
                   "DLA core 0");
    options = {};
    options.max_threads = 200;
    CHECK_FAILS(Runtime::Create(library, options), kInvalidArgument);
    options.max_threads = 4;
    options.engine_host_code_allowed = true;
    const auto runtime = Runtime::Create(library, options);
    REQUIRE_OK(runtime);
    CHECK(runtime.value()->engine_host_code_allowed());
    CHECK_EQ(runtime.value()->num_dla_cores(), 0);
    CHECK_EQ(fake.runtime.deletions(), 2);  // the two that failed
  }
}

TEST(EngineInfoIsRead) {
  for (const int major : {10, 11}) {
    const Stack stack(major);
    const EngineInfo& info = stack.engine->info();
    CHECK_EQ(info.name, "");
    CHECK_EQ(info.num_profiles, 2);
    CHECK_EQ(info.num_layers, 5);
    CHECK_EQ(info.profiling_verbosity, 2);
    CHECK(info.refittable);
    CHECK_EQ(info.device_memory_bytes, 4096);
    CHECK((info.device_memory_bytes_per_profile == std::vector<std::int64_t>{1024, 1025}));
    CHECK_EQ(info.streamable_weights_bytes, 77);
    REQUIRE(info.tensors.size() == 3);
    const TensorInfo& x = info.tensors[0];
    CHECK_EQ(x.name, "x");
    CHECK(x.mode == TensorIOMode::kInput);
    CHECK(x.shape == (Dims{-1, 64}));
    REQUIRE(x.profiles.size() == 2);
    CHECK(x.profiles[1].max == (Dims{117, 64}));
    CHECK(x.profiles[0].min_values.empty());
    CHECK_EQ(x.layouts[1].format, 1);
    const TensorInfo& shape = info.tensors[1];
    CHECK(shape.is_shape_inference_io);
    CHECK(shape.location == TensorLocation::kHost);
    CHECK((shape.profiles[0].min_values == std::vector<std::int64_t>{3, 4}));
    CHECK(shape.profiles[0].max_values.empty());
    CHECK(info.tensors[2].profiles.empty());
    CHECK_EQ(stack.engine->TensorIndex("y"), 2);
    CHECK_EQ(stack.engine->TensorIndex("z"), -1);
  }
}

TEST(ARefusedPlanTellsWhy) {
  for (const int major : {10, 11}) {
    Fake fake(major);
    auto created = Runtime::Create(OpenStub(major, fake.runtime.handle()), {});
    REQUIRE_OK(created);
    Runtime& runtime = *created.value();
    fake.complaint =
        "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Version tag does "
        "not match. Note: Current Version: 245, Serialized Engine Version: 239)";
    Error error = CHECK_FAILS(runtime.DeserializeEngine(SmallPlan()), kPlanVersion);
    CHECK_CONTAINS(error.message, "built with TensorRT 10.6.0");
    CHECK_CONTAINS(error.message, "Serialized Engine Version: 239");
    CHECK_EQ(error.call, "IRuntime::deserializeCudaEngine");
    REQUIRE(error.log.size() == 1);
    CHECK(error.log[0].starts_with("[E] IRuntime::"));

    fake.complaint = "Error Code 2: OutOfMemory (Requested size was 123456789 bytes.)";
    fake.complaint_code = 5;
    error = CHECK_FAILS(runtime.DeserializeEngine(SmallPlan()), kOutOfMemory);
    CHECK(error.requested_bytes == 123456789U);

    fake.complaint = "something else";
    fake.complaint_code = 1;
    // Whatever the words, a plan of another major is one of another version.
    const auto refused = runtime.DeserializeEngine(SmallPlan());
    REQUIRE(!refused.ok());
    CHECK_EQ(refused.error().code, major == 10 ? ErrorCode::kDeserialize : ErrorCode::kPlanVersion);
    CHECK_CONTAINS(refused.error().message, "something else");
    CHECK_FAILS(runtime.DeserializeEngine({}), kInvalidPlan);
    fake.complaint = nullptr;
    CHECK_OK(runtime.DeserializeEngine(SmallPlan()));
  }
}

TEST(TheInspectorTakesContextsOfOneProfileOnly) {
  const Stack stack(10);
  auto inspector = stack.engine->CreateInspector();
  REQUIRE_OK(inspector);
  CHECK_FAILS(inspector.value()->SetExecutionContext(stack.context), kUnsupported);
}

TEST(ObjectsLiveAsLongAsTheyAreNeeded) {
  for (const int major : {10, 11}) {
    Stack stack(major, 1);
    auto inspector = stack.engine->CreateInspector();
    REQUIRE_OK(inspector);
    CHECK_OK(inspector.value()->SetExecutionContext(stack.context));
    stack.runtime.reset();
    stack.engine.reset();
    stack.context.reset();
    CHECK_EQ(stack.fake.context.deletions(), 0);
    CHECK_CONTAINS(inspector.value()->EngineInformation(InspectorFormat::kJson).Take(), "Layers");
    CHECK_FAILS(inspector.value()->EngineInformation(InspectorFormat::kOneline), kExecution);
    inspector.Take().reset();
    CHECK_EQ(stack.fake.inspector.deletions(), 1);
    CHECK_EQ(stack.fake.context.deletions(), 1);
    CHECK_EQ(stack.fake.engine.deletions(), 1);
    CHECK_EQ(stack.fake.runtime.deletions(), 1);
  }
}

TEST(SerializedEnginesAreFreed) {
  Stack stack(11);
  {
    auto memory = stack.engine->Serialize();
    REQUIRE_OK(memory);
    CHECK_EQ(memory.value()->bytes().size(), 4U);
    CHECK_EQ(std::memcmp(memory.value()->bytes().data(), "plan", 4), 0);
  }
  CHECK_EQ(stack.fake.memory.deletions(), 1);
}

TEST(InputShapes) {
  for (const int major : {10, 11}) {
    const Stack stack(major);
    ExecutionContext& context = *stack.context;
    CHECK_OK(context.SetInputShape(0, Dims{8, 64}));
    Error error = CHECK_FAILS(context.SetInputShape(0, Dims{18, 64}), kShapeOutOfRange);
    CHECK_CONTAINS(error.message, "(18, 64) for 'x' in profile 0");
    CHECK_CONTAINS(error.message, "profile 1: (101, 64) to (117, 64)");
    CHECK_CONTAINS(error.message, "not in the profile");
    CHECK_EQ(error.log.size(), 1U);
    CHECK_FAILS(context.SetInputShape(0, Dims{8}), kRankMismatch);
    CHECK_FAILS(context.SetInputShape(2, Dims{800, 64}), kInvalidArgument);
    CHECK_FAILS(context.SetInputShape(3, Dims{8, 64}), kInvalidArgument);
    CHECK_FAILS(context.SetInputShape(-1, Dims{8, 64}), kInvalidArgument);
    CHECK_FAILS(context.SetOptimizationProfile(2, nullptr), kInvalidArgument);
    CHECK_OK(context.SetOptimizationProfile(1, nullptr));
    CHECK(context.TensorShape(0).value() == (Dims{4, 64}));
    CHECK(context.TensorStrides(0).value() == (Dims{64, 1}));
    CHECK_FAILS(context.TensorShape(2), kExecution);
    const auto missing = context.InferShapes();
    REQUIRE_OK(missing);
    CHECK((missing.value() == std::vector<std::string>{"shape"}));
  }
}

TEST(InferShapesFails) {
  Stack stack(10);
  stack.fake.missing = 0;
  CHECK(stack.context->InferShapes().value().empty());
  stack.fake.missing = -1;
  CHECK_FAILS(stack.context->InferShapes(), kExecution);
}

struct Allocator final : OutputAllocator {
  void* Reallocate(const char*, void*, std::uint64_t, std::uint64_t, void*) override {
    return give;
  }
  void NotifyShape(const char*, const Dims&) override {}
  void* give = nullptr;
};

TEST(Enqueueing) {
  for (const int major : {10, 11}) {
    Stack stack(major);
    ExecutionContext& context = *stack.context;
    CHECK_OK(context.Enqueue(nullptr));
    stack.fake.complaint = "IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (invalid)";
    Error error = CHECK_FAILS(context.Enqueue(nullptr), kExecution);
    CHECK_CONTAINS(error.message, "Cuda Runtime (invalid)");
    stack.fake.complaint = nullptr;

    auto allocator = std::make_shared<Allocator>();
    CHECK_OK(context.SetOutputAllocator(2, allocator));
    error = CHECK_FAILS(context.Enqueue(nullptr), kOutputAllocator);
    CHECK_CONTAINS(error.message, "'y'");
    allocator->give = &stack;
    CHECK_OK(context.Enqueue(nullptr));
    // It is kept as long as TensorRT may call it.
    const std::weak_ptr<Allocator> kept = allocator;
    allocator.reset();
    CHECK(!kept.expired());
    CHECK_OK(context.SetOutputAllocator(2, nullptr));
    CHECK(kept.expired());
    CHECK(stack.fake.allocator == nullptr);
  }
}

TEST(AddressesAndMemory) {
  const Stack stack(11);
  ExecutionContext& context = *stack.context;
  CHECK_FAILS(context.SetTensorAddress(0, nullptr), kInvalidArgument);
  int value = 0;
  CHECK_OK(context.SetTensorAddress(0, &value));
  CHECK_FAILS(context.SetDeviceMemory(&value, 10), kInvalidArgument);
  CHECK_OK(context.SetDeviceMemory(&value, 1000));
  CHECK(context.UpdateDeviceMemorySizeForShapes().value() == 512);
}

TEST(ProfilersHaveTheLayoutOfTheMajor) {
  for (const int major : {10, 11}) {
    const Stack stack(major);
    ExecutionContext& context = *stack.context;
    CHECK_OK(context.SetProfiling(false));
    CHECK(stack.fake.profiler == nullptr);
    CHECK_OK(context.SetProfiling(true));
    REQUIRE(stack.fake.profiler != nullptr);
    CHECK(stack.fake.emits_profile);
    const auto report = [&] {
      void* const* vtable = *reinterpret_cast<void* const* const*>(stack.fake.profiler);
      using ReportTime = void (*)(void*, char const*, float);
      reinterpret_cast<ReportTime>(vtable[major == 10 ? 0 : 4])(stack.fake.profiler, "conv", 0.5F);
    };
    report();
    const auto times = context.TakeLayerTimes();
    REQUIRE(times.size() == 1);
    CHECK_EQ(times[0].name, "conv");
    // TensorRT keeps the profiler, as it takes no null; what it still says is not heard.
    CHECK_OK(context.SetProfiling(false));
    CHECK(!stack.fake.emits_profile);
    report();
    CHECK(context.TakeLayerTimes().empty());
  }
}

TEST(AContextThatCannotBeCreated) {
  const Stack stack(10);
  CHECK_FAILS(stack.engine->CreateExecutionContext(AllocationStrategy::kUserManaged), kExecution);
}

}  // namespace
}  // namespace trtnode::tensorrt
