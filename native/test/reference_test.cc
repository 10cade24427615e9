// End to end over the CPU reference runtime (TensorRT 10.6's layout): ONNX to plan to numbers, through the same calls as on a GPU.
#include <dlfcn.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tensorrt/builder.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/runtime.h"
#include "test/check.h"

namespace trtnode::tensorrt {
namespace {

// The few CUDA functions that a caller of TensorRT cannot do without, from the reference library itself.
struct Cuda {
  explicit Cuda(void* handle) : library(handle) {
    Must(Call<int (*)(unsigned)>("cuInit")(0));
    void* context = nullptr;
    Must(Call<int (*)(void**, int)>("cuDevicePrimaryCtxRetain")(&context, 0));
    Must(Call<int (*)(void*)>("cuCtxSetCurrent")(context));
    Must(Call<int (*)(void**, unsigned)>("cuStreamCreate")(&stream, 1));
  }
  template <typename F>
  F Call(const char* name) const {
    void* symbol = dlsym(library, name);
    REQUIRE(symbol != nullptr);
    return reinterpret_cast<F>(symbol);
  }
  static void Must(int result) { REQUIRE(result == 0); }
  void* Allocate(std::size_t bytes) const {
    std::uint64_t address = 0;
    Must(Call<int (*)(std::uint64_t*, std::size_t)>("cuMemAlloc_v2")(&address, bytes));
    return reinterpret_cast<void*>(address);
  }
  void Upload(void* to, const void* from, std::size_t bytes) const {
    Must(Call<int (*)(std::uint64_t, const void*, std::size_t)>("cuMemcpyHtoD_v2")(
        reinterpret_cast<std::uint64_t>(to), from, bytes));
  }
  void Download(void* to, const void* from, std::size_t bytes) const {
    Must(Call<int (*)(void*, std::uint64_t, std::size_t)>("cuMemcpyDtoH_v2")(
        to, reinterpret_cast<std::uint64_t>(from), bytes));
  }
  void Synchronize() const { Must(Call<int (*)(void*)>("cuStreamSynchronize")(stream)); }

  void* library;
  void* stream = nullptr;
};

struct World {
  World() {
    LibraryOptions options;
    options.path = TRT_NODE_REFERENCE_LIBRARY;
    options.self_contained = true;
    auto opened = Library::Open(options);
    REQUIRE_OK(opened);
    library = opened.Take();
    cuda = std::make_unique<Cuda>(dlopen(TRT_NODE_REFERENCE_LIBRARY, RTLD_NOW));
    auto created = Runtime::Create(library, {});
    REQUIRE_OK(created);
    runtime = created.Take();
  }

  std::shared_ptr<Engine> Load(const std::vector<std::byte>& model, const BuildOptions& options) {
    const auto plan = BuildFromOnnx(library, model, "", options);
    REQUIRE_OK(plan);
    auto engine = runtime->DeserializeEngine(plan.value()->bytes());
    REQUIRE_OK(engine);
    return engine.Take();
  }

