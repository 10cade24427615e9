// Says what went wrong as TensorRT does: through the application's logger and error recorder, in TensorRT's words.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "reference/abi/app.h"

namespace trtnode::reference {

// The word between "Error Code n:" and the text.
inline constexpr char kApiUsage[] = "API Usage Error";
inline constexpr char kInternal[] = "Internal Error";
inline constexpr char kSerialization[] = "Serialization";
inline constexpr char kOutOfMemory[] = "OutOfMemory";
inline constexpr char kCudaRuntime[] = "Cuda Runtime";

// One per public object; children start with their parent's recorder. Shared, as work on a stream may report after the
// object is gone. The logger must outlive all of it, as TensorRT demands too.
class Reporter {
 public:
  explicit Reporter(ILogger* logger, IErrorRecorder* recorder = nullptr);
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  // "<api>: Error Code <n>: <kind> (<text>)", to logger and recorder.
  void Error(ErrorCode code, char const* api, char const* kind,
             const std::string& text) const noexcept;
  void Warning(const std::string& text) const noexcept { Log(Severity::kWARNING, text); }
  void Info(const std::string& text) const noexcept { Log(Severity::kINFO, text); }
  void Verbose(const std::string& text) const noexcept { Log(Severity::kVERBOSE, text); }

  // Counts references on the recorder as its contract asks.
  void SetRecorder(IErrorRecorder* recorder) noexcept;
  IErrorRecorder* recorder() const noexcept;
  ILogger* logger() const noexcept { return logger_; }

 private:
  void Log(Severity severity, const std::string& text) const noexcept;

  ILogger* const logger_;
  mutable std::mutex mutex_;
  IErrorRecorder* recorder_ = nullptr;
};

// Runs the body of an entry point. Nothing may be thrown across it: an exception (in practice, host memory running out)
// becomes a logged error and a default value.
template <typename T, typename Body>
T Guard(const Reporter& reporter, char const* api, T otherwise, Body&& body) noexcept {
  try {
    return body();
  } catch (const std::exception& exception) {
    reporter.Error(ErrorCode::kINTERNAL_ERROR, api, kInternal, exception.what());
  } catch (...) {
    reporter.Error(ErrorCode::kINTERNAL_ERROR, api, kInternal, "unknown exception");
  }
  return otherwise;
}

// "[1,-1,3]".
std::string ToString(const Dims64& dims);

}  // namespace trtnode::reference
