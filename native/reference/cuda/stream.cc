// The stream's thread: takes work in order, waits for what it depends on, records errors on the context.
#include "reference/cuda/stream.h"

#include <thread>
#include <utility>

#include "reference/cuda/machine.h"
#include "reference/exit_gate.h"

namespace trtnode::reference {
namespace {

thread_local bool on_stream_thread = false;

}  // namespace

bool OnStreamThread() { return on_stream_thread; }

void Gate::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  opened_.notify_all();
}

void Gate::Wait() {
  std::unique_lock lock(mutex_);
  opened_.wait(lock, [&] { return open_; });
}

bool Gate::IsOpen() {
  const std::lock_guard lock(mutex_);
  return open_;
}

void Ticket::Wait() const {
  if (gate) return gate->Wait();
  if (stream) stream->WaitFor(sequence);
}

bool Ticket::Reached() const {
  if (gate) return gate->IsOpen();
  return !stream || stream->Reached(sequence);
}

Ticket Stream::Push(Work work, std::vector<Ticket> dependencies) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({std::move(work), std::move(dependencies)});
  ++submitted_;
  if (!started_) {
    started_ = true;
    // Detached, and holding the stream: at process exit it is simply left behind, waiting on memory that stays.
    std::thread([self = shared_from_this()] { self->Run(); }).detach();
  }
  queued_.notify_one();
  return {shared_from_this(), submitted_};
}

Ticket Stream::Last() {
  const std::lock_guard lock(mutex_);
  return {shared_from_this(), submitted_};
}

void Stream::WaitFor(uint64_t sequence) {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return completed_ >= sequence; });
}

bool Stream::Reached(uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  return completed_ >= sequence;
}

void Stream::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  queued_.notify_one();
}

void Stream::Run() {
  on_stream_thread = true;
  for (;;) {
    Item item;
    {
      std::unique_lock lock(mutex_);
      queued_.wait(lock, [&] { return !queue_.empty() || closed_; });
      if (queue_.empty()) return;
      item = std::move(queue_.front());
      queue_.pop_front();
    }
    for (const Ticket& ticket : item.dependencies) ticket.Wait();
    if (context_.Sticky() == CUDA_SUCCESS) {
      const ExitGate::Pass pass;
      const CUresult result = item.work();
      if (result != CUDA_SUCCESS) context_.SetSticky(result);
    }
    item = {};  // what the work held is let go before anyone learns that it is done
    const std::lock_guard lock(mutex_);
    ++completed_;
    done_.notify_all();
  }
}

}  // namespace trtnode::reference
