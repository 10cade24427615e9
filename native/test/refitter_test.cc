// Refitter, RuntimeConfig, serialization flags and weight streaming over fake objects, in the layouts of TensorRT 10 and 11.
#include "tensorrt/refitter.h"

#include <dlfcn.h>

#include <array>
#include <cstring>

#include "tensorrt/execution_context.h"
#include "tensorrt/runtime.h"
#include "tensorrt/runtime_config.h"
#include "test/check.h"
#include "test/fake_tensorrt.h"

namespace trtnode::tensorrt {
namespace {

using abi::Weights;
using test::Fake;
using test::FakeObject;
namespace m = abi::methods;

// What the fake refitter, config and engine were told; plain functions find it here.
struct Told {
  bool complete = false;
  bool refits = true;
  const void* values = nullptr;
  std::int64_t count = 0;
  DataType type = DataType::kFloat;
  TensorLocation location = TensorLocation::kDevice;
  int validation = -1;
  std::uint32_t flags = 0;
  std::int64_t budget = 100;
  AllocationStrategy strategy = AllocationStrategy::kStatic;
};
Told told;

bool Take(char const* name, const Weights& weights, TensorLocation location) {
  if (std::strcmp(name, "W") != 0 || weights.count != 3) return false;
  told.values = weights.values;
  told.count = weights.count;
  told.type = weights.type;
  told.location = location;
  told.complete = true;
  return true;
}

struct World {
  explicit World(int major)
      : fake(major == 8    ? "8"
             : major == 10 ? "10"
                           : "11"),
        refitter(major),
        serialization(major),
        config(major),
        stub_major(major) {
    told = Told();
    g_world = this;
    FillRefitter();
    FillEngine();
    LibraryOptions options;
    options.path = std::string(TRT_NODE_STUBS) + "/" + std::to_string(major) + "/libnvinfer.so." +
                   std::to_string(major);
    options.init_plugins = false;
    auto library = Library::Open(options);
    REQUIRE_OK(library);
    void* handle = dlopen(options.path.c_str(), RTLD_NOW);
    reinterpret_cast<void (*)(void*, void*)>(dlsym(handle, "stubSetObjects"))(fake.runtime.handle(),
                                                                              nullptr);
    reinterpret_cast<void (*)(void*)>(dlsym(handle, "stubSetRefitter"))(refitter.handle());
    auto runtime = Runtime::Create(library.Take(), {});
    REQUIRE_OK(runtime);
    std::vector<std::byte> plan(64);
    std::memcpy(plan.data(), "ftrt", 4);
    plan[8] = std::byte{2};
    plan[0x10] = std::byte{64};
    plan[0x18] = std::byte{10};
    plan[0x19] = std::byte{6};
    auto deserialized = runtime.value()->DeserializeEngine(plan);
    REQUIRE_OK(deserialized);
    engine = deserialized.Take();
  }

  void FillRefitter() {
    refitter.Set<m::VRefitter_setErrorRecorder>(+[](void*, abi::IErrorRecorder*) {});
    refitter.Set<m::VRefitter_getAllWeights>(+[](void*, abi::i32 size, char const** names) {
      const char* const all[] = {"W", "b"};
      for (int i = 0; names != nullptr && i < size && i < 2; ++i) names[i] = all[i];
      return 2;
    });
    refitter.Set<m::VRefitter_getMissingWeights>(+[](void*, abi::i32 size, char const** names) {
      if (names != nullptr && size > 0) names[0] = "W";
      return told.complete ? 0 : 1;
    });
    refitter.Set<m::VRefitter_getWeightsPrototype>(+[](void*, char const* name) {
      return std::strcmp(name, "W") == 0 ? Weights{DataType::kHalf, nullptr, 3}
                                         : Weights{DataType::kFloat, nullptr, -1};
    });
    refitter.Set<m::VRefitter_getNamedWeights>(
        +[](void*, char const*) { return Weights{told.type, told.values, told.count}; });
    refitter.Set<m::VRefitter_setNamedWeights>(+[](void*, char const* name, Weights weights) {
      return std::uint8_t(Take(name, weights, TensorLocation::kHost));
    });
    refitter.Set<m::VRefitter_setNamedWeightsWithLocation>(
        +[](void*, char const* name, Weights weights, TensorLocation location) {
          return std::uint8_t(Take(name, weights, location));
        });
    refitter.Set<m::VRefitter_unsetNamedWeights>(
        +[](void*, char const* name) { return std::uint8_t(std::strcmp(name, "W") == 0); });
    refitter.Set<m::VRefitter_setWeightsValidation>(+[](void*, bool on) { told.validation = on; });
    refitter.Set<m::VRefitter_setMaxThreads>(
        +[](void*, abi::i32 threads) { return std::uint8_t(threads < 9); });
    refitter.Set<m::VRefitter_getMaxThreads>(+[](void*) { return 8; });
    refitter.Set<m::VRefitter_refitCudaEngine>(
        +[](void*) { return std::uint8_t(told.complete && told.refits); });
    refitter.Set<m::VRefitter_refitCudaEngineAsync>(
        +[](void*, abi::CUstream_st* stream) { return std::uint8_t(stream != nullptr); });
  }

