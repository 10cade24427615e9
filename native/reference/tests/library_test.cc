// The shared library as a stranger sees it: opened by name, TensorRT called by slot number alone, right numbers out.
#include <dlfcn.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "reference/tests/check.h"

namespace {

// Declared here once more, from ABI.md alone: nothing of the library's own headers is used in this file.
struct Dims {
  int32_t rank;
  int64_t d[8];
};

void* library = nullptr;

template <typename Signature>
Signature* Symbol(const char* name) {
  void* found = dlsym(library, name);
  if (found == nullptr)
    trtnode::reference::test::Fail(__FILE__, __LINE__, std::string("not exported: ") + name);
  return reinterpret_cast<Signature*>(found);
}

// A method of the implementation behind a handle.
template <typename R, typename... Args>
R Call(void* handle, size_t slot, Args... args) {
  void* impl = static_cast<void**>(handle)[1];
  auto* method = reinterpret_cast<R (*)(void*, Args...)>((*static_cast<void***>(impl))[slot]);
  return method(impl, args...);
}

template <typename R, typename... Args>
R CallOwn(void* object, size_t slot, Args... args) {
  auto* method = reinterpret_cast<R (*)(void*, Args...)>((*static_cast<void***>(object))[slot]);
  return method(object, args...);
}

void Delete(void* handle) { CallOwn<void>(handle, 1); }

// A logger in the three-slot layout, made of bare function pointers.
std::string logged;
void LogTo(void*, int32_t severity, const char* text) {
  if (severity <= 1) logged += text;
}
void Nothing(void*) {}
void* logger_vtable[3] = {reinterpret_cast<void*>(&LogTo), reinterpret_cast<void*>(&Nothing),
                          reinterpret_cast<void*>(&Nothing)};
void* logger_object = logger_vtable;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(OpensAlone) {
  library = dlopen(TRTNODE_REFERENCE_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  CHECK(dlsym(library, "_ZTIN7trtnode9reference5VRootE") == nullptr);
  CHECK_EQ(100600, Symbol<int32_t()>("getInferLibVersion")());
  CHECK_EQ(10, Symbol<int32_t()>("getInferLibMajorVersion")());
  CHECK(Symbol<const char*()>("trtNodeReferenceVersion")() != nullptr);
  const char* reason =
      Symbol<const char*(const char*)>("trtNodeReferenceSetOnnxRuntime")("/no/such/library.so");
  CHECK(reason != nullptr && std::string(reason).find("/no/such/library.so") != std::string::npos);
  const char* path = std::getenv("TRT_NODE_ONNXRUNTIME_LIBRARY");
  CHECK(Symbol<const char*(const char*)>("trtNodeReferenceSetOnnxRuntime")(path) == nullptr);
  CHECK(Symbol<const char*(const char*)>("trtNodeReferenceSetOnnxRuntime")(path) == nullptr);
}

TEST(MlpBySlotNumbers) {
  REQUIRE(library != nullptr);
  CHECK_EQ(0, Symbol<int(unsigned)>("cuInit")(0));
  void* context = nullptr;
  CHECK_EQ(0, Symbol<int(void**, int)>("cuDevicePrimaryCtxRetain")(&context, 0));
  CHECK_EQ(0, Symbol<int(void*)>("cuCtxSetCurrent")(context));
  void* builder =
      Symbol<void*(void*, int32_t)>("createInferBuilder_INTERNAL")(&logger_object, 100600);
  REQUIRE(builder != nullptr);
  void* network = Call<void*>(builder, 8, uint32_t{0});
  void* parser =
      Symbol<void*(void*, void*, int)>("createNvOnnxParser_INTERNAL")(network, &logger_object, 100);
  const std::string model = ReadFile(TRTNODE_REFERENCE_FIXTURES "/onnx/mlp.onnx");
  CHECK(CallOwn<bool>(parser, 0, static_cast<const void*>(model.data()), model.size(),
                      static_cast<const char*>(nullptr)));
  CHECK_EQ(1, Call<int32_t>(network, 14));
  CHECK_EQ(builder, CallOwn<void*>(network, 2));
  void* config = Call<void*>(builder, 7);
  void* profile = Call<void*>(builder, 9);
  for (int32_t select = 0; select < 3; ++select) {
    const Dims dims{2, {select == 0 ? 1 : select == 1 ? 8 : 32, 64}};
    CHECK(Call<bool>(profile, 2, "x", select, &dims));
  }
  const Dims max = Call<Dims>(profile, 3, "x", int32_t{2});
  CHECK(max.rank == 2 && max.d[0] == 32 && max.d[1] == 64);
  CHECK_EQ(0, Call<int32_t>(config, 25, profile));
  void* plan = Call<void*>(builder, 14, network, config);
  REQUIRE(plan != nullptr);
  void* runtime =
      Symbol<void*(void*, int32_t)>("createInferRuntime_INTERNAL")(&logger_object, 100600);
  CHECK_EQ(runtime, Call<void*>(runtime, 2));
  void* engine = Call<void*>(runtime, 3, static_cast<const void*>(Call<void*>(plan, 2)),
                             Call<size_t>(plan, 3));
  REQUIRE(engine != nullptr);
  CHECK_EQ(2, Call<int32_t>(engine, 30));
  CHECK_EQ(std::string("x"), std::string(Call<const char*>(engine, 31, int32_t{0})));
  const Dims shape = Call<Dims>(engine, 19, "x");
  CHECK(shape.rank == 2 && shape.d[0] == -1 && shape.d[1] == 64);
  void* execution = Call<void*>(engine, 5, int32_t{0});
  REQUIRE(execution != nullptr);
  CHECK_EQ(engine, Call<void*>(execution, 7));
  uint64_t x = 0;
  uint64_t y = 0;
  void* stream = nullptr;
  auto* allocate = Symbol<int(uint64_t*, size_t)>("cuMemAlloc_v2");
  CHECK_EQ(0, allocate(&x, 8 * 64 * 4));
  CHECK_EQ(0, allocate(&y, 8 * 32 * 4));
  CHECK_EQ(0, Symbol<int(void**, unsigned)>("cuStreamCreate")(&stream, 1));
  std::vector<float> in(8 * 64);
  for (size_t i = 0; i < in.size(); ++i)
    in[i] = static_cast<float>(i * 7919 % 1000) / 1000.0F - 0.5F;
  std::vector<float> out(8 * 32);
  CHECK_EQ(0, Symbol<int(uint64_t, const void*, size_t)>("cuMemcpyHtoD_v2")(x, in.data(),
                                                                            in.size() * 4));
  const Dims eight{2, {8, 64}};
  CHECK(Call<bool>(execution, 21, "x", &eight));
  CHECK(Call<bool>(execution, 24, "x", reinterpret_cast<void*>(x)));
  CHECK(Call<bool>(execution, 24, "y", reinterpret_cast<void*>(y)));
  CHECK_EQ(0, Call<int32_t>(execution, 28, int32_t{0}, static_cast<const char**>(nullptr)));
  CHECK(Call<bool>(execution, 37, stream));
  CHECK_EQ(0, Symbol<int(void*)>("cuStreamSynchronize")(stream));
  CHECK_EQ(0,
           Symbol<int(void*, uint64_t, size_t)>("cuMemcpyDtoH_v2")(out.data(), y, out.size() * 4));
  const float expected[4] = {0.04531991F, 0.02752637F, 0.02843700F, 0.02752637F};
  for (size_t i = 0; i < 4; ++i) CHECK(std::fabs(expected[i] - out[i]) < 1e-5F);
  CHECK_EQ("", logged);
  for (void* handle : {execution, engine, runtime, plan, config, network, builder}) Delete(handle);
  CallOwn<void>(parser, 9);
}

}  // namespace

TEST_MAIN
