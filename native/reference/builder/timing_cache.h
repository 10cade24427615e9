// ITimingCache: there is nothing to time, but what is saved can be loaded again.
#pragma once

#include <string>

#include "reference/abi/handles.h"
#include "reference/report.h"

namespace trtnode::reference {

class TimingCache final : public VTimingCache {
 public:
  // Null if the blob is no timing cache of ours. An empty blob makes an empty cache.
  static ITimingCache* Make(void const* blob, size_t size);

  IHostMemory* serialize() const noexcept override;
  bool combine(ITimingCache const& other, bool ignore_mismatch) noexcept override;
  bool reset() noexcept override;
  int64_t queryKeys(TimingCacheKey*, int64_t) const noexcept override { return 0; }
  TimingCacheValue query(TimingCacheKey const&) const noexcept override { return {}; }
  bool update(TimingCacheKey const&, TimingCacheValue const&) noexcept override { return false; }
};

}  // namespace trtnode::reference
