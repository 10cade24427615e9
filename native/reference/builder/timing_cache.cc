// A timing cache without timings.
#include "reference/builder/timing_cache.h"

#include "reference/runtime/host_memory.h"

namespace trtnode::reference {
namespace {

constexpr std::string_view kMagic = "TRTNRTC1";
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderSize = 16;
constexpr size_t kEntrySize = 16;

void AppendLittle(std::string& text, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xff);
}

uint32_t TakeLittle(std::string_view text) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= static_cast<uint32_t>(static_cast<unsigned char>(text[i])) << (8 * i);
  return value;
}

// FNV-1a.
uint64_t Hash(std::string_view text, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325U ^ seed;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

}  // namespace

ITimingCache* TimingCache::Make(void const* blob, size_t size) {
  auto cache = std::make_unique<TimingCache>();
  if (size != 0) {
    if (blob == nullptr || size < kHeaderSize) return nullptr;
    const std::string_view bytes(static_cast<const char*>(blob), size);
    if (!bytes.starts_with(kMagic)) return nullptr;
    const size_t count = TakeLittle(bytes.substr(12));
    if (size - kHeaderSize != count * kEntrySize) return nullptr;
    cache->matches_ = TakeLittle(bytes.substr(8)) == kVersion;
    for (size_t i = 0; i < count; ++i)
      cache->entries_.emplace(bytes.substr(kHeaderSize + i * kEntrySize, kEntrySize));
  }
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  return std::make_unique<ITimingCache>(std::move(cache)).release();
}

bool TimingCache::Enter(std::string_view layer) const {
  std::string key;
  AppendLittle(key, Hash(layer, 0), 8);
  AppendLittle(key, Hash(layer, 1), 8);
  const std::lock_guard lock(mutex_);
  return !entries_.insert(std::move(key)).second;
}

IHostMemory* TimingCache::serialize() const noexcept {
  try {
    const std::lock_guard lock(mutex_);
    std::string blob(kMagic);
    AppendLittle(blob, kVersion, 4);
    AppendLittle(blob, entries_.size(), 4);
    for (const std::string& entry : entries_) blob += entry;
    return HostMemory::Make(std::move(blob));
  } catch (...) {  // no memory
    return nullptr;
  }
}

bool TimingCache::combine(ITimingCache const& other, bool ignore_mismatch) noexcept {
  try {
    const auto& added = static_cast<const TimingCache&>(*other.impl());
    if (&added == this) return true;
    if (!ignore_mismatch && (!matches_ || !added.matches_)) return false;
    const std::scoped_lock lock(mutex_, added.mutex_);
    entries_.insert(added.entries_.begin(), added.entries_.end());
    return true;
  } catch (...) {  // no memory
    return false;
  }
}

bool TimingCache::reset() noexcept {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  return true;
}

}  // namespace trtnode::reference