  void FillEngine() {
    fake.engine.SetAny<m::VCudaEngine_createRefitter>(reinterpret_cast<void*>(
        +[](void*, void*) -> abi::IRefitter* { return g_world->refitter.handle(); }));
    fake.engine.Set<m::VCudaEngine_createSerializationConfig>(
        +[](void*) -> abi::ISerializationConfig* { return g_world->serialization.handle(); });
    // As of an engine that was stripped: its weights are left out unless somebody says otherwise.
    serialization.Set<m::VSerializationConfig_getFlags>(+[](void*) -> abi::u32 { return 1; });
    serialization.Set<m::VSerializationConfig_setFlags>(+[](void*, abi::u32 flags) {
      told.flags = flags;
      return std::uint8_t{1};
    });
    fake.engine.SetAny<m::VCudaEngine_serializeWithConfig>(reinterpret_cast<void*>(
        +[](void*, void*) -> abi::IHostMemory* { return g_world->fake.memory.handle(); }));
    fake.engine.Set<m::VCudaEngine_setWeightStreamingBudgetV2>(+[](void*, abi::i64 bytes) {
      told.budget = bytes;
      return std::uint8_t(bytes <= 77);
    });
    fake.engine.Set<m::VCudaEngine_getWeightStreamingBudgetV2>(
        +[](void*) -> abi::i64 { return told.budget; });
    fake.engine.Set<m::VCudaEngine_getWeightStreamingAutomaticBudget>(
        +[](void*) -> abi::i64 { return 33; });
    fake.engine.Set<m::VCudaEngine_getWeightStreamingScratchMemorySize>(
        +[](void*) -> abi::i64 { return 11; });
    if (stub_major < 11) return;
    fake.engine.Set<m::VCudaEngine_createRuntimeConfig>(
        +[](void*) -> abi::IRuntimeConfig* { return g_world->config.handle(); });
    fake.engine.Set<m::VCudaEngine_createExecutionContextWithRuntimeConfig>(
        +[](void*, abi::IRuntimeConfig* given) -> abi::IExecutionContext* {
          return given == g_world->config.handle() ? g_world->fake.context.handle() : nullptr;
        });
    config.Set<m::VRuntimeConfig_setExecutionContextAllocationStrategy>(
        +[](void*, AllocationStrategy strategy) { told.strategy = strategy; });
    config.Set<m::VRuntimeConfig_getExecutionContextAllocationStrategy>(
        +[](void*) { return told.strategy; });
  }

