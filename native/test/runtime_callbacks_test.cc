// What TensorRT 10 and 11 call: GPU allocators, debug listeners and stream readers, over fake objects.
#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#include "tensorrt/debug_listener.h"
#include "tensorrt/engine.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/gpu_allocator.h"
#include "tensorrt/loader.h"
#include "tensorrt/plan_source.h"
#include "test/check.h"
#include "test/fake_tensorrt.h"

namespace trtnode::tensorrt {
namespace {

using test::Fake;

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

constexpr std::size_t kPlanBytes = 2000;

std::vector<std::byte> Plan() {
  std::vector<std::byte> plan(kPlanBytes, std::byte{0x5a});
  std::memset(plan.data(), 0, 64);
  std::memcpy(plan.data(), "ftrt", 4);
  plan[8] = std::byte{2};
  plan[0x10] = std::byte{kPlanBytes & 0xff};
  plan[0x11] = std::byte{kPlanBytes >> 8};
  plan[0x18] = std::byte{10};
  plan[0x19] = std::byte{6};
  return plan;
}

template <typename R, typename... A>
R CallSlot(void* object, std::size_t slot, A... arguments) {
  void* const* vtable = *static_cast<void* const* const*>(object);
  return reinterpret_cast<R (*)(void*, A...)>(vtable[slot])(object, arguments...);
}

// --- allocators
struct TestAllocator final : GpuAllocator {
  void* Allocate(std::uint64_t bytes, std::uint64_t /*alignment*/, std::uint32_t /*flags*/,
                 void* stream) override {
    if (throws) throw std::bad_alloc();
    last_stream = stream;
    if (bytes <= 1000) return memory;
    Refuse(Status(ErrorCode::kOutOfMemory, "The limit of 1000 bytes is reached."));
    return nullptr;
  }
  void* Reallocate(void* address, std::uint64_t, std::uint64_t) override { return address; }
  bool Deallocate(void* address, void* stream) override {
    last_stream = stream;
    return address == memory;
  }
  char memory[1] = {};
  void* last_stream = nullptr;
  bool throws = false;
};

void* g_allocator = nullptr;  // what the fake runtime or context was given

TEST(AllocatorsAreCalledBySlot) {
  for (const int major : {10, 11}) {
    Fake fake(major == 10 ? "10" : "11");
    fake.runtime.Set<test::m::VRuntime_setGpuAllocator>(
        +[](void*, abi::IGpuAllocator* given) { g_allocator = given; });
    tensorrt::RuntimeOptions options;
    auto allocator = std::make_shared<TestAllocator>();
    options.gpu_allocator = allocator;
    auto runtime = Runtime::Create(OpenStub(major, fake.runtime.handle()), options);
    REQUIRE_OK(runtime);
    REQUIRE(g_allocator != nullptr);
    int stream = 0;
    using abi::u32;
    using abi::u64;
    void* const memory = allocator->memory;
    CHECK(CallSlot<void*>(g_allocator, 4, u64{10}, u64{256}, u32{0}) == memory);
    CHECK(CallSlot<void*>(g_allocator, 4, u64{0}, u64{256}, u32{0}) == nullptr);
    CHECK(CallSlot<void*>(g_allocator, 5, memory, u64{256}, u64{20}) == memory);
    CHECK(CallSlot<void*>(g_allocator, 5, memory, u64{256}, u64{0}) == nullptr);
    CHECK(CallSlot<void*>(g_allocator, 7, u64{10}, u64{256}, u32{0}, static_cast<void*>(&stream)) ==
          memory);
    CHECK(allocator->last_stream == &stream);
    CHECK(CallSlot<bool>(g_allocator, 6, memory));
    CHECK(allocator->last_stream == nullptr);
    CHECK(CallSlot<bool>(g_allocator, 8, memory, static_cast<void*>(&stream)));
    CHECK(CallSlot<bool>(g_allocator, 6, static_cast<void*>(nullptr)));
    allocator->throws = true;
    CHECK(CallSlot<void*>(g_allocator, 4, u64{10}, u64{256}, u32{0}) == nullptr);
  }
}

TEST(ARefusalIsTheReason) {
  Fake fake("10");
  fake.runtime.Set<test::m::VRuntime_setGpuAllocator>(
      +[](void*, abi::IGpuAllocator* given) { g_allocator = given; });
  tensorrt::RuntimeOptions options;
  options.gpu_allocator = std::make_shared<TestAllocator>();
  auto runtime = Runtime::Create(OpenStub(10, fake.runtime.handle()), options);
  REQUIRE_OK(runtime);
  fake.runtime.Set<test::m::VRuntime_deserializeCudaEngine>(
      +[](void*, void const*, abi::u64) -> abi::ICudaEngine* {
        CallSlot<void*>(g_allocator, 7, abi::u64{5000}, abi::u64{256}, abi::u32{0},
                        static_cast<void*>(nullptr));
        Fake::Complain(test::g_fake->on_runtime, 1, "out of memory");
        return nullptr;
      });
  const auto failed = runtime.value()->DeserializeEngine(Plan());
  const Error error = CHECK_FAILS(failed, kOutOfMemory);
  CHECK_CONTAINS(error.message, "limit of 1000 bytes");
  CHECK_EQ(error.log.size(), std::size_t{1});
}

// --- debug listeners
struct TestListener final : DebugListener {
  bool Process(const DebugTensorView& tensor) override {
    if (throws) throw std::bad_alloc();
    last = tensor;
    name = tensor.name;
    return true;
  }
  DebugTensorView last;
  std::string name;
  bool throws = false;
};

void* g_listener = nullptr;
std::string g_switched;

TEST(DebugListenersAreCalledBySlot) {
  for (const int major : {10, 11}) {
    Fake fake(major == 10 ? "10" : "11");
    fake.context.Set<test::m::VExecutionContext_setDebugListener>(
        +[](void*, abi::IDebugListener* given) {
          g_listener = given;
          return std::uint8_t{1};
        });
    fake.context.Set<test::m::VExecutionContext_setTensorDebugState>(
        +[](void*, char const* name, bool on) {
          g_switched = std::string(name) + (on ? "+" : "-");
          return std::uint8_t(std::strcmp(name, "inner") == 0);
        });
    auto runtime = Runtime::Create(OpenStub(major, fake.runtime.handle()), {});
    REQUIRE_OK(runtime);
    auto engine = runtime.value()->DeserializeEngine(Plan());
    REQUIRE_OK(engine);
    auto context = engine.value()->CreateExecutionContext(AllocationStrategy::kStatic);
    REQUIRE_OK(context);
    auto listener = std::make_shared<TestListener>();
    CHECK(context.value()->SetDebugListener(listener).ok());
    REQUIRE(g_listener != nullptr);
    const abi::Dims64 dims{2, {3, 4}};
    int value = 0;
    const auto tell = [&](abi::Dims64 const& shape) {
      return CallSlot<bool>(g_listener, 4, static_cast<void const*>(&value), TensorLocation::kHost,
                            DataType::kInt32, &shape, static_cast<char const*>("inner"),
                            static_cast<void*>(nullptr));
    };
    CHECK(tell(dims));
    CHECK_EQ(listener->name, std::string("inner"));
    CHECK_EQ(listener->last.shape.ToString(), Dims({3, 4}).ToString());
    CHECK(listener->last.on_host);
    CHECK(!tell(abi::Dims64{99, {}}));
    listener->throws = true;
    CHECK(!tell(dims));
    CHECK(context.value()->SetTensorDebugState("inner", true).ok());
    CHECK_EQ(g_switched, std::string("inner+"));
    const Error error =
        CHECK_FAILS(context.value()->SetTensorDebugState("other", true), kUnknownTensor);
    CHECK_CONTAINS(error.hint, "markDebug");
    CHECK(context.value()->SetDebugListener(nullptr).ok());
    CHECK(g_listener == nullptr);
  }
}

// --- stream readers
struct BytesSource final : PlanSource {
  explicit BytesSource(std::vector<std::byte> all) : bytes(std::move(all)) {}
  Result<std::size_t> Read(std::span<std::byte> into) override {
    if (at == bytes.size() && !good) return Status(ErrorCode::kFile, "The tag is wrong.");
    const std::size_t got = std::min({into.size(), bytes.size() - at, std::size_t{100}});
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), got, into.begin());
    at += got;
    return got;
  }
  std::vector<std::byte> bytes;
  std::size_t at = 0;
  bool good = true;
};

