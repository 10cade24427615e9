// Streams.
#include "cuda/stream.h"

#include <utility>

namespace trtnode::cuda {

Result<std::shared_ptr<Stream>> Stream::Create(std::shared_ptr<PrimaryContext> context,
                                               int priority) {
  const ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  const abi::Functions& f = context->f();
  abi::CUstream stream = nullptr;
  RETURN_IF_ERROR(context->driver().Check(
      f.cuStreamCreateWithPriority(&stream, abi::kStreamNonBlocking, priority),
      "cuStreamCreateWithPriority"));
  int actual = priority;
  f.cuStreamGetPriority(stream, &actual);
  return std::make_shared<Stream>(std::move(context), stream, actual);
}

Stream::Stream(std::shared_ptr<PrimaryContext> context, abi::CUstream stream, int priority) noexcept
    : context_(std::move(context)), stream_(stream), priority_(priority) {}

Stream::~Stream() {
  const ContextGuard guard(*context_);
  context_->f().cuStreamDestroy_v2(stream_);
}

Result<bool> Stream::Query() const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  const abi::CUresult result = context_->f().cuStreamQuery(stream_);
  if (result == abi::kNotReady) return false;
  RETURN_IF_ERROR(context_->driver().Check(result, "cuStreamQuery"));
  return true;
}

Status Stream::Synchronize() const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  return context_->driver().Check(context_->f().cuStreamSynchronize(stream_),
                                  "cuStreamSynchronize");
}

Status Stream::Wait(const Event& event) const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  return context_->driver().Check(context_->f().cuStreamWaitEvent(stream_, event.handle(), 0),
                                  "cuStreamWaitEvent");
}

Status Stream::Record(const Event& event) const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  return context_->driver().Check(context_->f().cuEventRecord(event.handle(), stream_),
                                  "cuEventRecord");
}

Status Stream::BeginCapture(int mode) const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  return context_->driver().Check(context_->f().cuStreamBeginCapture_v2(stream_, mode),
                                  "cuStreamBeginCapture_v2");
}

Result<std::shared_ptr<Graph>> Stream::EndCapture() const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  abi::CUgraph graph = nullptr;
  RETURN_IF_ERROR(context_->driver().Check(context_->f().cuStreamEndCapture(stream_, &graph),
                                           "cuStreamEndCapture"));
  if (graph == nullptr) {
    return Status(
        ErrorCode::kCuda, "The stream's capture gave no graph.",
        "Something that cannot be captured was called between beginCapture and endCapture.");
  }
  return Graph::Instantiate(context_, graph);
}

Result<bool> Stream::Capturing() const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  int status = abi::kCaptureStatusNone;
  RETURN_IF_ERROR(context_->driver().Check(context_->f().cuStreamIsCapturing(stream_, &status),
                                           "cuStreamIsCapturing"));
  return status != abi::kCaptureStatusNone;
}

Status Stream::CopyToDevice(abi::CUdeviceptr to, const void* from, std::size_t bytes) const {
  if (bytes == 0) return {};
  return context_->driver().Check(context_->f().cuMemcpyHtoDAsync_v2(to, from, bytes, stream_),
                                  "cuMemcpyHtoDAsync_v2");
}

Status Stream::CopyToHost(void* to, abi::CUdeviceptr from, std::size_t bytes) const {
  if (bytes == 0) return {};
  return context_->driver().Check(context_->f().cuMemcpyDtoHAsync_v2(to, from, bytes, stream_),
                                  "cuMemcpyDtoHAsync_v2");
}

Status Stream::CopyOnDevice(abi::CUdeviceptr to, abi::CUdeviceptr from, std::size_t bytes) const {
  if (bytes == 0) return {};
  return context_->driver().Check(context_->f().cuMemcpyDtoDAsync_v2(to, from, bytes, stream_),
                                  "cuMemcpyDtoDAsync_v2");
}

Status Stream::CopyBetween(const PrimaryContext& to_context, abi::CUdeviceptr to,
                           const PrimaryContext& from_context, abi::CUdeviceptr from,
                           std::size_t bytes) const {
  if (bytes == 0) return {};
  if (context_->f().cuMemcpyPeerAsync == nullptr) {
    return Status(ErrorCode::kUnsupported, "This driver cannot copy between devices.",
                  "Copy through the host, or update the driver.");
  }
  to_context.EnableAccess(from_context);
  from_context.EnableAccess(to_context);
  return context_->driver().Check(
      context_->f().cuMemcpyPeerAsync(to, to_context.handle(), from, from_context.handle(), bytes,
                                      stream_),
      "cuMemcpyPeerAsync");
}

Status Stream::Fill(abi::CUdeviceptr to, unsigned char value, std::size_t bytes) const {
  if (bytes == 0) return {};
  return context_->driver().Check(context_->f().cuMemsetD8Async(to, value, bytes, stream_),
                                  "cuMemsetD8Async");
}

}  // namespace trtnode::cuda
