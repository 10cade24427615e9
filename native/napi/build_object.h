// NativeBuild.
#pragma once

#include <atomic>
#include <memory>

#include "napi/object.h"

namespace trtnode::napi {

// Not closed, and nothing to free: the build runs to its end (or its cancellation) whoever holds the handle.
class BuildObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::kBuild;
  BuildObject(std::shared_ptr<std::atomic<bool>> cancelled, napi_ref plan) noexcept
      : Object(kKind), cancelled_(std::move(cancelled)), plan_(plan) {}
  static std::span<const napi_property_descriptor> Definition();
  bool closed() const noexcept override { return false; }
  std::shared_ptr<Resource> Detach() noexcept override { return nullptr; }
  void DropReferences(napi_env env) noexcept override;

  Result<napi_value> Plan(Call& call);
  Result<napi_value> Cancel(Call& call);

 private:
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  napi_ref plan_;
};

}  // namespace trtnode::napi
