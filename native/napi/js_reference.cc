// JavaScript values held by native code, and log lines on their way to a function.
#include "napi/js_reference.h"

#include <array>
#include <utility>

#include "napi/values.h"

namespace trtnode::napi {
namespace {

class LogLine final : public QueueItem {
 public:
  LogLine(std::shared_ptr<JsReference> log, tensorrt::Severity severity, std::string_view message)
      : log_(std::move(log)), severity_(severity), message_(message) {}
  void Run(EnvState& state) override {
    (void)CallLog(state.env(), *log_, severity_, message_)
        .ok();  // what it throws is reported by the queue
  }

 private:
  const std::shared_ptr<JsReference> log_;
  const tensorrt::Severity severity_;
  const std::string message_;
};

class PlainCall final : public QueueItem {
 public:
  explicit PlainCall(std::shared_ptr<JsReference> function) : function_(std::move(function)) {}
  void Run(EnvState& state) override {
    const napi_env env = state.env();
    const Result<napi_value> function = function_->Get(env);
    napi_value receiver = nullptr;
    if (!function.ok() || napi_get_undefined(env, &receiver) != napi_ok) return;
    // What it throws is reported by the queue.
    (void)napi_call_function(env, receiver, function.value(), 0, nullptr, nullptr);
  }

 private:
  const std::shared_ptr<JsReference> function_;
};

}  // namespace

Result<std::shared_ptr<JsReference>> JsReference::Hold(EnvState& state, napi_value value) {
  napi_ref reference = nullptr;
  NAPI_TRY(napi_create_reference(state.env(), value, 1, &reference));
  return std::make_shared<JsReference>(state.queue(), reference);
}

Result<std::shared_ptr<JsReference>> JsReference::HoldFunction(EnvState& state, napi_value function,
                                                               const char* what) {
  if (IsNullish(state.env(), function)) return std::shared_ptr<JsReference>();
  if (TypeOf(state.env(), function) != napi_function) return WrongType(what, "a function");
  return Hold(state, function);
}

Result<napi_value> JsReference::Get(napi_env env) const {
  napi_value value = nullptr;
  NAPI_TRY(napi_get_reference_value(env, reference_, &value));
  return value;
}

bool CallLater(std::shared_ptr<JsReference> function) {
  const std::shared_ptr<JsQueue> queue = function->queue();
  return queue->Push(std::make_shared<PlainCall>(std::move(function)));
}

Status CallLog(napi_env env, const JsReference& log, tensorrt::Severity severity,
               const std::string& message) {
  ASSIGN_OR_RETURN(napi_value function, log.Get(env));
  std::array<napi_value, 2> arguments{};
  ASSIGN_OR_RETURN(arguments[0], MakeNumber(env, static_cast<double>(severity)));
  ASSIGN_OR_RETURN(arguments[1], MakeString(env, message));
  napi_value receiver = nullptr;
  NAPI_TRY(napi_get_undefined(env, &receiver));
  NAPI_TRY(
      napi_call_function(env, receiver, function, arguments.size(), arguments.data(), nullptr));
  return {};
}

tensorrt::LogSink MakeLogSink(std::shared_ptr<JsReference> log) {
  if (log == nullptr) return {};
  return [log = std::move(log)](tensorrt::Severity severity, std::string_view message) {
    try {
      log->queue()->Push(std::make_shared<LogLine>(log, severity, message));
    } catch (...) {  // no memory for a log line
    }
  };
}

}  // namespace trtnode::napi
