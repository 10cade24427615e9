// The way from native threads to JavaScript.
#include "napi/js_queue.h"

#include <utility>

#include "napi/env_state.h"
#include "napi/errors.h"

namespace trtnode::napi {

JsQueue::JsQueue(EnvState& state) noexcept
    : state_(state), js_thread_(std::this_thread::get_id()) {}

Status JsQueue::Open(napi_env env) {
  napi_value name = nullptr;
  NAPI_TRY(napi_create_string_utf8(env, "trt-node", NAPI_AUTO_LENGTH, &name));
  napi_threadsafe_function function = nullptr;
  NAPI_TRY(napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr,
                                           this, OnWake, &function));
  NAPI_TRY(napi_unref_threadsafe_function(env, function));
  const std::lock_guard lock(mutex_);
  env_ = env;
  function_ = function;
  closed_ = false;
  return {};
}

void JsQueue::Close() noexcept {
  std::vector<std::shared_ptr<QueueItem>> dropped;
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  closed_ = true;
  dropped.swap(items_);
  (void)napi_release_threadsafe_function(function_, napi_tsfn_abort);
  function_ = nullptr;
}

void JsQueue::AddPending() noexcept {
  if (pending_++ == 0 && !hold_) (void)napi_ref_threadsafe_function(env_, function_);
}

void JsQueue::RemovePending() noexcept {
  if (--pending_ == 0 && !hold_) (void)napi_unref_threadsafe_function(env_, function_);
}

void JsQueue::Wake() noexcept {
  if (woken_) return;
  woken_ = true;
  (void)napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

bool JsQueue::Push(std::shared_ptr<QueueItem> item) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  items_.push_back(std::move(item));
  if (std::this_thread::get_id() == js_thread_ && !hold_) {
    hold_ = true;
    if (pending_ == 0) (void)napi_ref_threadsafe_function(env_, function_);
  }
  Wake();
  return true;
}

void JsQueue::DeleteLater(napi_ref reference) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    dead_references_.push_back(reference);
    Wake();
  } catch (...) {  // no memory: the reference lives as long as the environment
  }
}

void JsQueue::OnWake(napi_env env, napi_value /*function*/, void* context,
                     void* /*data*/) noexcept {
  if (env == nullptr) return;  // the environment ends; `context` may be gone
  try {
    static_cast<JsQueue*>(context)->Drain(env);
  } catch (...) {
  }
}

void JsQueue::Drain(napi_env env) {
  // Local, as a callback may run the loop again within this one.
  std::vector<std::shared_ptr<QueueItem>> batch = std::move(spare_);
  std::vector<napi_ref> references;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    woken_ = false;
    batch.swap(items_);
    references.swap(dead_references_);
  }
  if (hold_) {
    hold_ = false;
    if (pending_ == 0) (void)napi_unref_threadsafe_function(env, function_);
  }
  for (const napi_ref reference : references) (void)napi_delete_reference(env, reference);
  bool alive = true;
  for (std::shared_ptr<QueueItem>& item : batch) {
    napi_handle_scope scope = nullptr;
    if (!alive || napi_open_handle_scope(env, &scope) != napi_ok) break;
    try {
      item->Run(state_);
    } catch (...) {  // no memory for the item: there is none to say so either
    }
    item.reset();
    alive = ReportPendingException(env);
    (void)napi_close_handle_scope(env, scope);
  }
  batch.clear();
  spare_ = std::move(batch);
}

}  // namespace trtnode::napi
