// The beginning and the end of an environment.
#include "napi/env_state.h"

#include <algorithm>
#include <utility>

#include "napi/object.h"
#include "napi/resource.h"

namespace trtnode::napi {

EnvState::EnvState(napi_env env) : env_(env), queue_(std::make_shared<JsQueue>(*this)) {}

EnvState::~EnvState() = default;

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
  return state;
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
  for (const auto& cancellation : cancellations_) {
    if (const auto cancelled = cancellation.lock()) *cancelled = true;
  }
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
