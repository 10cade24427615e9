// A library that needs a libnvinfer, but is none.
#include <cstdint>

extern "C" std::int32_t getInferLibVersion();

extern "C" __attribute__((visibility("default"))) std::int32_t versionOfMyLibrary() {
  return getInferLibVersion();
}
