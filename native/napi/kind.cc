// Names, tags and counts of the classes.
#include "napi/kind.h"

#include <atomic>
#include <random>

namespace trtnode::napi {
namespace {

constexpr std::array<const char*, kKindCount> kNames = {
    "Platform",        "Runtime",    "Engine",   "EngineInspector", "ExecutionContext",
    "OutputAllocator", "Stream",     "Event",    "CudaGraph",       "DeviceBuffer",
    "PinnedBuffer",    "Executor",   "Build",    "ActivationPool",  "Measurement",
    "GpuAllocator",    "PlanStream", "Refitter", "RuntimeConfig",   "FileLock"};

std::array<napi_type_tag, kKindCount> MakeTags() {
  std::random_device random;
  std::array<napi_type_tag, kKindCount> tags{};
  for (std::size_t i = 0; i < kKindCount; ++i) {
    const auto draw = [&] { return (std::uint64_t{random()} << 32) | random(); };
    tags[i].lower = draw();
    tags[i].upper = (draw() << 8) | i;
  }
  return tags;
}

// Constant-initialized and trivially destroyed: usable while the process ends.
std::array<std::atomic<std::int64_t>, kKindCount> live_counts{};

}  // namespace

const char* KindName(Kind kind) noexcept { return kNames[static_cast<std::size_t>(kind)]; }

const napi_type_tag& TypeTag(Kind kind) noexcept {
  static const std::array<napi_type_tag, kKindCount> tags = MakeTags();
  return tags[static_cast<std::size_t>(kind)];
}

LiveToken::LiveToken(Kind kind) noexcept : kind_(kind) {
  ++live_counts[static_cast<std::size_t>(kind_)];
}

LiveToken::~LiveToken() { --live_counts[static_cast<std::size_t>(kind_)]; }

std::array<std::int64_t, kKindCount> LiveCounts() noexcept {
  std::array<std::int64_t, kKindCount> counts{};
  for (std::size_t i = 0; i < kKindCount; ++i) counts[i] = live_counts[i];
  return counts;
}

}  // namespace trtnode::napi
