// Runtime, Engine, ExecutionContext and EngineInspector over fake objects, in the layouts of TensorRT 8.5, 8.6, 10 and 11.
#include "tensorrt/runtime.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "tensorrt/engine.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/loader.h"
#include "test/check.h"
#include "test/fake_tensorrt.h"

namespace trtnode::tensorrt {
namespace {

using test::Fake;

constexpr const char* kStubs[] = {"8.5", "8", "10", "11"};

std::shared_ptr<Library> OpenStub(const char* stub, void* runtime) {
  LibraryOptions options;
  options.path = std::string(TRT_NODE_STUBS) + "/" + stub + "/libnvinfer.so." +
                 std::to_string(std::atoi(stub));
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
  explicit Stack(const char* stub, int num_profiles = 2) : fake(stub) {
    fake.num_profiles = num_profiles;
    auto created = Runtime::Create(OpenStub(stub, fake.runtime.handle()), {});
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
  for (const char* const stub : kStubs) {
    for (const std::uintptr_t junk : {0x0U, 0x200U, 0x238U, 0xffffU}) {
      const auto library = OpenStub(stub, reinterpret_cast<void*>(junk));
      const Error error = CHECK_FAILS(Runtime::Create(library, {}), kNoDriver);
      CHECK_CONTAINS(error.hint, "nvidia-smi");
    }
  }
}

TEST(RuntimeOptions) {
  for (const char* const stub : kStubs) {
    Fake fake(stub);
    const auto library = OpenStub(stub, fake.runtime.handle());
    tensorrt::RuntimeOptions options;
    options.dla_core = 0;
    CHECK_CONTAINS(CHECK_FAILS(Runtime::Create(library, options), kInvalidArgument).message,
                   "DLA core 0");
    options = {};
    options.max_threads = 200;
    CHECK_FAILS(Runtime::Create(library, options), kInvalidArgument);
    options.max_threads = 4;
    options.engine_host_code_allowed = fake.has_86;
    const auto runtime = Runtime::Create(library, options);
    REQUIRE_OK(runtime);
    CHECK_EQ(runtime.value()->engine_host_code_allowed(), fake.has_86);
    CHECK_EQ(runtime.value()->num_dla_cores(), 0);
    CHECK_EQ(fake.runtime.deletions(), 2);  // the two that failed
  }
}

TEST(What85LacksIsDescribedOrRefused) {
  {
    const Fake fake("8.5");
    const auto library = OpenStub("8.5", const_cast<Fake&>(fake).runtime.handle());
    tensorrt::RuntimeOptions options;
    options.engine_host_code_allowed = true;
    CHECK_CONTAINS(CHECK_FAILS(Runtime::Create(library, options), kUnsupported).message,
                   "setEngineHostCodeAllowed needs TensorRT 8.6 or newer; this is TensorRT 8.5.2");
    options = {};
    options.temporary_directory = "/tmp";
    CHECK_FAILS(Runtime::Create(library, options), kUnsupported);
    const auto runtime = Runtime::Create(library, {});
    REQUIRE_OK(runtime);
    CHECK_EQ(runtime.value()->temporary_directory(), "");
  }
  const Stack stack("8.5");
  CHECK_EQ(stack.engine->info().num_aux_streams, 0);
  CHECK_EQ(stack.engine->info().hardware_compatibility_level, 0);
  CHECK_FAILS(stack.context->SetAuxStreams({}), kUnsupported);
}

TEST(What8HasInAnotherWay) {
  for (const char* const stub : {"8.5", "8"}) {
    Stack stack(stub);
    ExecutionContext& context = *stack.context;
    CHECK_FAILS(stack.engine->CreateExecutionContext(AllocationStrategy::kOnProfileChange),
                kUnsupported);
    CHECK_FAILS(stack.engine->CreateExecutionContext(AllocationStrategy::kUserManaged), kExecution);
    // One size for all shapes and profiles, which TensorRT itself does not check.
    CHECK(context.UpdateDeviceMemorySizeForShapes().value() == 4096);
    int value = 0;
    CHECK_FAILS(context.SetDeviceMemory(&value, 4095), kInvalidArgument);
    CHECK(stack.fake.device_memory == nullptr);
    CHECK_OK(context.SetDeviceMemory(&value, 4096));
    CHECK(stack.fake.device_memory == &value);
    // 32 bits.
    const Error wide = CHECK_FAILS(context.SetInputShape(0, Dims{1LL << 31, 64}), kInvalidArgument);
    CHECK_CONTAINS(wide.message, "more than 32 bits");
    // One context a profile.
    stack.fake.profile_is_taken = true;
    const Error taken = CHECK_FAILS(context.SetOptimizationProfile(1, nullptr), kUnsupported);
    CHECK_CONTAINS(taken.message, "has been chosen by another IExecutionContext");
    CHECK_CONTAINS(taken.hint, "one instance");
  }
}

TEST(EngineInfoIsRead) {
  for (const char* const stub : kStubs) {
    const Stack stack(stub);
    const int major = stack.fake.major;
    const EngineInfo& info = stack.engine->info();
    CHECK_EQ(info.name, "");
    CHECK_EQ(info.num_profiles, 2);
    CHECK_EQ(info.num_layers, 5);
    CHECK_EQ(info.profiling_verbosity, 2);
    CHECK(info.refittable);
    CHECK_EQ(info.device_memory_bytes, 4096);
    const std::vector<std::int64_t> per_profile =
        major == 8 ? std::vector<std::int64_t>{4096, 4096} : std::vector<std::int64_t>{1024, 1025};
    CHECK((info.device_memory_bytes_per_profile == per_profile));
    CHECK_EQ(info.streamable_weights_bytes, major == 8 ? 0 : 77);
    CHECK_EQ(info.num_aux_streams, stack.fake.has_86 ? 3 : 0);
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
  for (const char* const stub : kStubs) {
    Fake fake(stub);
    auto created = Runtime::Create(OpenStub(stub, fake.runtime.handle()), {});
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
    CHECK_EQ(refused.error().code,
             fake.major == 10 ? ErrorCode::kDeserialize : ErrorCode::kPlanVersion);
    CHECK_CONTAINS(refused.error().message, "something else");
    CHECK_FAILS(runtime.DeserializeEngine({}), kInvalidPlan);
    fake.complaint = nullptr;
    CHECK_OK(runtime.DeserializeEngine(SmallPlan()));
  }
}

TEST(TheInspectorTakesContextsOfOneProfileOnly) {
  const Stack stack("10");
  auto inspector = stack.engine->CreateInspector();
  REQUIRE_OK(inspector);
  CHECK_FAILS(inspector.value()->SetExecutionContext(stack.context), kUnsupported);
}

TEST(AnEmptyTextOfTheInspectorIsAFailureIfAnErrorCameWithIt) {
  for (const char* const stub : kStubs) {
    Stack stack(stub);
    auto inspector = stack.engine->CreateInspector();
    REQUIRE_OK(inspector);
    CHECK_EQ(inspector.value()->LayerInformation(0, InspectorFormat::kJson).Take(), "");
    stack.fake.complaint = "device 0 is SM 0";
    const auto text = inspector.value()->LayerInformation(0, InspectorFormat::kJson);
    REQUIRE(!text.ok());
    CHECK_CONTAINS(text.error().message, "device 0 is SM 0");
    stack.fake.complaint = nullptr;
  }
}

TEST(ObjectsLiveAsLongAsTheyAreNeeded) {
  for (const char* const stub : kStubs) {
    Stack stack(stub, 1);
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
  Stack stack("11");
  {
    auto memory = stack.engine->Serialize();
    REQUIRE_OK(memory);
    CHECK_EQ(memory.value()->bytes().size(), 4U);
    CHECK_EQ(std::memcmp(memory.value()->bytes().data(), "plan", 4), 0);
  }
  CHECK_EQ(stack.fake.memory.deletions(), 1);
}

TEST(InputShapes) {
  for (const char* const stub : kStubs) {
    const Stack stack(stub);
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
  Stack stack("10");
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
  for (const char* const stub : kStubs) {
    Stack stack(stub);
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
  const Stack stack("11");
  ExecutionContext& context = *stack.context;
  CHECK_FAILS(context.SetTensorAddress(0, nullptr), kInvalidArgument);
  int value = 0;
  CHECK_OK(context.SetTensorAddress(0, &value));
  CHECK_FAILS(context.SetDeviceMemory(&value, 10), kInvalidArgument);
  CHECK_OK(context.SetDeviceMemory(&value, 1000));
  CHECK(context.UpdateDeviceMemorySizeForShapes().value() == 512);
}

TEST(ProfilersHaveTheLayoutOfTheMajor) {
  for (const char* const stub : kStubs) {
    const Stack stack(stub);
    ExecutionContext& context = *stack.context;
    CHECK_OK(context.SetProfiling(false));
    CHECK(stack.fake.profiler == nullptr);
    CHECK_OK(context.SetProfiling(true));
    REQUIRE(stack.fake.profiler != nullptr);
    CHECK(stack.fake.emits_profile);
    const auto report = [&] {
      void* const* vtable = *reinterpret_cast<void* const* const*>(stack.fake.profiler);
      using ReportTime = void (*)(void*, char const*, float);
      reinterpret_cast<ReportTime>(vtable[stack.fake.major == 11 ? 4 : 0])(stack.fake.profiler,
                                                                           "conv", 0.5F);
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
  const Stack stack("10");
  CHECK_FAILS(stack.engine->CreateExecutionContext(AllocationStrategy::kUserManaged), kExecution);
}

}  // namespace
}  // namespace trtnode::tensorrt
