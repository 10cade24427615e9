// NativeFileLock.
#pragma once

#include <memory>
#include <utility>

#include "core/file_lock.h"
#include "napi/object.h"

namespace trtnode::napi {

struct FileLockResource final : Resource {
  explicit FileLockResource(FileLock value)
      : Resource(Kind::kFileLock, nullptr), lock(std::move(value)) {}
  const FileLock lock;
};

// Closed: let go.
class FileLockObject final : public HandleObject<FileLockResource> {
 public:
  static constexpr Kind kKind = Kind::kFileLock;
  explicit FileLockObject(std::shared_ptr<FileLockResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();
};

// NativeAddon.lockFile.
Result<napi_value> LockFile(Call& call);

}  // namespace trtnode::napi
