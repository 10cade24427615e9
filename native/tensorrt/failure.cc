// Reading TensorRT's log lines.
#include "tensorrt/failure.h"

#include <array>
#include <charconv>

#include "tensorrt/abi/enums.h"

namespace trtnode::tensorrt {
namespace {

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool IsShapeOutOfRange(const std::vector<std::string>& log) {
  for (const std::string& line : log) {
    if (Contains(line, "exceed min..max range") || Contains(line, "exceed min ~ max range"))
      return true;
  }
  return false;
}

// The number right behind `prefix`, if " bytes" or " byte" follows it.
std::optional<std::uint64_t> BytesAfter(std::string_view line, std::string_view prefix) {
  for (std::size_t at = line.find(prefix); at != std::string_view::npos;
       at = line.find(prefix, at + 1)) {
    const char* const begin = line.data() + at + prefix.size();
    const char* const end = line.data() + line.size();
    std::uint64_t value = 0;
    const auto [next, error] = std::from_chars(begin, end, value);
    if (error == std::errc() && std::string_view(next, end).starts_with(" byte")) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string FirstError(const std::vector<std::string>& log) {
  for (const std::string& line : log) {
    if (line.starts_with("[E] ") || line.starts_with("[F] ")) return line.substr(4);
  }
  return log.empty() ? std::string()
                     : log.front().substr(std::min<std::size_t>(4, log.front().size()));
}

bool IsOutOfMemory(const std::vector<std::string>& log, int error_code) {
  if (error_code != 0 && error_code == abi::enums::ErrorCode_kFAILED_ALLOCATION.At(10)) return true;
  // Words of TensorRT 8 to 11, of its CUDA checks and of the standard library.
  constexpr std::array<std::string_view, 6> kWords = {
      "OutOfMemory",    "out of memory",      "could not be allocated",
      "std::bad_alloc", "failed to allocate", "Failed to allocate"};
  for (const std::string& line : log) {
    if (!line.starts_with("[E]") && !line.starts_with("[F]")) continue;
    for (const std::string_view word : kWords) {
      if (Contains(line, word)) return true;
    }
  }
  return false;
}

std::optional<std::uint64_t> RequestedBytes(const std::vector<std::string>& log) {
  constexpr std::array<std::string_view, 6> kPrefixes = {"Requested size was ", "memory (",
                                                         "requested size of ",  "allocate ",
                                                         "allocation of ",      "Requested "};
  for (const std::string& line : log) {
    for (const std::string_view prefix : kPrefixes) {
      if (const auto bytes = BytesAfter(line, prefix)) return bytes;
    }
  }
  return std::nullopt;
}

Status CallFailed(ErrorCode code, std::string call, std::string message, Logger::Scope& scope,
                  ErrorRecorder* recorder, std::string hint) {
  const int error_code = scope.error_code();
  Error error;
  error.log = scope.Take();
  if (recorder != nullptr) recorder->clear();
  error.code = code;
  error.call = std::move(call);
  error.message = std::move(message);
  error.hint = std::move(hint);
  // A refusing output allocator is reported as such: TensorRT calls every refusal an allocation failure.
  if (code != ErrorCode::kOutputAllocator && IsOutOfMemory(error.log, error_code)) {
    error.code = ErrorCode::kOutOfMemory;
    error.requested_bytes = RequestedBytes(error.log);
    error.hint =
        "Free device memory: close sessions, use fewer instances, or a plan with a smaller "
        "profile.";
  }
  // Shapes of another profile are taken by setInputShape (TensorRT 10.6) and refused only here.
  if (error.code == ErrorCode::kExecution && IsShapeOutOfRange(error.log)) {
    error.code = ErrorCode::kShapeOutOfRange;
    error.hint = "Select the profile that takes this shape, or set a shape of the selected one.";
  }
  if (const std::string first = FirstError(error.log); !first.empty()) {
    if (error.message.ends_with('.')) error.message.pop_back();
    error.message += ": " + first;
  }
  return Status(std::move(error));
}

}  // namespace trtnode::tensorrt
