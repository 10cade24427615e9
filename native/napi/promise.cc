// Promises.
#include "napi/promise.h"

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "napi/errors.h"

namespace trtnode::napi {
namespace {

class AsyncTask final : public QueueItem {
 public:
  AsyncTask(napi_deferred deferred, Work work, Finish finish)
      : deferred_(deferred), work_(std::move(work)), finish_(std::move(finish)) {}

  void Work() noexcept {
    try {
      status_ = work_();
    } catch (const std::bad_alloc&) {
      status_ = Status(ErrorCode::kOutOfMemory, "Host memory is exhausted.");
    } catch (const std::exception& error) {
      status_ = Status(ErrorCode::kInternal, error.what());
    } catch (...) {
      status_ = Status(ErrorCode::kInternal, "Unknown native exception.");
    }
    work_ = nullptr;
  }

  void Run(EnvState& state) override {
    state.queue()->RemovePending();
    Settle(state);
    finish_ = nullptr;
  }

 private:
  void Settle(EnvState& state) {
    const napi_env env = state.env();
    if (status_.ok()) {
      Result<napi_value> result = finish_(state);
      if (result.ok()) {
        napi_value value = result.value();
        if (value == nullptr) (void)napi_get_undefined(env, &value);
        (void)napi_resolve_deferred(env, deferred_, value);
        return;
      }
      status_ = result.TakeStatus();
    }
    // An exception that is pending already (createError threw, say) is the reason then.
    bool pending = false;
    napi_value reason = nullptr;
    if (napi_is_exception_pending(env, &pending) != napi_ok) return;
    if (!pending) reason = MakeError(state, status_.error());
    if (reason == nullptr && napi_get_and_clear_last_exception(env, &reason) != napi_ok) return;
    (void)napi_reject_deferred(env, deferred_, reason);
  }

  const napi_deferred deferred_;
  napi::Work work_;
  Finish finish_;
  Status status_;
};

}  // namespace

Result<napi_value> RunAsync(EnvState& state, Work work, Finish finish) {
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  NAPI_TRY(napi_create_promise(state.env(), &deferred, &promise));
  auto task = std::make_shared<AsyncTask>(deferred, std::move(work), std::move(finish));
  state.queue()->AddPending();
  state.activity()->Begin();
  Status status =
      state.pool().Run([task, queue = state.queue(), activity = state.activity()]() mutable {
        task->Work();
        queue->Push(std::move(task));
        activity->End();
      });
  if (!status.ok()) {
    state.activity()->End();
    state.queue()->RemovePending();
    return status;  // the promise is dropped unsettled; nobody has seen it
  }
  return promise;
}

Result<napi_value> ResolvedPromise(napi_env env) {
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  napi_value undefined = nullptr;
  NAPI_TRY(napi_create_promise(env, &deferred, &promise));
  NAPI_TRY(napi_get_undefined(env, &undefined));
  NAPI_TRY(napi_resolve_deferred(env, deferred, undefined));
  return promise;
}

}  // namespace trtnode::napi
