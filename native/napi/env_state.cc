// The beginning and the end of an environment.
#include "napi/env_state.h"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "napi/executor_object.h"
#include "napi/object.h"
#include "napi/resource.h"

namespace trtnode::napi {
namespace {

// Never destroyed: exit handlers look into it.
struct States {
  std::mutex mutex;
  std::vector<EnvState*> states;
};

States& AllStates() {
  static States* const all = std::make_unique<States>().release();
  return *all;
}

}  // namespace

EnvState::EnvState(napi_env env)
    : env_(env),
      queue_(std::make_shared<JsQueue>(*this)),
      activity_(std::make_shared<Activity>()),
      poller_(*this) {
  const std::lock_guard lock(AllStates().mutex);
  AllStates().states.push_back(this);
}

EnvState::~EnvState() {
  const std::lock_guard lock(AllStates().mutex);
  std::erase(AllStates().states, this);
}

Result<EnvState*> EnvState::Create(napi_env env) {
  auto owned = std::make_unique<EnvState>(env);
  EnvState* state = owned.get();
  RETURN_IF_ERROR(state->queue_->Open(env));
  const auto finalize = [](napi_env, void* data, void*) {
    const std::unique_ptr<EnvState> ends(static_cast<EnvState*>(data));
  };
  NAPI_TRY(napi_set_instance_data(env, owned.get(), finalize, nullptr));
  (void)owned.release();
  NAPI_TRY(napi_add_env_cleanup_hook(env, OnCleanup, state));
  RETURN_IF_ERROR(state->poller_.Open(env));
  RETURN_IF_ERROR(state->ListenForExit());
  OnExitHandler(HandOverRunsAtExit);
  return state;
}

// process.on('exit', …): see exit_gate.h for why the cleanup hook is not enough.
Status EnvState::ListenForExit() {
  napi_value global = nullptr;
  napi_value process = nullptr;
  napi_value on = nullptr;
  std::array<napi_value, 2> arguments{};
  NAPI_TRY(napi_get_global(env_, &global));
  NAPI_TRY(napi_get_named_property(env_, global, "process", &process));
  NAPI_TRY(napi_get_named_property(env_, process, "on", &on));
  NAPI_TRY(napi_create_string_utf8(env_, "exit", NAPI_AUTO_LENGTH, &arguments[0]));
  NAPI_TRY(
      napi_create_function(env_, "trtNodeExit", NAPI_AUTO_LENGTH, OnExit, this, &arguments[1]));
  NAPI_TRY(napi_call_function(env_, process, on, arguments.size(), arguments.data(), nullptr));
  return {};
}

napi_value EnvState::OnExit(napi_env env, napi_callback_info info) noexcept {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) == napi_ok) {
    auto& state = *static_cast<EnvState*>(data);
    state.Cancel();
    state.HandOverRuns();
    state.activity_->WaitUntilIdle();
  }
  return nullptr;
}

void EnvState::Cancel() noexcept {
  for (const auto& cancellation : cancellations_) {
    if (const auto cancelled = cancellation.lock()) *cancelled = true;
  }
}

void EnvState::HandOverRuns() noexcept {
  for (Object* object = first_; object != nullptr; object = object->next_) {
    if (object->kind() == Kind::kExecutor) static_cast<ExecutorObject*>(object)->HandOverAll();
  }
}

// exit() was called by this thread; the other environments' loops still turn.
void EnvState::HandOverRunsAtExit() noexcept {
  const std::lock_guard lock(AllStates().mutex);
  for (EnvState* state : AllStates().states) {
    if (state->thread_ == std::this_thread::get_id()) state->HandOverRuns();
  }
}

void EnvState::OnCleanup(void* data) noexcept {
  try {
    static_cast<EnvState*>(data)->Teardown();
  } catch (...) {
  }
}

// Runs on the JavaScript thread, which runs no JavaScript any more. When it returns, no native thread works for this
// environment, and nothing that it held is left; finalizers that come later find empty handles.
void EnvState::Teardown() {
  queue_->Close();
  Cancel();
  pool_.Shutdown();
  while (first_ != nullptr) {
    Object& object = *first_;
    Remove(object);
    FreeLater(object.Detach());
  }
  FlushFreed();
}

void EnvState::Add(Object& object) noexcept {
  object.state_ = this;
  object.previous_ = nullptr;
  object.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &object;
  first_ = &object;
}

void EnvState::Remove(Object& object) noexcept {
  if (object.previous_ != nullptr) object.previous_->next_ = object.next_;
  if (object.next_ != nullptr) object.next_->previous_ = object.previous_;
  if (first_ == &object) first_ = object.next_;
  object.state_ = nullptr;
  object.previous_ = object.next_ = nullptr;
}

void EnvState::AddCancellation(const std::shared_ptr<std::atomic<bool>>& cancelled) {
  std::erase_if(cancellations_, [](const auto& entry) { return entry.expired(); });
  cancellations_.push_back(cancelled);
}

}  // namespace trtnode::napi
