// ITimingCache: there is nothing to time, but each layer that was built is an entry, so that what is kept, merged and lost shows.
//
//   0  8  "TRTNRTC1"
//   8  4  version (little-endian); another one is as a cache of another TensorRT
//  12  4  number of entries
//  16     entries of 16 bytes, in ascending order
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "reference/abi/handles.h"
#include "reference/report.h"

namespace trtnode::reference {

class TimingCache final : public VTimingCache {
 public:
  // Null if the blob is no timing cache of ours. An empty blob makes an empty cache.
  static ITimingCache* Make(void const* blob, size_t size);

  // False: of another version; it can only be used where mismatches are ignored.
  bool matches() const { return matches_; }
  // Enters a layer; true if it was there. The configuration has the cache as const, as TensorRT's has.
  bool Enter(std::string_view layer) const;

  IHostMemory* serialize() const noexcept override;
  bool combine(ITimingCache const& other, bool ignore_mismatch) noexcept override;
  bool reset() noexcept override;
  int64_t queryKeys(TimingCacheKey*, int64_t) const noexcept override { return 0; }
  TimingCacheValue query(TimingCacheKey const&) const noexcept override { return {}; }
  bool update(TimingCacheKey const&, TimingCacheValue const&) noexcept override { return false; }

 private:
  bool matches_ = true;
  mutable std::mutex mutex_;
  mutable std::set<std::string> entries_;
};

}  // namespace trtnode::reference
