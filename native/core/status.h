// Failure as a value: ErrorCode, Error, Status and Result<T>. Nothing is thrown across an entry point.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/model_report.h"

namespace trtnode {

// One to one with the public codes (docs/errors.md, lib/errors.ts); ErrorCodeName gives the literal.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,
  kUnknownTensor,
  kMissingInput,
  kDtypeMismatch,
  kLengthMismatch,
  kRankMismatch,
  kInvalidShape,
  kShapeOutOfRange,
  kInvalidBuffer,
  kClosed,
  kAborted,
  kDeadlineExceeded,
  kNoDriver,
  kLibraryNotFound,
  kLibraryInvalid,
  kLibraryVersion,
  kReferenceUnavailable,
  kFile,
  kInvalidPlan,
  kPlanVersion,
  kPlanDevice,
  kPlanRuntime,
  kDeserialize,
  kOutOfMemory,
  kCuda,
  kDeviceLost,
  kExecution,
  kOutputAllocator,
  kParse,
  kBuild,
  kRefit,
  kUnsupported,
  kInternal,
};

// "ERR_TRT_…"; the string is static.
const char* ErrorCodeName(ErrorCode code);

// Everything that a caller may learn of a failure. `message` says what was expected and what was given, `hint` what to do.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string hint;
  std::string call;             // the CUDA or TensorRT function that failed, if one did
  int cuda_error = 0;           // CUresult, 0 if CUDA was not the cause
  std::string cuda_error_name;  // "CUDA_ERROR_…"
  std::optional<std::uint64_t> requested_bytes;  // for kOutOfMemory
  std::vector<std::string> missing_weights;      // for kRefit
  std::vector<std::string>
      log;  // what TensorRT logged during the failing call, "[E] …", oldest first
  // For kParse: everything that the parser said, and what it could build (empty: it cannot tell).
  std::vector<ModelError> model_errors;
  std::vector<ModelSubgraph> subgraphs;
};

// Ok, or an Error on the heap (so that the common case is one null pointer).
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  explicit Status(Error error) : error_(std::make_unique<Error>(std::move(error))) {}
  Status(ErrorCode code, std::string message, std::string hint = {});

  bool ok() const noexcept { return error_ == nullptr; }
  const Error& error() const { return *error_; }  // only when !ok()
  Error& error() { return *error_; }

 private:
  std::unique_ptr<Error> error_;
};

// A T, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor): as std::expected
  Result(Status status) : state_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const noexcept { return std::holds_alternative<T>(state_); }
  T& value() { return std::get<T>(state_); }  // only when ok()
  const T& value() const { return std::get<T>(state_); }
  T Take() { return std::move(std::get<T>(state_)); }
  Status TakeStatus() { return ok() ? Status() : std::move(std::get<Status>(state_)); }
  const Error& error() const { return std::get<Status>(state_).error(); }  // only when !ok()

 private:
  std::variant<T, Status> state_;
};

}  // namespace trtnode

#define TRTNODE_CONCAT_INNER(a, b) a##b
#define TRTNODE_CONCAT(a, b) TRTNODE_CONCAT_INNER(a, b)

// Leaves the function with the Status of EXPR unless it is ok.
#define RETURN_IF_ERROR(expr)                                              \
  do {                                                                     \
    if (::trtnode::Status status_ = (expr); !status_.ok()) return status_; \
  } while (false)

// DECLARATION = the value of the Result EXPR; leaves with its Status if it has none.
#define ASSIGN_OR_RETURN(declaration, expr) \
  ASSIGN_OR_RETURN_IMPL(TRTNODE_CONCAT(result_, __LINE__), declaration, expr)
#define ASSIGN_OR_RETURN_IMPL(result, declaration, expr) \
  auto result = (expr);                                  \
  if (!result.ok()) return result.TakeStatus();          \
  declaration = result.Take()