  std::shared_ptr<Library> library;
  std::unique_ptr<Cuda> cuda;
  std::shared_ptr<Runtime> runtime;
};

bool HasOnnxRuntime() { return std::getenv("TRT_NODE_ONNXRUNTIME_LIBRARY") != nullptr; }

std::vector<std::byte> Fixture(const std::string& name) {
  std::ifstream file(std::string(TRT_NODE_FIXTURES) + "/" + name, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  REQUIRE(!text.empty());
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

ProfileShape Range(const Dims& min, const Dims& opt, const Dims& max) {
  ProfileShape range;
  range.min = min;
  range.opt = opt;
  range.max = max;
  return range;
}

BuildOptions MlpProfiles() {
  BuildOptions options;
  options.profiles = {{{"x", Range({1, 64}, {8, 64}, {32, 64})}},
                      {{"x", Range({33, 64}, {64, 64}, {256, 64})}}};
  return options;
}

TEST(TheReferenceLibrarySaysWhatItIs) {
  const World world;
  CHECK(world.library->is_reference());
  CHECK_EQ(world.library->abi_major(), 10);
  CHECK(world.library->has_builder());
  CHECK(world.library->has_parser());
}

TEST(TheMlpGivesTensorRTsNumbers) {
  if (!HasOnnxRuntime()) return;
  World world;
  const auto engine = world.Load(Fixture("onnx/mlp.onnx"), MlpProfiles());
  const EngineInfo& info = engine->info();
  CHECK_EQ(info.num_profiles, 2);
  REQUIRE(info.tensors.size() == 2);
  const int x = engine->TensorIndex("x");
  const int y = engine->TensorIndex("y");
  REQUIRE(x >= 0 && y >= 0);
  const TensorInfo& input = info.tensors[static_cast<std::size_t>(x)];
  CHECK(input.shape == (Dims{-1, 64}));
  CHECK(input.profiles[1].max == (Dims{256, 64}));

  auto created = engine->CreateExecutionContext(AllocationStrategy::kStatic);
  REQUIRE_OK(created);
  ExecutionContext& context = *created.value();
  CHECK_OK(context.SetInputShape(x, Dims{8, 64}));
  CHECK(context.TensorShape(y).value() == (Dims{8, 32}));
  CHECK(context.InferShapes().value().empty());
  std::vector<float> values(std::size_t{8} * 64);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i * 7919 % 1000) / 1000.F - 0.5F;
  }
  const Cuda& cuda = *world.cuda;
  void* device_x = cuda.Allocate(values.size() * sizeof(float));
  void* device_y = cuda.Allocate(sizeof(float) * 8 * 32);
  cuda.Upload(device_x, values.data(), values.size() * sizeof(float));
  CHECK_OK(context.SetTensorAddress(x, device_x));
  CHECK_OK(context.SetTensorAddress(y, device_y));
  CHECK_OK(context.Enqueue(cuda.stream));
  cuda.Synchronize();
  float result[4];
  cuda.Download(result, device_y, sizeof(result));
  const float expected[4] = {0.04531991F, 0.02752637F, 0.02843700F, 0.02752637F};
  for (int i = 0; i < 4; ++i) CHECK(std::fabs(result[i] - expected[i]) < 1e-5F);

  const Error error = CHECK_FAILS(context.SetInputShape(x, Dims{300, 64}), kShapeOutOfRange);
  CHECK_CONTAINS(error.message, "profile 1: (33, 64) to (256, 64)");
  CHECK(!error.log.empty());
  // As TensorRT 10.6 does: a shape of another profile is taken, and refused when it is used.
  CHECK_OK(context.SetInputShape(x, Dims{33, 64}));
  CHECK_FAILS(context.Enqueue(cuda.stream), kShapeOutOfRange);
  CHECK_OK(context.SetOptimizationProfile(1, cuda.stream));
  CHECK_OK(context.SetInputShape(x, Dims{33, 64}));

  auto inspector = engine->CreateInspector();
  REQUIRE_OK(inspector);
  CHECK(!inspector.value()->EngineInformation(InspectorFormat::kJson).Take().empty());
  const auto serialized = engine->Serialize();
  REQUIRE_OK(serialized);
  CHECK_OK(world.runtime->DeserializeEngine(serialized.value()->bytes()));
}

struct Allocator final : OutputAllocator {
  explicit Allocator(const Cuda& c) : cuda(c) {}
  void* Reallocate(const char* tensor, void*, std::uint64_t size, std::uint64_t, void*) override {
    CHECK_EQ(std::string(tensor), "y");
    if (refuse) return nullptr;
    memory = cuda.Allocate(size);
    return memory;
  }
  void NotifyShape(const char*, const Dims& dims) override { shape = dims; }
  const Cuda& cuda;
  void* memory = nullptr;
  Dims shape;
  bool refuse = false;
};

TEST(OutputsWhoseSizeDependsOnTheData) {
  if (!HasOnnxRuntime()) return;
  World world;
  BuildOptions options;
  options.profiles = {{{"x", Range({1, 8}, {2, 8}, {4, 8})}}};
  const auto engine = world.Load(Fixture("onnx/nonzero.onnx"), options);
  auto created = engine->CreateExecutionContext(AllocationStrategy::kStatic);
  REQUIRE_OK(created);
  ExecutionContext& context = *created.value();
  const int x = engine->TensorIndex("x");
  const int y = engine->TensorIndex("y");
  CHECK_OK(context.SetInputShape(x, Dims{2, 8}));
  const Cuda& cuda = *world.cuda;
  const float values[16] = {0, 1, 0, 2, 0, 0, 0, 3};
  void* device_x = cuda.Allocate(sizeof(values));
  cuda.Upload(device_x, values, sizeof(values));
  CHECK_OK(context.SetTensorAddress(x, device_x));
  const auto allocator = std::make_shared<Allocator>(cuda);
  CHECK_OK(context.SetOutputAllocator(y, allocator));
  CHECK_OK(context.Enqueue(cuda.stream));
  cuda.Synchronize();
  REQUIRE(allocator->shape == (Dims{2, 3}));
  std::int64_t result[6];
  cuda.Download(result, allocator->memory, sizeof(result));
  const std::int64_t expected[6] = {0, 0, 0, 1, 3, 7};
  CHECK_EQ(std::memcmp(result, expected, sizeof(result)), 0);

  allocator->refuse = true;
  const Error error = CHECK_FAILS(context.Enqueue(cuda.stream), kOutputAllocator);
  CHECK_CONTAINS(error.message, "'y'");
}

TEST(PlansOfTheOtherKindAreRefused) {
  World world;
  const Error error =
      CHECK_FAILS(world.runtime->DeserializeEngine(Fixture("plans/mlp.plan")), kPlanRuntime);
  CHECK_CONTAINS(error.message, "TensorRT 10.6.0.26");
  CHECK_FAILS(world.runtime->DeserializeEngine(Fixture("onnx/mlp.onnx")), kInvalidPlan);
}

TEST(ModelsThatDoNotParse) {
  if (!HasOnnxRuntime()) return;
  World world;
  std::vector<std::byte> model = Fixture("onnx/mlp.onnx");
  model.resize(model.size() / 2);
  const auto plan = BuildFromOnnx(world.library, model, "", MlpProfiles());
  const Error error = CHECK_FAILS(plan, kParse);
  CHECK(!error.log.empty());
}

TEST(FaultsOfTheReferenceRuntimeBecomeErrors) {
  if (!HasOnnxRuntime()) return;
  World world;
  const auto set_faults =
      world.cuda->Call<const char* (*)(const char*)>("trtNodeReferenceSetFaults");
  const auto plan = BuildFromOnnx(world.library, Fixture("onnx/mlp.onnx"), "", MlpProfiles());
  REQUIRE_OK(plan);
  REQUIRE(set_faults("deserialize") == nullptr);
  CHECK(!world.runtime->DeserializeEngine(plan.value()->bytes()).ok());
  REQUIRE(set_faults("context") == nullptr);
  auto engine = world.runtime->DeserializeEngine(plan.value()->bytes());
  REQUIRE_OK(engine);
  CHECK(!engine.value()->CreateExecutionContext(AllocationStrategy::kStatic).ok());
  REQUIRE(set_faults("build") == nullptr);
  const auto failed = BuildFromOnnx(world.library, Fixture("onnx/mlp.onnx"), "", MlpProfiles());
  CHECK(!failed.ok());
  REQUIRE(set_faults(nullptr) == nullptr);
  CHECK_OK(engine.value()->CreateExecutionContext(AllocationStrategy::kStatic));
}

}  // namespace
}  // namespace trtnode::tensorrt
