// A library that looks like libnvinfer to the loader: version and entry points, and objects that the test hands in.
#include <cstdint>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {
void* g_runtime = nullptr;
void* g_builder = nullptr;
#ifndef STUB_LEAN
void* g_refitter = nullptr;
#endif
}  // namespace

EXPORT std::int32_t getInferLibVersion() { return STUB_VERSION; }
EXPORT std::int32_t getInferLibBuildVersion() { return 26; }
EXPORT void stubSetObjects(void* runtime, void* builder) {
  g_runtime = runtime;
  g_builder = builder;
}
#ifndef STUB_WITHOUT_RUNTIME
EXPORT void* createInferRuntime_INTERNAL(void*, std::int32_t) { return g_runtime; }
#endif
#ifndef STUB_LEAN
EXPORT void stubSetRefitter(void* refitter) { g_refitter = refitter; }
EXPORT void* createInferRefitter_INTERNAL(void*, void*, std::int32_t) { return g_refitter; }
EXPORT void* createInferBuilder_INTERNAL(void*, std::int32_t) { return g_builder; }
#endif
