// EnvState: all that the addon keeps for one environment (the main thread's, or a worker's). Lives in the instance data.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/status.h"
#include "napi/exit_gate.h"
#include "napi/js_calls.h"
#include "napi/js_queue.h"
#include "napi/kind.h"
#include "napi/loop_poller.h"
#include "napi/task_pool.h"

namespace trtnode::napi {

class Object;

class EnvState {
 public:
  // Registers the one cleanup hook. The state belongs to the environment afterwards.
  static Result<EnvState*> Create(napi_env env);
  explicit EnvState(napi_env env);
  ~EnvState();
  EnvState(const EnvState&) = delete;
  EnvState& operator=(const EnvState&) = delete;

  napi_env env() const noexcept { return env_; }
  const std::shared_ptr<JsQueue>& queue() const noexcept { return queue_; }
  TaskPool& pool() noexcept { return pool_; }
  LoopPoller& poller() noexcept { return poller_; }
  const std::shared_ptr<Activity>& activity() const noexcept { return activity_; }
  const std::shared_ptr<JsCalls>& calls() const noexcept { return calls_; }

  // Every handle that exists, so that the end of the environment can let go of what they hold.
  void Add(Object& object) noexcept;
  void Remove(Object& object) noexcept;

  // Set when the environment ends: what can be cancelled (a build) looks at it.
  void AddCancellation(const std::shared_ptr<std::atomic<bool>>& cancelled);

  napi_ref create_error = nullptr;                  // hooks.createError
  std::array<napi_ref, kKindCount> constructors{};  // defined at first use
  Object* constructing = nullptr;  // what the constructor that runs now has to wrap

 private:
  Status ListenForExit();
  static napi_value OnExit(napi_env env, napi_callback_info info) noexcept;
  static void OnCleanup(void* data) noexcept;
  void Cancel() noexcept;
  void Teardown();
  // The event loop turns no more: whatever runs is watched by another thread from here on.
  void HandOverRuns() noexcept;
  static void HandOverRunsAtExit() noexcept;

  const napi_env env_;
  const std::thread::id thread_ = std::this_thread::get_id();
  const std::shared_ptr<JsQueue> queue_;
  const std::shared_ptr<Activity> activity_;
  const std::shared_ptr<JsCalls> calls_ = std::make_shared<JsCalls>();
  TaskPool pool_;
  LoopPoller poller_;
  Object* first_ = nullptr;
  std::vector<std::weak_ptr<std::atomic<bool>>> cancellations_;
};

}  // namespace trtnode::napi
