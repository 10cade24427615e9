// Driver API: beginning and ending captures, instantiating and launching graphs.
#include <utility>

#include "reference/cuda/launch.h"
#include "reference/cuda/machine.h"
#include "reference/faults.h"

namespace trtnode::reference {
namespace {

CUresult EnterStream(CUstream handle, Context** context, std::shared_ptr<Stream>* stream) {
  if (const CUresult result = Enter(context)) return result;
  *stream = FindStream(**context, handle);
  return *stream ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace

TRTNODE_REFERENCE_EXPORT CUresult cuStreamBeginCapture_v2(CUstream handle,
                                                          CUstreamCaptureMode mode) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  if (mode < kCaptureGlobal || mode > kCaptureRelaxed) return CUDA_ERROR_INVALID_VALUE;
  if (Faults::Get().Hit("graph")) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (stream->context().IsLegacy(*stream)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  const std::lock_guard lock(CaptureMutex());
  if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  stream->capture = std::make_shared<Capture>(stream, mode);
  ActiveCaptures().insert(stream->capture);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamEndCapture(CUstream handle, CUgraph* out) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *out = nullptr;
  const std::lock_guard lock(CaptureMutex());
  const auto capture = stream->capture;
  if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->origin() != stream) {
    capture->Invalidate();
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  if (capture->mode() != kCaptureRelaxed && capture->thread() != std::this_thread::get_id()) {
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  }
  // Whatever comes of it, the capture ends here, for every stream that joined it.
  const bool joined = capture->Joined();
  capture->Detach(capture);
  if (capture->invalid()) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!joined) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  *out = Machine::Get().graphs.Add<CUgraph>(capture->TakeGraph());
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamIsCapturing(CUstream handle,
                                                      CUstreamCaptureStatus* status) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(handle, &context, &stream)) return result;
  if (status == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(CaptureMutex());
  *status = !stream->capture             ? kCaptureNone
            : stream->capture->invalid() ? kCaptureInvalidated
                                         : kCaptureActive;
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  if (mode == nullptr || *mode < kCaptureGlobal || *mode > kCaptureRelaxed)
    return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, ThreadCaptureMode());
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* out, CUgraph handle,
                                                              unsigned long long flags) {  // NOLINT
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  constexpr unsigned long long kAllFlags =
      15;  // NOLINT: free on launch, upload, device launch, use node priority
  if (out == nullptr || (flags & ~kAllFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  const auto graph = Machine::Get().graphs.Find(handle);
  if (!graph) return CUDA_ERROR_INVALID_HANDLE;
  if (Faults::Get().Hit("instantiate")) return CUDA_ERROR_NOT_SUPPORTED;
  auto executable = std::make_shared<GraphExec>();
  executable->nodes = graph->nodes;
  executable->events = graph->events;
  *out = Machine::Get().executables.Add<CUgraphExec>(std::move(executable));
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(stream_handle, &context, &stream)) return result;
  const auto executable = Machine::Get().executables.Find(handle);
  if (!executable) return CUDA_ERROR_INVALID_HANDLE;
  const Work run = [executable]() -> CUresult {
    const std::lock_guard lock(executable->running);
    for (const Work& node : executable->nodes) {
      if (const CUresult result = node()) return result;
    }
    return CUDA_SUCCESS;
  };
  // Launched while capturing, it becomes one node: a child graph, whose events are the business of the outer graph's launch.
  if (executable->events.empty() || IsCapturing(*stream))
    return SubmitOrRecord(*stream, run, executable->events);
  const auto launch = std::make_shared<Launch>(executable->events);
  const CUresult result = SubmitOrRecord(*stream, [run, launch]() -> CUresult {
    const Launch::Current current(*launch);
    return run();
  });
  if (result == CUDA_SUCCESS) launch->Publish();
  return result;
}

TRTNODE_REFERENCE_EXPORT CUresult cuGraphUpload(CUgraphExec handle, CUstream stream_handle) {
  Context* context = nullptr;
  std::shared_ptr<Stream> stream;
  if (const CUresult result = EnterStream(stream_handle, &context, &stream)) return result;
  return Machine::Get().executables.Find(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

TRTNODE_REFERENCE_EXPORT CUresult cuGraphExecDestroy(CUgraphExec handle) {
  Context* context = nullptr;
  const CUresult entered = Enter(&context);
  if (context == nullptr) return entered;
  // A launch under way keeps what it runs.
  if (!Machine::Get().executables.Remove(handle) && entered == CUDA_SUCCESS)
    return CUDA_ERROR_INVALID_HANDLE;
  return entered;
}

TRTNODE_REFERENCE_EXPORT CUresult cuGraphDestroy(CUgraph handle) {
  Context* context = nullptr;
  const CUresult entered = Enter(&context);
  if (context == nullptr) return entered;
  if (!Machine::Get().graphs.Remove(handle) && entered == CUDA_SUCCESS)
    return CUDA_ERROR_INVALID_HANDLE;
  return entered;
}

TRTNODE_REFERENCE_EXPORT CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes,
                                                  size_t* count) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  const auto graph = Machine::Get().graphs.Find(handle);
  if (!graph) return CUDA_ERROR_INVALID_HANDLE;
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (nodes != nullptr) {
    // The call's contract: what does not fit is left out, what there is not is null.
    for (size_t i = 0; i < *count; ++i) {
      nodes[i] =
          i < graph->nodes.size() ? reinterpret_cast<CUgraphNode>(&graph->nodes[i]) : nullptr;
    }
    if (*count <= graph->nodes.size()) return CUDA_SUCCESS;
  }
  *count = graph->nodes.size();
  return CUDA_SUCCESS;
}

}  // namespace trtnode::reference
