// The events of a graph's launch.
#include "reference/cuda/launch.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace trtnode::reference {
namespace {

thread_local Launch* running = nullptr;

}  // namespace

Launch::Launch(const std::vector<std::shared_ptr<Event>>& events) {
  for (const auto& event : events) {
    Recording& recording = recordings_[event];
    if (recording.nodes++ == 0) recording.record->ticket.gate = std::make_shared<Gate>();
  }
}

Launch::~Launch() {
  for (const auto& [event, recording] : recordings_) recording.record->ticket.gate->Open();
}

void Launch::Publish() {
  for (const auto& [event, recording] : recordings_) {
    {
      const std::lock_guard lock(CaptureMutex());
      event->captured = false;
      event->capture.reset();
    }
    const std::lock_guard lock(event->mutex);
    event->record = recording.record;
  }
}

void Launch::Reach(const Event& event) {
  if (running == nullptr) return;
  const auto found = std::find_if(running->recordings_.begin(), running->recordings_.end(),
                                  [&](const auto& entry) { return entry.first.get() == &event; });
  if (found == running->recordings_.end()) return;
  Recording& recording = found->second;
  if (recording.nodes == 0) return;
  --recording.nodes;
  if (recording.nodes > 0) return;
  recording.record->time = std::chrono::steady_clock::now();
  recording.record->ticket.gate->Open();
}

Launch::Current::Current(Launch& launch) : before_(std::exchange(running, &launch)) {}
Launch::Current::~Current() { running = before_; }

}  // namespace trtnode::reference
