// JsReference: a JavaScript value that native code holds, from any thread; used only on the JavaScript thread.
#pragma once

#include <memory>
#include <string>

#include "core/status.h"
#include "napi/env_state.h"
#include "tensorrt/logger.h"

namespace trtnode::napi {

class JsReference {
 public:
  // Holds it strongly: what the value reaches lives as long as this.
  static Result<std::shared_ptr<JsReference>> Hold(EnvState& state, napi_value value);
  // Null for undefined and null; kInvalidArgument for anything else but a function.
  static Result<std::shared_ptr<JsReference>> HoldFunction(EnvState& state, napi_value function,
                                                           const char* what);
  JsReference(std::shared_ptr<JsQueue> queue, napi_ref reference) noexcept
      : queue_(std::move(queue)), reference_(reference) {}
  ~JsReference() { queue_->DeleteLater(reference_); }  // any thread
  JsReference(const JsReference&) = delete;
  JsReference& operator=(const JsReference&) = delete;

  const std::shared_ptr<JsQueue>& queue() const noexcept { return queue_; }
  Result<napi_value> Get(napi_env env) const;  // JavaScript thread

 private:
  const std::shared_ptr<JsQueue> queue_;
  const napi_ref reference_;
};

// Calls `function`, without arguments, on the JavaScript thread, some time. False: the environment is gone. What it throws becomes an
// uncaught exception.
bool CallLater(std::shared_ptr<JsReference> function);

// A sink that hands lines to `log` on the JavaScript thread, in order. Null: an empty sink.
tensorrt::LogSink MakeLogSink(std::shared_ptr<JsReference> log);
// log(severity, message), now. JavaScript thread.
Status CallLog(napi_env env, const JsReference& log, tensorrt::Severity severity,
               const std::string& message);

}  // namespace trtnode::napi
