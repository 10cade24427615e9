// A stream: an ordered queue of work with a thread of its own, and the tickets with which others wait for it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "reference/cuda/types.h"

namespace trtnode::reference {

class Capture;
class Context;
class Stream;

// What a stream does. Copyable and repeatable, as a captured graph replays it. A result other than CUDA_SUCCESS becomes
// the context's sticky error.
using Work = std::function<CUresult()>;

// Opened once, for good.
class Gate {
 public:
  void Open();
  void Wait();
  bool IsOpen();

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// A place in a stream's queue: reached when everything submitted up to it is done. Or one inside a graph's launch: a gate.
struct Ticket {
  std::shared_ptr<Stream> stream;
  uint64_t sequence = 0;
  std::shared_ptr<Gate> gate = nullptr;

  void Wait() const;
  bool Reached() const;
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(Context& context, unsigned flags, int priority)
      : context_(context), flags_(flags), priority_(priority) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Context& context() const { return context_; }
  unsigned flags() const { return flags_; }
  int priority() const { return priority_; }
  bool blocking() const { return (flags_ & kStreamNonBlocking) == 0; }
  CUstream handle() { return reinterpret_cast<CUstream>(this); }

  // Queues work after what is queued already and after `dependencies`. Never waits.
  Ticket Push(Work work, std::vector<Ticket> dependencies);
  Ticket Last();
  void WaitFor(uint64_t sequence);
  bool Reached(uint64_t sequence);
  // Lets the thread end once the queue is empty. What is queued still runs, as after cuStreamDestroy.
  void Close();

  // Guarded by CaptureMutex().
  std::shared_ptr<Capture> capture;

 private:
  struct Item {
    Work work;
    std::vector<Ticket> dependencies;
  };

  void Run();

  Context& context_;
  const unsigned flags_;
  const int priority_;

  std::mutex mutex_;
  std::condition_variable queued_;
  std::condition_variable done_;
  std::deque<Item> queue_;
  uint64_t submitted_ = 0;
  uint64_t completed_ = 0;
  bool started_ = false;  // the thread starts with the first work, as many streams never get any
  bool closed_ = false;
};

// Whether this thread is a stream's own, running a host function: CUDA calls are forbidden there.
bool OnStreamThread();

}  // namespace trtnode::reference
