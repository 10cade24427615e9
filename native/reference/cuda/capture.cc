// The rules of stream capture: who may call what while work is being recorded.
#include "reference/cuda/capture.h"

#include <algorithm>
#include <utility>

#include "reference/cuda/machine.h"

namespace trtnode::reference {

void Capture::Record(Stream& stream, Work work) {
  nodes_.push_back(std::move(work));
  streams_[&stream].insert(nodes_.size() - 1);
}

void Capture::WillRecord(const std::vector<std::shared_ptr<Event>>& events) {
  events_.insert(events_.end(), events.begin(), events.end());
}

std::shared_ptr<Graph> Capture::TakeGraph() {
  auto graph = std::make_shared<Graph>();
  graph->nodes = std::move(nodes_);
  graph->events = std::move(events_);
  return graph;
}

void Capture::Join(Stream& stream, const Ancestors& ancestors) {
  streams_[&stream].insert(ancestors.begin(), ancestors.end());
}

bool Capture::Joined() const {
  const Ancestors& end = streams_.at(origin_.get());
  return std::all_of(streams_.begin(), streams_.end(), [&](const auto& entry) {
    return std::includes(end.begin(), end.end(), entry.second.begin(), entry.second.end());
  });
}

void Capture::Detach(const std::shared_ptr<Capture>& self) {
  for (const auto& [member, ancestors] : streams_) {
    if (member->capture == self) member->capture.reset();
  }
  ActiveCaptures().erase(self);
}

std::mutex& CaptureMutex() {
  static std::mutex* const mutex =
      new std::mutex;  // NOLINT: leaked on purpose, streams may run at exit
  return *mutex;
}

std::set<std::shared_ptr<Capture>>& ActiveCaptures() {
  static auto* const captures =
      new std::set<std::shared_ptr<Capture>>;  // NOLINT: leaked on purpose
  return *captures;
}

CUstreamCaptureMode& ThreadCaptureMode() {
  thread_local CUstreamCaptureMode mode = kCaptureGlobal;
  return mode;
}

CUresult CheckUnsafeCall() {
  const CUstreamCaptureMode mode = ThreadCaptureMode();
  if (mode == kCaptureRelaxed) return CUDA_SUCCESS;
  const std::lock_guard lock(CaptureMutex());
  CUresult result = CUDA_SUCCESS;
  for (const auto& capture : ActiveCaptures()) {
    const bool own =
        capture->thread() == std::this_thread::get_id() && capture->mode() != kCaptureRelaxed;
    const bool others = mode == kCaptureGlobal && capture->mode() == kCaptureGlobal;
    if (own || others) {
      capture->Invalidate();
      result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
  }
  return result;
}

CUresult RefuseCapturing(Stream& stream) {
  const std::lock_guard lock(CaptureMutex());
  if (!stream.capture) return CUDA_SUCCESS;
  stream.capture->Invalidate();
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult SubmitOrRecord(Stream& stream, Work work,
                        const std::vector<std::shared_ptr<Event>>& events) {
  const std::lock_guard lock(CaptureMutex());
  if (stream.capture) {
    if (stream.capture->invalid()) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    stream.capture->Record(stream, std::move(work));
    stream.capture->WillRecord(events);
    return CUDA_SUCCESS;
  }
  if (stream.context().IsLegacy(stream)) {
    // The legacy stream orders itself after every blocking stream, which a capture cannot express.
    CUresult result = CUDA_SUCCESS;
    for (const auto& capture : ActiveCaptures()) {
      if (&capture->origin()->context() == &stream.context() && capture->origin()->blocking()) {
        capture->Invalidate();
        result = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
      }
    }
    if (result != CUDA_SUCCESS) return result;
  }
  stream.context().Submit(stream, std::move(work));
  return CUDA_SUCCESS;
}

bool IsCapturing(Stream& stream) {
  const std::lock_guard lock(CaptureMutex());
  return stream.capture != nullptr;
}

void InvalidateCapture(Stream& stream) {
  const std::lock_guard lock(CaptureMutex());
  if (stream.capture) stream.capture->Invalidate();
}

}  // namespace trtnode::reference
