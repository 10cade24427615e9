// ErrorRecorder: our IErrorRecorder; hands TensorRT's errors to the Logger, so that the scopes see them.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <string>

#include "tensorrt/abi/callbacks.h"
#include "tensorrt/logger.h"

namespace trtnode::tensorrt {

// One for each TensorRT object, and longer-lived than it. Once an object has a recorder TensorRT gives it the errors instead of
// the logger, or as well, depending on the version. Called from any thread.
class ErrorRecorder final : public abi::ErrorRecorderInterface {
 public:
  explicit ErrorRecorder(Logger& logger) : logger_(logger) {}

  abi::IErrorRecorder* abi_object() noexcept {
    return reinterpret_cast<abi::IErrorRecorder*>(static_cast<abi::ErrorRecorderInterface*>(this));
  }

  abi::i32 getNbErrors() const noexcept override;
  abi::ErrorCode getErrorCode(abi::i32 index) const noexcept override;
  char const* getErrorDesc(abi::i32 index) const noexcept override;
  bool hasOverflowed() const noexcept override;
  void clear() noexcept override;
  bool reportError(abi::ErrorCode code, char const* description) noexcept override;
  abi::i32 incRefCount() noexcept override;
  abi::i32 decRefCount() noexcept override;

 private:
  // Fixed places, because getErrorDesc's answer must stay where it is while other threads report.
  static constexpr std::size_t kCapacity = 16;
  struct Entry {
    abi::ErrorCode code{};
    std::array<char, 512> text{};
  };

  Logger& logger_;
  mutable std::mutex mutex_;
  std::array<Entry, kCapacity> entries_;
  std::size_t count_ = 0;
  bool overflowed_ = false;
  std::atomic<abi::i32> references_{0};
};

}  // namespace trtnode::tensorrt
