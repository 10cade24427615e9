// Logger: our ILogger, in the layout of the library's major; passes lines on and keeps those of a failing call.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensorrt/types.h"

namespace trtnode::tensorrt {

// Called from any thread, also from TensorRT's own; must not throw.
using LogSink = std::function<void(Severity, std::string_view)>;

class Logger {
 public:
  // Lines less severe than `threshold` are dropped before the sink sees them (scopes see errors and warnings always).
  Logger(int abi_major, Severity threshold, LogSink sink);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  void* abi_object() const noexcept;  // the ILogger* to hand to TensorRT; as long-lived as this Logger

  // Collects what is logged (warnings and errors) while it lives: this thread's lines, or all threads' if asked.
  class Scope {
   public:
    explicit Scope(Logger& logger, bool all_threads = false);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    std::vector<std::string> Take();  // "[E] IRuntime::…", oldest first, at most 64 lines (the first ones are kept)

   private:
    friend class Logger;
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trtnode::tensorrt
