// Formats and delivers errors.
#include "reference/report.h"

#include "reference/abi/root.h"

namespace trtnode::reference {

Reporter::Reporter(ILogger* logger, IErrorRecorder* recorder) : logger_(logger) {
  SetRecorder(recorder);
}

Reporter::~Reporter() { SetRecorder(nullptr); }

void Reporter::Log(Severity severity, const std::string& text) const noexcept {
  if (logger_ != nullptr) logger_->log(severity, text.c_str());
}

void Reporter::Error(ErrorCode code, char const* api, char const* kind,
                     const std::string& text) const noexcept {
  std::string line;
  try {
    line = std::string(api) + ": Error Code " + std::to_string(static_cast<int>(code)) + ": " +
           kind + " (" + text + ")";
  } catch (...) {
    line.clear();  // no memory left even for the message
  }
  Log(Severity::kERROR, line);
  if (IErrorRecorder* to = recorder()) to->reportError(code, line.c_str());
}

void Reporter::SetRecorder(IErrorRecorder* recorder) noexcept {
  IErrorRecorder* old = nullptr;
  if (recorder != nullptr) recorder->incRefCount();
  {
    const std::lock_guard lock(mutex_);
    old = recorder_;
    recorder_ = recorder;
  }
  if (old != nullptr) old->decRefCount();
}

IErrorRecorder* Reporter::recorder() const noexcept {
  const std::lock_guard lock(mutex_);
  return recorder_;
}

void ReportUnsupported(const Reporter* reporter, char const* method) noexcept {
  if (reporter == nullptr) return;
  reporter->Error(ErrorCode::kUNSUPPORTED_STATE, method, kApiUsage,
                  "The trt-node CPU reference runtime does not support this call.");
}

std::string ToString(const Dims64& dims) {
  std::string text = "[";
  for (int32_t i = 0; i < dims.nbDims && i < kMaxDims; ++i) {
    if (i != 0) text += ',';
    text += std::to_string(dims.d[i]);
  }
  return text + "]";
}

}  // namespace trtnode::reference
