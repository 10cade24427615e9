// ErrorRecorder.
#include "tensorrt/error_recorder.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace trtnode::tensorrt {

abi::i32 ErrorRecorder::getNbErrors() const noexcept {
  const std::lock_guard lock(mutex_);
  return static_cast<abi::i32>(count_);
}

abi::ErrorCode ErrorRecorder::getErrorCode(abi::i32 index) const noexcept {
  const std::lock_guard lock(mutex_);
  const auto i = static_cast<std::size_t>(index);
  return i < count_ ? entries_[i].code : abi::ErrorCode{};
}

char const* ErrorRecorder::getErrorDesc(abi::i32 index) const noexcept {
  const std::lock_guard lock(mutex_);
  const auto i = static_cast<std::size_t>(index);
  return i < count_ ? entries_[i].text.data() : "";
}

bool ErrorRecorder::hasOverflowed() const noexcept {
  const std::lock_guard lock(mutex_);
  return overflowed_;
}

void ErrorRecorder::clear() noexcept {
  const std::lock_guard lock(mutex_);
  count_ = 0;
  overflowed_ = false;
}

bool ErrorRecorder::reportError(abi::ErrorCode code, char const* description) noexcept {
  const std::string_view text = description != nullptr ? description : "";
  {
    const std::lock_guard lock(mutex_);
    if (count_ < kCapacity) {
      Entry& entry = entries_[count_++];
      entry.code = code;
      const std::size_t length = std::min(text.size(), entry.text.size() - 1);
      std::memcpy(entry.text.data(), text.data(), length);
      entry.text[length] = '\0';
    } else {
      overflowed_ = true;
    }
  }
  logger_.Log(Severity::kError, text, static_cast<int>(code));
  return true;  // fatal to the call in progress, as any error is
}

// TensorRT counts its uses; the owner keeps the object alive longer than all of them.
abi::i32 ErrorRecorder::incRefCount() noexcept { return ++references_; }
abi::i32 ErrorRecorder::decRefCount() noexcept { return --references_; }

}  // namespace trtnode::tensorrt
