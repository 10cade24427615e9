// Polling from the event loop.
#include "napi/loop_poller.h"

#include <algorithm>
#include <utility>

#include "executor/clock.h"
#include "napi/env_state.h"
#include "napi/errors.h"
#include "napi/executor_object.h"

namespace trtnode::napi {
namespace {

// So long the loop may be held up at once: shorter than anything that one could measure in it.
constexpr std::int64_t kSpin = 50'000;

struct IdleMemory {
  explicit IdleMemory(std::size_t size) : bytes(std::make_unique<std::byte[]>(size)) {}
  std::unique_ptr<std::byte[]> bytes;
  LoopPoller* poller = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
};

}  // namespace

Status LoopPoller::Open(napi_env env) {
  uv_loop_s* loop = nullptr;
  if (!HasUv() || napi_get_uv_event_loop(env, &loop) != napi_ok || loop == nullptr) return {};
  auto memory = std::make_unique<IdleMemory>(uv_handle_size(kUvIdle));
  auto* handle = reinterpret_cast<uv_handle_s*>(memory->bytes.get());
  memory->poller = this;
  napi_value name = nullptr;
  NAPI_TRY(napi_create_string_utf8(env, "trt-node", NAPI_AUTO_LENGTH, &name));
  NAPI_TRY(napi_async_init(env, nullptr, name, &context_));
  if (uv_idle_init(loop, handle) != 0) return {};
  // From here on the memory is libuv's, until it has closed the handle.
  uv_handle_set_data(handle, memory.release());
  handle_ = handle;
  NAPI_TRY(napi_add_async_cleanup_hook(env, OnCleanup, this, &hook_));
  return {};
}

// The environment ends: no loop goes round with a handle of ours in it.
void LoopPoller::OnCleanup(napi_async_cleanup_hook_handle hook, void* data) noexcept {
  auto& poller = *static_cast<LoopPoller*>(data);
  uv_handle_s* const handle = std::exchange(poller.handle_, nullptr);
  (void)napi_async_destroy(poller.state_.env(), std::exchange(poller.context_, nullptr));
  static_cast<IdleMemory*>(uv_handle_get_data(handle))->hook = hook;
  uv_close(handle, [](uv_handle_s* closed) {
    const std::unique_ptr<IdleMemory> memory(static_cast<IdleMemory*>(uv_handle_get_data(closed)));
    (void)napi_remove_async_cleanup_hook(memory->hook);
  });
}

void LoopPoller::Watch(ExecutorObject& object, int slot, std::int64_t patience) {
  const std::int64_t now = executor::Now();
  const std::int64_t end = patience > (std::int64_t{1} << 61) ? patience : now + patience;
  watched_.push_back({&object, slot, end});
  if (active_) return;
  active_ = true;
  (void)uv_idle_start(handle_, OnIdle);
}

bool LoopPoller::Watches(const ExecutorObject& object, int slot) const noexcept {
  return std::any_of(watched_.begin(), watched_.end(), [&](const Watched& watched) {
    return watched.object == &object && watched.slot == slot;
  });
}

void LoopPoller::Forget(const ExecutorObject& object, int slot) noexcept {
  std::erase_if(watched_, [&](const Watched& watched) {
    return watched.object == &object && watched.slot == slot;
  });
}

void LoopPoller::OnIdle(uv_handle_s* handle) noexcept {
  try {
    static_cast<IdleMemory*>(uv_handle_get_data(handle))->poller->Turn();
  } catch (...) {  // no memory: what has ended is found in the next turn
  }
}

// True: something has ended, or there is nothing left to look at.
bool LoopPoller::Look(std::int64_t now) {
  // Errors leave no mark: the driver is asked now and then.
  const bool ask = (++turns_ & 4095) == 0;
  for (std::size_t i = 0; i < watched_.size();) {
    const Watched watched = watched_[i];
    const bool over = watched.object->Poll(watched.slot, ask);
    if (!over && now < watched.deadline) {
      ++i;
      continue;
    }
    if (over) {
      ended_.push_back(watched);
    } else {
      watched.object->HandOver(watched.slot);
    }
    watched_[i] = watched_.back();
    watched_.pop_back();
  }
  return !ended_.empty() || watched_.empty();
}

void LoopPoller::Report() {
  const napi_env env = state_.env();
  napi_handle_scope handles = nullptr;
  if (napi_open_handle_scope(env, &handles) != napi_ok) return;
  while (!ended_.empty()) {
    // All of one object at once. Taken out first, as JavaScript may run the loop, and so this, within.
    ExecutorObject& object = *ended_.front().object;
    std::vector<int> slots = std::move(slots_);
    slots.clear();
    std::erase_if(ended_, [&](const Watched& watched) {
      if (watched.object == &object) slots.push_back(watched.slot);
      return watched.object == &object;
    });
    object.Complete(state_, slots, context_);
    slots_ = std::move(slots);
    if (!ReportPendingException(env)) break;
  }
  (void)napi_close_handle_scope(env, handles);
}

void LoopPoller::Turn() {
  const std::int64_t start = executor::Now();
  for (std::int64_t now = start; !Look(now) && now - start < kSpin; now = executor::Now()) {
    // The more there is to look at, the less often: looking takes the memory from those who write it.
    for (std::size_t i = 0; i < watched_.size(); ++i) executor::CpuRelax();
  }
  if (!ended_.empty()) Report();
  if (watched_.empty() && active_ && handle_ != nullptr) {
    active_ = false;
    (void)uv_idle_stop(handle_);
  }
}

}  // namespace trtnode::napi
