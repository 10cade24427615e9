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
  explicit ErrorRecorder(Logger& logger) : logger_(logger), v8_(*this) {}

  // In the layout of the logger's major.
  abi::IErrorRecorder* abi_object() noexcept {
    void* object = logger_.abi_major() == 8
                       ? static_cast<void*>(static_cast<abi::ErrorRecorder8*>(&v8_))
                       : static_cast<void*>(static_cast<abi::ErrorRecorderInterface*>(this));
    return static_cast<abi::IErrorRecorder*>(object);
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

  // The same object for TensorRT 8.
  class V8 final : public abi::ErrorRecorder8 {
   public:
    explicit V8(ErrorRecorder& owner) : owner_(owner) {}
    abi::i32 getNbErrors() const noexcept override { return owner_.getNbErrors(); }
    abi::ErrorCode getErrorCode(abi::i32 index) const noexcept override {
      return owner_.getErrorCode(index);
    }
    char const* getErrorDesc(abi::i32 index) const noexcept override {
      return owner_.getErrorDesc(index);
    }
    bool hasOverflowed() const noexcept override { return owner_.hasOverflowed(); }
    void clear() noexcept override { owner_.clear(); }
    bool reportError(abi::ErrorCode code, char const* description) noexcept override {
      return owner_.reportError(code, description);
    }
    abi::i32 incRefCount() noexcept override { return owner_.incRefCount(); }
    abi::i32 decRefCount() noexcept override { return owner_.decRefCount(); }

   private:
    ErrorRecorder& owner_;
  };

  Logger& logger_;
  V8 v8_;
  mutable std::mutex mutex_;
  std::array<Entry, kCapacity> entries_;
  std::size_t count_ = 0;
  bool overflowed_ = false;
  std::atomic<abi::i32> references_{0};
};

}  // namespace trtnode::tensorrt
