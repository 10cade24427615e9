// Kind: the classes that JavaScript holds handles of, their names and type tags, and how many of each are alive.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "napi/js.h"

namespace trtnode::napi {

enum class Kind : std::uint8_t {
  kPlatform,
  kRuntime,
  kEngine,
  kEngineInspector,
  kExecutionContext,
  kOutputAllocator,
  kStream,
  kEvent,
  kCudaGraph,
  kDeviceBuffer,
  kPinnedBuffer,
  kExecutor,
  kBuild,
  kActivationPool,
  kMeasurement,
  kGpuAllocator,
  kPlanStream,
  kRefitter,
  kRuntimeConfig,
  kFileLock,
};
inline constexpr std::size_t kKindCount = 20;

const char* KindName(Kind kind) noexcept;  // "Stream"

// Drawn at load, not fixed: two copies of the addon in a process must not take each other's handles for their own.
const napi_type_tag& TypeTag(Kind kind) noexcept;

// One live resource of a kind, process-wide, for as long as it lives.
class LiveToken {
 public:
  explicit LiveToken(Kind kind) noexcept;
  ~LiveToken();
  LiveToken(const LiveToken&) = delete;
  LiveToken& operator=(const LiveToken&) = delete;

 private:
  const Kind kind_;
};

std::array<std::int64_t, kKindCount> LiveCounts() noexcept;

}  // namespace trtnode::napi