struct NoDevice final : DeviceCopy {
  bool IsDevice(const void*) const override { return false; }
  Status ToDevice(void*, std::span<const std::byte>, void*) override { return {}; }
};

std::vector<std::byte> g_read;

// Reads as much as the header says, in pieces, with one step back where it can.
template <typename Read>
abi::ICudaEngine* ReadPlan(Read read) {
  g_read.assign(kPlanBytes, std::byte{0});
  for (std::size_t at = 0; at < kPlanBytes; at += 500) {
    if (read(g_read.data() + at, abi::i64{500}) != 500) return nullptr;
  }
  return test::g_fake->engine.handle();
}

void FillReaders(Fake& fake) {
  if (fake.major == 10) {
    fake.runtime.Set<test::m::VRuntime_deserializeCudaEngineFromReader>(
        +[](void*, abi::IStreamReader& reader) {
          return ReadPlan(
              [&](void* to, abi::i64 bytes) { return CallSlot<abi::i64>(&reader, 4, to, bytes); });
        });
    return;
  }
  fake.runtime.Set<test::m::VRuntime_deserializeCudaEngineV2>(
      +[](void*, abi::IStreamReaderV2& reader) {
        char head[32];
        CallSlot<abi::i64>(&reader, 4, static_cast<void*>(head), abi::i64{32},
                           static_cast<void*>(nullptr));
        CallSlot<bool>(&reader, 5, abi::i64{0}, 0);
        return ReadPlan([&](void* to, abi::i64 bytes) {
          return CallSlot<abi::i64>(&reader, 4, to, bytes, static_cast<void*>(nullptr));
        });
      });
}

