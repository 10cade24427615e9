// NativeBuild.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "napi/calibration_feed.h"
#include "napi/object.h"

namespace trtnode::napi {

// What a build and its handle share.
struct BuildShared {
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<CalibrationFeed> feed;     // null: no calibration data
  std::vector<std::byte> calibration_cache;  // written before the promise settles, read after it
};

// Not closed, and nothing to free: the build runs to its end (or its cancellation) whoever holds the handle.
class BuildObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::kBuild;
  BuildObject(std::shared_ptr<BuildShared> shared, napi_ref plan) noexcept
      : Object(kKind), shared_(std::move(shared)), plan_(plan) {}
  static std::span<const napi_property_descriptor> Definition();
  bool closed() const noexcept override { return false; }
  std::shared_ptr<Resource> Detach() noexcept override { return nullptr; }
  void DropReferences(napi_env env) noexcept override;

  Result<napi_value> Plan(Call& call);
  Result<napi_value> Cancel(Call& call);
  Result<napi_value> GiveBatch(Call& call);
  Result<napi_value> FailBatch(Call& call);
  Result<napi_value> CalibrationCache(Call& call);

 private:
  const std::shared_ptr<BuildShared> shared_;
  napi_ref plan_;
};

}  // namespace trtnode::napi
