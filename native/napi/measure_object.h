// NativeMeasurement.
#pragma once

#include <memory>

#include "bench/measure.h"
#include "napi/object.h"

namespace trtnode::napi {

// Not closed, and nothing to free: the measurement runs to its end (or until it is stopped) whoever holds the handle.
class MeasureObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::kMeasurement;
  MeasureObject(std::shared_ptr<bench::Control> control, napi_ref result) noexcept
      : Object(kKind), control_(std::move(control)), result_(result) {}
  static std::span<const napi_property_descriptor> Definition();
  bool closed() const noexcept override { return false; }
  std::shared_ptr<Resource> Detach() noexcept override { return nullptr; }
  void DropReferences(napi_env env) noexcept override;

  Result<napi_value> GetResult(Call& call);
  Result<napi_value> Progress(Call& call);
  Result<napi_value> Stop(Call& call);
  Result<napi_value> Cancel(Call& call);

 private:
  const std::shared_ptr<bench::Control> control_;
  napi_ref result_;
};

}  // namespace trtnode::napi
