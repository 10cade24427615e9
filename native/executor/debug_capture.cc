// Copying debug tensors.
#include "executor/debug_capture.h"

#include <cstring>

namespace trtnode::executor {

bool DebugCapture::Process(const tensorrt::DebugTensorView& tensor) {
  status_ = Copy(tensor);
  return status_.ok();
}

Status DebugCapture::Copy(const tensorrt::DebugTensorView& tensor) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : tensor.shape.span()) {
    if (extent < 0 || __builtin_mul_overflow(elements, extent, &elements)) elements = -1;
    if (elements < 0) break;
  }
  const auto bytes = ByteSize(tensor.dtype, elements);
  if (!bytes || (*bytes > 0 && tensor.address == nullptr)) {
    return Status(ErrorCode::kExecution,
                  std::string("TensorRT told nothing usable of the debug tensor '") + tensor.name +
                      "': shape " + tensor.shape.ToString() + ".");
  }
  DebugTensor copy{tensor.name, tensor.dtype, tensor.shape, {}};
  copy.data.resize(static_cast<std::size_t>(*bytes));
  const auto stream = static_cast<cuda::abi::CUstream>(tensor.stream);
  if (!copy.data.empty() && tensor.on_host) {
    std::memcpy(copy.data.data(), tensor.address, copy.data.size());
  } else if (!copy.data.empty()) {
    const cuda::ContextGuard guard(*context_);
    RETURN_IF_ERROR(guard.status());
    RETURN_IF_ERROR(context_->driver().Check(
        context_->f().cuMemcpyDtoHAsync_v2(copy.data.data(),
                                           reinterpret_cast<cuda::abi::CUdeviceptr>(tensor.address),
                                           copy.data.size(), stream),
        "cuMemcpyDtoHAsync_v2"));
    RETURN_IF_ERROR(
        context_->driver().Check(context_->f().cuStreamSynchronize(stream), "cuStreamSynchronize"));
  }
  sink_(std::move(copy));
  return {};
}

}  // namespace trtnode::executor
