// From a TensorRT call that said no to an Error: what was logged meanwhile, and what kind of failure that tells of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/logger.h"

namespace trtnode::tensorrt {

// The text of the first error ("[E] …" or "[F] …", without the mark), else of the first line, else empty.
std::string FirstError(const std::vector<std::string>& log);

// True if the lines, or the ErrorCode reported with them, tell of memory that was not to be had.
bool IsOutOfMemory(const std::vector<std::string>& log, int error_code);

// How much was asked for, where a line names it ("Requested size was 1024 bytes").
std::optional<std::uint64_t> RequestedBytes(const std::vector<std::string>& log);

// `message` with TensorRT's first error behind it; `code`, or kOutOfMemory if that was the cause. Takes the lines from `scope` and
// empties `recorder` (may be null), so that TensorRT finds it clean at the next call.
Status CallFailed(ErrorCode code, std::string call, std::string message, Logger::Scope& scope,
                  ErrorRecorder* recorder, std::string hint = {});

}  // namespace trtnode::tensorrt