  static inline World* g_world = nullptr;
  Fake fake;
  FakeObject<abi::VRefitter> refitter;
  FakeObject<abi::VSerializationConfig> serialization;
  FakeObject<abi::VRuntimeConfig> config;
  const int stub_major;
  std::shared_ptr<Engine> engine;
};

TEST(WeightsCrossTheBorderByValue) {
  for (const int major : {10, 11}) {
    World world(major);
    auto created = Refitter::Create(world.engine);
    REQUIRE_OK(created);
    Refitter& refitter = *created.value();
    CHECK_EQ(refitter.AllWeights().value().size(), 2U);
    CHECK_EQ(refitter.MissingWeights().value().front(), std::string("W"));
    const auto prototype = refitter.Prototype("W").value();
    REQUIRE(prototype.has_value());
    CHECK(prototype->type == DataType::kHalf);
    CHECK_EQ(prototype->count, 3);
    CHECK(!refitter.Prototype("V").value().has_value());

    const Error missing = CHECK_FAILS(refitter.Refit(), kRefit);
    REQUIRE(missing.missing_weights.size() == 1);
    CHECK_EQ(missing.missing_weights.front(), std::string("W"));
    CHECK_CONTAINS(missing.message, "'W'");

    auto memory = std::make_shared<const std::array<std::uint16_t, 3>>();
    const void* address = memory->data();
    const std::weak_ptr<const void> kept = memory;
    CHECK(refitter
              .SetNamedWeights(
                  "W", {{DataType::kHalf, 3}, address, TensorLocation::kHost, std::move(memory)})
              .ok());
    CHECK(told.values == address);
    CHECK_EQ(told.count, 3);
    CHECK(told.type == DataType::kHalf && told.location == TensorLocation::kHost);
    CHECK(!kept.expired());
    CHECK_EQ(refitter.NamedWeights("W").value()->count, 3);
    CHECK(
        refitter
            .SetNamedWeights("W", {{DataType::kHalf, 3}, address, TensorLocation::kDevice, nullptr})
            .ok());
    CHECK(told.location == TensorLocation::kDevice);
    CHECK(kept.expired());  // replaced
    CHECK_CONTAINS(
        CHECK_FAILS(refitter.SetNamedWeights(
                        "V", {{DataType::kHalf, 3}, address, TensorLocation::kHost, nullptr}),
                    kInvalidArgument)
            .message,
        "'V'");
    CHECK(refitter.UnsetNamedWeights("W").ok());
    CHECK_FAILS(refitter.UnsetNamedWeights("V"), kInvalidArgument);
    CHECK(refitter.SetWeightsValidation(false).ok());
    CHECK_EQ(told.validation, 0);
    CHECK(refitter.SetMaxThreads(8).ok());
    CHECK_FAILS(refitter.SetMaxThreads(9), kInvalidArgument);
    CHECK(refitter.Refit().ok());
    told.refits = false;
    CHECK_CONTAINS(CHECK_FAILS(refitter.Refit(), kRefit).message, "may have been exchanged");
    CHECK_FAILS(refitter.RefitAsync(nullptr), kRefit);
    CHECK(refitter.RefitAsync(&world).ok());
    created.value().reset();
    CHECK_EQ(world.refitter.deletions(), 1);
  }
}

TEST(SerializationFlagsGoToAConfig) {
  for (const int major : {10, 11}) {
    World world(major);
    CHECK(world.engine->Serialize().ok());
    CHECK_EQ(told.flags, 0U);
    SerializeOptions options;
    options.exclude_weights = true;
    options.include_refit = true;
    CHECK(world.engine->Serialize(options).ok());
    CHECK_EQ(told.flags, 5U);
    CHECK_EQ(world.serialization.deletions(), 2);
  }
}

TEST(WeightStreamingChangesWhatContextsNeed) {
  for (const int major : {10, 11}) {
    World world(major);
    CHECK_EQ(world.engine->info().device_memory_bytes, 4096);
    world.fake.engine.Set<m::VCudaEngine_getDeviceMemorySizeV2>(
        +[](void*) -> abi::i64 { return 5000; });
    CHECK(world.engine->SetWeightStreamingBudget(50).ok());
    CHECK_EQ(world.engine->info().device_memory_bytes, 5000);
    const WeightStreaming streaming = world.engine->weight_streaming().value();
    CHECK_EQ(streaming.streamable_bytes, 77);
    CHECK_EQ(streaming.budget_bytes, 50);
    CHECK_EQ(streaming.automatic_budget_bytes, 33);
    CHECK_EQ(streaming.scratch_memory_bytes, 11);
    CHECK_FAILS(world.engine->SetWeightStreamingBudget(78), kInvalidArgument);
  }
}

TEST(RuntimeConfigsAreOf1011AndLater) {
  World old(10);
  CHECK_CONTAINS(CHECK_FAILS(RuntimeConfig::Create(old.engine), kUnsupported).message, "10.11");
  World world(11);
  auto config = RuntimeConfig::Create(world.engine);
  REQUIRE_OK(config);
  CHECK(config.value()->SetAllocationStrategy(AllocationStrategy::kOnProfileChange).ok());
  CHECK(config.value()->allocation_strategy().value() == AllocationStrategy::kOnProfileChange);
  CHECK(config.value()->CreateExecutionContext().ok());
}

}  // namespace
}  // namespace trtnode::tensorrt
