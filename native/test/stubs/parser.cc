// A library that looks like libnvonnxparser.
#include <cstdint>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {
void* g_parser = nullptr;
}  // namespace

EXPORT void stubSetParser(void* parser) { g_parser = parser; }
EXPORT void* createNvOnnxParser_INTERNAL(void*, void*, std::int32_t) { return g_parser; }
EXPORT std::int32_t getNvOnnxParserVersion() { return 100; }
