// Logger: our ILogger, in the layout of the library's major; passes lines on and keeps those of a failing call.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensorrt/types.h"

namespace trtnode::tensorrt {

struct LoggerState;
class LoggerAdapter;

// Called from any thread, also from TensorRT's own; must not throw.
using LogSink = std::function<void(Severity, std::string_view)>;

class Logger {
 public:
  // Lines less severe than `threshold` are dropped before the sink sees them (scopes see errors and warnings always).
  Logger(int abi_major, Severity threshold, LogSink sink);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // The ILogger* to hand to TensorRT. It stays valid for ever (and falls silent once this Logger is gone): the library keeps the first
  // logger that it was given as its global one, also when the runtime that brought it is long closed.
  void* abi_object() const noexcept;
  int abi_major() const noexcept;  // whose layout it has

  // As if TensorRT had logged this line. An IErrorRecorder's errors come this way, with their ErrorCode (else 0).
  void Log(Severity severity, std::string_view line, int error_code = 0) noexcept;

  // Collects what is logged (warnings and errors) while it lives: this thread's lines, or all threads' if asked. Costs nothing
  // until something is logged. To be destroyed on the thread that made it, innermost first.
  class Scope {
   public:
    explicit Scope(Logger& logger, bool all_threads = false);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    std::vector<std::string>
    Take();  // "[E] IRuntime::…", oldest first, at most 64 lines (the first ones are kept)
    int error_code() const;  // the last ErrorCode that TensorRT reported, 0 if none
    // Whether an error was logged: the only way to learn of a refusal from a method that answers nothing.
    bool has_errors() const;

   private:
    friend struct LoggerState;
    void Add(Severity severity, std::string_view line, int error_code);

    std::shared_ptr<LoggerState> state_;
    const bool all_threads_;
    Scope* previous_;  // the scope around this one on this thread
    std::vector<std::string> lines_;
    int error_code_ = 0;
    bool has_errors_ = false;
  };

 private:
  std::shared_ptr<LoggerState> state_;
  LoggerAdapter* adapter_;  // immortal
};

}  // namespace trtnode::tensorrt
