// What a stream keeps alive.
#include "napi/resources.h"

namespace trtnode::napi {

void StreamResource::Keep(std::shared_ptr<Resource> resource) {
  if (resource == nullptr) return;
  if (capturing) captured.push_back(resource);
  if (!kept.empty() && kept.back() == resource) return;
  // A caller who only ever waits for events gives no other chance to let go.
  if (kept.size() >= ask_at) {
    const Result<bool> idle = stream->Query();
    if (idle.ok() && idle.value()) kept.clear();
    ask_at = kept.empty() ? 256 : kept.size() * 2;
  }
  kept.push_back(std::move(resource));
}

}  // namespace trtnode::napi
