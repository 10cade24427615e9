// Stream capture and graphs: work is recorded instead of executed, and replayed in the order in which it was recorded.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "reference/cuda/stream.h"
#include "reference/cuda/types.h"

namespace trtnode::reference {

struct Event;

struct Graph {
  std::vector<Work>
      nodes;  // in an order that every dependency allows: the one in which they were captured
  // Those that its nodes record, those of child graphs included; once for every such node.
  std::vector<std::shared_ptr<Event>> events;
};

struct GraphExec {
  std::vector<Work> nodes;
  std::vector<std::shared_ptr<Event>> events;
  std::mutex running;  // launches of one executable graph never overlap
};

// The nodes that a captured stream or event comes after.
using Ancestors = std::set<size_t>;

class Capture {
 public:
  Capture(std::shared_ptr<Stream> origin, CUstreamCaptureMode mode)
      : origin_(std::move(origin)), mode_(mode), thread_(std::this_thread::get_id()) {
    streams_[origin_.get()];
  }

  const std::shared_ptr<Stream>& origin() const { return origin_; }
  CUstreamCaptureMode mode() const { return mode_; }
  std::thread::id thread() const { return thread_; }
  bool invalid() const { return invalid_; }
  void Invalidate() { invalid_ = true; }

  void Record(Stream& stream, Work work);
  // Events that the work recorded last will record at each launch.
  void WillRecord(const std::vector<std::shared_ptr<Event>>& events);
  // `stream` goes on after `ancestors` as well; it joins the capture if it was not part of it.
  void Join(Stream& stream, const Ancestors& ancestors);
  const Ancestors& Of(Stream& stream) { return streams_[&stream]; }
  // A stream that is destroyed while it captures.
  void Drop(Stream& stream) { streams_.erase(&stream); }
  // Ends the capture for every stream in it.
  void Detach(const std::shared_ptr<Capture>& self);
  // Whether everything recorded on the joined streams comes before the origin's end.
  bool Joined() const;
  // What was recorded, at the capture's end.
  std::shared_ptr<Graph> TakeGraph();

 private:
  std::shared_ptr<Stream> origin_;
  CUstreamCaptureMode mode_;
  std::thread::id thread_;
  bool invalid_ = false;
  std::vector<Work> nodes_;
  std::vector<std::shared_ptr<Event>> events_;
  std::map<Stream*, Ancestors> streams_;
};

// One lock for all captures: they are rare and short. Taken before any other lock.
std::mutex& CaptureMutex();

// Every capture under way, for the rules that concern other threads and streams. Guarded by CaptureMutex().
std::set<std::shared_ptr<Capture>>& ActiveCaptures();

// CUDA_SUCCESS, or CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED (and the captures in question are invalidated) when this
// thread may not make potentially unsafe calls now, such as cuMemAlloc.
CUresult CheckUnsafeCall();

// This thread's interaction mode, see cuThreadExchangeStreamCaptureMode.
CUstreamCaptureMode& ThreadCaptureMode();

// A call that a capturing stream never takes (synchronize, query): 900, and its capture is invalidated. Else success.
CUresult RefuseCapturing(Stream& stream);

// Records the work if the stream captures, submits it otherwise. `events`: see Capture::WillRecord.
CUresult SubmitOrRecord(Stream& stream, Work work,
                        const std::vector<std::shared_ptr<Event>>& events = {});

bool IsCapturing(Stream& stream);
void InvalidateCapture(Stream& stream);

}  // namespace trtnode::reference
