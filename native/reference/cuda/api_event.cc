// Driver API: events, with the time at which the stream really reached them.
#include <algorithm>

#include "reference/cuda/launch.h"
#include "reference/cuda/machine.h"
#include "reference/faults.h"

namespace trtnode::reference {
namespace {

CUresult EnterEvent(CUevent handle, Context** context, std::shared_ptr<Event>* event) {
  if (const CUresult result = Enter(context)) return result;
  *event = Machine::Get().events.Find(handle);
  return *event ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

std::shared_ptr<EventRecord> LastRecord(Event& event) {
  const std::lock_guard lock(event.mutex);
  return event.record;
}

// An event that was last recorded while capturing is part of a graph, not of the stream's time.
CUresult RefuseCaptured(Event& event) {
  const std::lock_guard lock(CaptureMutex());
  if (!event.captured) return CUDA_SUCCESS;
  if (const auto capture = event.capture.lock()) capture->Invalidate();
  return CUDA_ERROR_CAPTURED_EVENT;
}

}  // namespace

TRTNODE_REFERENCE_EXPORT CUresult cuEventCreate(CUevent* out, unsigned flags) {
  Context* context = nullptr;
  if (const CUresult result = Enter(&context)) return result;
  constexpr unsigned kAllFlags = 7;  // blocking sync, disable timing, interprocess
  if (out == nullptr || (flags & ~kAllFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (Faults::Get().Hit("event")) return CUDA_ERROR_OUT_OF_MEMORY;
  std::shared_ptr<SharedEvent> shared;
  if ((flags & kEventInterprocess) != 0) {
    if ((flags & kEventDisableTiming) == 0) return CUDA_ERROR_INVALID_VALUE;
    if (Machine::Get().integrated()) return CUDA_ERROR_NOT_SUPPORTED;
    shared = SharedEvent::Create();
    if (!shared) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *out = Machine::Get().events.Add<CUevent>(
      std::make_shared<Event>(flags, context->ordinal(), std::move(shared)));
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuEventDestroy_v2(CUevent handle) {
  Context* context = nullptr;
  const CUresult entered = Enter(&context);
  if (context == nullptr) return entered;
  if (!Machine::Get().events.Remove(handle) && entered == CUDA_SUCCESS)
    return CUDA_ERROR_INVALID_HANDLE;
  return entered;
}

CUresult RecordEvent(Event& event, Stream& stream) {
  if (event.ordinal != stream.context().ordinal()) return CUDA_ERROR_INVALID_HANDLE;
  {
    const std::lock_guard lock(CaptureMutex());
    if (stream.capture) {
      if (stream.capture->invalid()) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
      event.captured = true;
      event.capture = stream.capture;
      event.ancestors = stream.capture->Of(stream);
      return CUDA_SUCCESS;
    }
    event.captured = false;
    event.capture.reset();
  }
  auto record = std::make_shared<EventRecord>();
  const auto recording = event.shared ? event.shared->Record() : 0;
  const auto reach = [shared = event.shared, recording] {
    if (shared) shared->Reach(recording);
  };
  record->ticket = stream.context().Submit(stream, [weak = std::weak_ptr(record), reach] {
    reach();
    // Weak: an event that was recorded again, or destroyed, need not be kept for its old time.
    if (const auto alive = weak.lock()) alive->time = std::chrono::steady_clock::now();
    return CUDA_SUCCESS;
  });
  const std::lock_guard lock(event.mutex);
  event.record = std::move(record);
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuEventRecord(CUevent handle, CUstream stream_handle) {
  Context* context = nullptr;
  std::shared_ptr<Event> event;
  if (const CUresult result = EnterEvent(handle, &context, &event)) return result;
  const auto stream = FindStream(*context, stream_handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  return RecordEvent(*event, *stream);
}

TRTNODE_REFERENCE_EXPORT CUresult cuEventRecordWithFlags(CUevent handle, CUstream stream_handle,
                                                         unsigned flags) {
  Context* context = nullptr;
  std::shared_ptr<Event> event;
  if (const CUresult result = EnterEvent(handle, &context, &event)) return result;
  const auto stream = FindStream(*context, stream_handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  constexpr unsigned kRecordExternal = 1;
  if (flags == 0) return RecordEvent(*event, *stream);
  // External: a node that records the event at each launch. There is no such thing outside of a capture.
  if (flags != kRecordExternal || !IsCapturing(*stream)) return CUDA_ERROR_INVALID_VALUE;
  const auto node = [event] {
    Launch::Reach(*event);
    return CUDA_SUCCESS;
  };
  return SubmitOrRecord(*stream, node, {event});
}

TRTNODE_REFERENCE_EXPORT CUresult cuEventQuery(CUevent handle) {
  Context* context = nullptr;
  std::shared_ptr<Event> event;
  if (const CUresult result = EnterEvent(handle, &context, &event)) return result;
  if (const CUresult result = CheckUnsafeCall()) return result;
  if (const CUresult result = RefuseCaptured(*event)) return result;
  if (event->shared) {
    return event->shared->Reached(event->shared->Last()) ? context->Sticky() : CUDA_ERROR_NOT_READY;
  }
  const auto record = LastRecord(*event);
  if (record && !record->ticket.Reached()) return CUDA_ERROR_NOT_READY;
  return context->Sticky();
}

TRTNODE_REFERENCE_EXPORT CUresult cuEventSynchronize(CUevent handle) {
  Context* context = nullptr;
  std::shared_ptr<Event> event;
  if (const CUresult result = EnterEvent(handle, &context, &event)) return result;
  if (const CUresult result = CheckUnsafeCall()) return result;
  if (const CUresult result = RefuseCaptured(*event)) return result;
  if (event->shared) {
    event->shared->Wait(event->shared->Last());
  } else if (const auto record = LastRecord(*event)) {
    record->ticket.Wait();
  }
  return context->Sticky();
}

TRTNODE_REFERENCE_EXPORT CUresult cuEventElapsedTime(float* milliseconds, CUevent start_handle,
                                                     CUevent end_handle) {
  Context* context = nullptr;
  std::shared_ptr<Event> start;
  std::shared_ptr<Event> end;
  if (const CUresult result = EnterEvent(start_handle, &context, &start)) return result;
  if (const CUresult result = EnterEvent(end_handle, &context, &end)) return result;
  if (milliseconds == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (start->ordinal != end->ordinal) return CUDA_ERROR_INVALID_HANDLE;
  if (((start->flags | end->flags) & kEventDisableTiming) != 0) return CUDA_ERROR_INVALID_HANDLE;
  const auto from = LastRecord(*start);
  const auto to = LastRecord(*end);
  if (!from || !to) return CUDA_ERROR_INVALID_HANDLE;
  if (!from->ticket.Reached() || !to->ticket.Reached()) return CUDA_ERROR_NOT_READY;
  *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
  return CUDA_SUCCESS;
}

TRTNODE_REFERENCE_EXPORT CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle,
                                                    unsigned flags) {
  Context* context = nullptr;
  std::shared_ptr<Event> event;
  if (const CUresult result = EnterEvent(handle, &context, &event)) return result;
  const auto stream = FindStream(*context, stream_handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  constexpr unsigned kWaitExternal = 1;
  if ((flags & ~kWaitExternal) != 0) return CUDA_ERROR_INVALID_VALUE;
  {
    const std::lock_guard lock(CaptureMutex());
    if (event->captured) {
      const auto capture = event->capture.lock();
      if (!capture || ActiveCaptures().count(capture) == 0) return CUDA_ERROR_CAPTURED_EVENT;
      if (stream->capture && stream->capture != capture) {
        stream->capture->Invalidate();
        capture->Invalidate();
        return CUDA_ERROR_STREAM_CAPTURE_MERGE;
      }
      if (stream->context().IsLegacy(*stream)) {
        capture->Invalidate();
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
      }
      stream->capture = capture;  // the stream joins the capture
      capture->Join(*stream, event->ancestors);
      return CUDA_SUCCESS;
    }
    if (stream->capture) {
      // A graph cannot wait for work outside of it.
      stream->capture->Invalidate();
      return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
  }
  if (event->shared) {
    stream->context().Submit(*stream, [shared = event->shared, last = event->shared->Last()] {
      shared->Wait(last);
      return CUDA_SUCCESS;
    });
    return CUDA_SUCCESS;
  }
  const auto record = LastRecord(*event);
  if (!record) return CUDA_SUCCESS;
  stream->context().Submit(*stream, [] { return CUDA_SUCCESS; }, {record->ticket});
  return CUDA_SUCCESS;
}

}  // namespace trtnode::reference
