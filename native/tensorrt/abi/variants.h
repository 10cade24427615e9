// Calls whose form differs between TensorRT 8 and what followed: Dims of 32 bits and not 64, other parameters.
#pragma once

#include <optional>
#include <string>

#include "tensorrt/abi/call.h"
#include "tensorrt/abi/dims.h"

namespace trtnode::tensorrt::abi {

namespace internal {

// True if M is in every TensorRT 10 and 11 and M8 in every 8 that the loader takes.
template <typename M, typename M8>
constexpr bool kCoverAll = IsInAll(M::kInfo, 1) && IsInAll(M::kInfo, 2) && IsInAll(M8::kInfo, 0);

}  // namespace internal

// Asks a method that answers Dims: M, or M8 on TensorRT 8. Null when TensorRT says that there is no such shape.
template <typename M, typename M8, typename... A>
std::optional<Dims> AskDims(int major, const typename M::Interface::Handle* handle,
                            A... arguments) {
  static_assert(internal::kCoverAll<M, M8>);
  if (major == 8) return FromAbi(internal::InvokeIn<M8>(major, handle, arguments...));
  return FromAbi(internal::InvokeIn<M>(major, handle, arguments...));
}

// Calls a method whose last parameter is Dims (by value in some of TensorRT 8's, by reference in all others): M, or M8 on TensorRT
// 8. What it answers; kInvalidArgument when TensorRT 8 cannot be told such a shape.
template <typename M, typename M8, typename... A>
Result<bool> TellDims(int major, const typename M::Interface::Handle* handle, const Dims& dims,
                      A... arguments) {
  static_assert(internal::kCoverAll<M, M8>);
  if (major != 8) return internal::InvokeIn<M>(major, handle, arguments..., ToDims64(dims));
  const std::optional<Dims32> narrow = ToDims32(dims);
  if (!narrow) {
    return Status(trtnode::ErrorCode::kInvalidArgument,
                  "The shape " + dims.ToString() +
                      " has a dimension of more than 32 bits, which TensorRT 8 cannot express.",
                  "TensorRT 10 and newer take 64 bits.");
  }
  return internal::InvokeIn<M8>(major, handle, arguments..., *narrow);
}

inline ICudaEngine* DeserializeCudaEngine(int major, const IRuntime* runtime, void const* plan,
                                          u64 size) {
  using New = methods::VRuntime_deserializeCudaEngine;
  using Old = methods::VRuntime_deserializeCudaEngine_8;
  static_assert(internal::kCoverAll<New, Old>);
  // The plugin factory was obsolete in TensorRT 8 already, but its parameter is still there.
  if (major == 8) return internal::InvokeIn<Old>(major, runtime, plan, size, nullptr);
  return internal::InvokeIn<New>(major, runtime, plan, size);
}

// TensorRT 8 has a method for each of two strategies, and not the third (the caller has seen to that).
inline IExecutionContext* CreateExecutionContext(int major, const ICudaEngine* engine,
                                                 AllocationStrategy strategy) {
  using New = methods::VCudaEngine_createExecutionContext;
  using Old = methods::VCudaEngine_createExecutionContext_8;
  using Bare = methods::VCudaEngine_createExecutionContextWithoutDeviceMemory;
  static_assert(internal::kCoverAll<New, Old> && internal::IsInAll(Bare::kInfo, 0));
  if (major != 8) return internal::InvokeIn<New>(major, engine, strategy);
  if (strategy == AllocationStrategy::kUserManaged) return internal::InvokeIn<Bare>(major, engine);
  return internal::InvokeIn<Old>(major, engine);
}

}  // namespace trtnode::tensorrt::abi