TEST(PlansComeInPieces) {
  for (const int major : {10, 11}) {
    Fake fake(major == 10 ? "10" : "11");
    FillReaders(fake);
    auto runtime = Runtime::Create(OpenStub(major, fake.runtime.handle()), {});
    REQUIRE_OK(runtime);
    NoDevice copy;
    BytesSource source(Plan());
    REQUIRE_OK(runtime.value()->DeserializeEngineFrom(source, copy));
    CHECK(g_read == Plan());
    CHECK_EQ(source.at, kPlanBytes);
    // Read to its end, also behind what TensorRT wanted: there it may say that it was not genuine.
    BytesSource longer(Plan());
    longer.bytes.resize(5000);
    REQUIRE_OK(runtime.value()->DeserializeEngineFrom(longer, copy));
    CHECK_EQ(longer.at, std::size_t{5000});
    BytesSource forged(Plan());
    forged.good = false;
    const int deletions = fake.engine.deletions();
    const auto refused = runtime.value()->DeserializeEngineFrom(forged, copy);
    CHECK_CONTAINS(CHECK_FAILS(refused, kFile).message, "tag is wrong");
    CHECK_EQ(fake.engine.deletions(), deletions + 1);
    BytesSource cut(Plan());
    cut.bytes.resize(1700);
    const auto truncated = runtime.value()->DeserializeEngineFrom(cut, copy);
    CHECK_CONTAINS(CHECK_FAILS(truncated, kInvalidPlan).message, "2000 bytes, there are 1700");
    BytesSource empty({});
    CHECK_FAILS(runtime.value()->DeserializeEngineFrom(empty, copy), kInvalidPlan);
  }
}

}  // namespace
}  // namespace trtnode::tensorrt
