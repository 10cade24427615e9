// Status: the literal names of the error codes.
#include "core/status.h"

namespace trtnode {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "ERR_TRT_INVALID_ARGUMENT";
    case ErrorCode::kUnknownTensor:
      return "ERR_TRT_UNKNOWN_TENSOR";
    case ErrorCode::kMissingInput:
      return "ERR_TRT_MISSING_INPUT";
    case ErrorCode::kDtypeMismatch:
      return "ERR_TRT_DTYPE_MISMATCH";
    case ErrorCode::kLengthMismatch:
      return "ERR_TRT_LENGTH_MISMATCH";
    case ErrorCode::kRankMismatch:
      return "ERR_TRT_RANK_MISMATCH";
    case ErrorCode::kInvalidShape:
      return "ERR_TRT_INVALID_SHAPE";
    case ErrorCode::kShapeOutOfRange:
      return "ERR_TRT_SHAPE_OUT_OF_RANGE";
    case ErrorCode::kInvalidBuffer:
      return "ERR_TRT_INVALID_BUFFER";
    case ErrorCode::kClosed:
      return "ERR_TRT_CLOSED";
    case ErrorCode::kAborted:
      return "ERR_TRT_ABORTED";
    case ErrorCode::kDeadlineExceeded:
      return "ERR_TRT_DEADLINE_EXCEEDED";
    case ErrorCode::kNoDriver:
      return "ERR_TRT_NO_DRIVER";
    case ErrorCode::kLibraryNotFound:
      return "ERR_TRT_LIBRARY_NOT_FOUND";
    case ErrorCode::kLibraryInvalid:
      return "ERR_TRT_LIBRARY_INVALID";
    case ErrorCode::kLibraryVersion:
      return "ERR_TRT_LIBRARY_VERSION";
    case ErrorCode::kReferenceUnavailable:
      return "ERR_TRT_REFERENCE_UNAVAILABLE";
    case ErrorCode::kFile:
      return "ERR_TRT_FILE";
    case ErrorCode::kInvalidPlan:
      return "ERR_TRT_INVALID_PLAN";
    case ErrorCode::kPlanVersion:
      return "ERR_TRT_PLAN_VERSION";
    case ErrorCode::kPlanDevice:
      return "ERR_TRT_PLAN_DEVICE";
    case ErrorCode::kPlanRuntime:
      return "ERR_TRT_PLAN_RUNTIME";
    case ErrorCode::kDeserialize:
      return "ERR_TRT_DESERIALIZE";
    case ErrorCode::kOutOfMemory:
      return "ERR_TRT_OUT_OF_MEMORY";
    case ErrorCode::kCuda:
      return "ERR_TRT_CUDA";
    case ErrorCode::kDeviceLost:
      return "ERR_TRT_DEVICE_LOST";
    case ErrorCode::kExecution:
      return "ERR_TRT_EXECUTION";
    case ErrorCode::kOutputAllocator:
      return "ERR_TRT_OUTPUT_ALLOCATOR";
    case ErrorCode::kParse:
      return "ERR_TRT_PARSE";
    case ErrorCode::kBuild:
      return "ERR_TRT_BUILD";
    case ErrorCode::kRefit:
      return "ERR_TRT_REFIT";
    case ErrorCode::kUnsupported:
      return "ERR_TRT_UNSUPPORTED";
    case ErrorCode::kInternal:
      return "ERR_TRT_INTERNAL";
  }
  return "ERR_TRT_INTERNAL";
}

Status::Status(ErrorCode code, std::string message, std::string hint) {
  error_ = std::make_unique<Error>();
  error_->code = code;
  error_->message = std::move(message);
  error_->hint = std::move(hint);
}

}  // namespace trtnode
