// NativeFileLock and NativeAddon.lockFile.
#include "napi/file_lock_object.h"

#include <array>
#include <optional>
#include <string>

#include "napi/promise.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> FileLockObject::Definition() {
  static const std::array kProperties = {CloseMethod(kKind)};
  return kProperties;
}

Result<napi_value> LockFile(Call& call) {
  ASSIGN_OR_RETURN(const std::string path, ReadString(call.env, call.arguments[0], "path"));
  auto taken = std::make_shared<std::shared_ptr<FileLockResource>>();
  return RunAsync(
      call.state,
      [path, taken]() -> Status {
        ASSIGN_OR_RETURN(std::optional<FileLock> lock, FileLock::TryAcquire(path));
        if (lock.has_value()) *taken = std::make_shared<FileLockResource>(std::move(*lock));
        return {};
      },
      [taken](EnvState& settled) -> Result<napi_value> {
        if (*taken == nullptr) return nullptr;
        return NewObject(settled, std::make_unique<FileLockObject>(std::move(*taken)));
      });
}

}  // namespace trtnode::napi
