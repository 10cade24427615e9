// The error of a buffer that has not the bytes its tensor needs.
#pragma once

#include <cstddef>
#include <string>

#include "core/dims.h"
#include "core/status.h"
#include "tensorrt/types.h"

namespace trtnode::executor {

inline Status WrongLength(const tensorrt::TensorInfo& info, const Dims& dims, std::size_t needed,
                          std::size_t given, const char* what) {
  return Status(ErrorCode::kLengthMismatch, "Tensor '" + info.name + "' of shape " +
                                                dims.ToString() + " has " + std::to_string(needed) +
                                                " bytes, but the " + what + " has " +
                                                std::to_string(given) + ".");
}

}  // namespace trtnode::executor
