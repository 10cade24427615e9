// LoopPoller: lets an environment's event loop look for the ends of short runs by itself. Waking it from another thread takes longer
// than such a run. While there is something to wait for the loop goes round without sleeping, and serves everything else as usual.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "napi/js.h"
#include "napi/uv.h"

namespace trtnode::napi {

class EnvState;
class ExecutorObject;

// JavaScript thread only.
class LoopPoller {
 public:
  explicit LoopPoller(EnvState& state) noexcept : state_(state) {}
  ~LoopPoller() = default;
  LoopPoller(const LoopPoller&) = delete;
  LoopPoller& operator=(const LoopPoller&) = delete;

  // Not usable afterwards (no error) where the host has no libuv.
  Status Open(napi_env env);
  bool usable() const noexcept { return handle_ != nullptr; }

  // `object` lives until the run's end was reported to it, or the run was handed over. `patience`: nanoseconds from now after which that
  // happens.
  void Watch(ExecutorObject& object, int slot, std::int64_t patience);
  bool Watches(const ExecutorObject& object, int slot) const noexcept;
  void Forget(const ExecutorObject& object, int slot) noexcept;

 private:
  struct Watched {
    ExecutorObject* object;
    int slot;
    std::int64_t deadline;
  };
  static void OnIdle(uv_handle_s* handle) noexcept;
  static void OnCleanup(napi_async_cleanup_hook_handle hook, void* data) noexcept;
  void Turn();
  bool Look(std::int64_t now);
  void Report();

  EnvState& state_;
  uv_handle_s* handle_ = nullptr;  // its memory is freed when libuv has closed it
  napi_async_cleanup_hook_handle hook_ = nullptr;
  napi_async_context context_ = nullptr;
  bool active_ = false;
  std::uint32_t turns_ = 0;
  std::vector<Watched> watched_;
  std::vector<Watched> ended_;
  std::vector<int> slots_;
};

}  // namespace trtnode::napi
