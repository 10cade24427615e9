// The simulated machine: devices with their primary contexts, and the registries of every handle that was given out.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <vector>

#include "reference/cuda/capture.h"
#include "reference/cuda/memory.h"
#include "reference/cuda/shared_event.h"
#include "reference/cuda/stream.h"
#include "reference/cuda/types.h"

namespace trtnode::reference {

// A handle is the object's address, and only addresses in here are dereferenced: a stale handle is an error, not a crash.
template <typename T>
class Registry {
 public:
  template <typename Handle>
  Handle Add(std::shared_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    T* key = object.get();
    objects_.emplace(key, std::move(object));
    return reinterpret_cast<Handle>(key);
  }
  template <typename Handle>
  std::shared_ptr<T> Find(Handle handle) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(reinterpret_cast<T*>(handle));
    return found == objects_.end() ? nullptr : found->second;
  }
  template <typename Handle>
  std::shared_ptr<T> Remove(Handle handle) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(reinterpret_cast<T*>(handle));
    if (found == objects_.end()) return nullptr;
    std::shared_ptr<T> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<T*, std::shared_ptr<T>> objects_;
};

// The last recording of an event: where in which stream, and when it was reached.
struct EventRecord {
  Ticket ticket;
  std::chrono::steady_clock::time_point time;  // written before the ticket is reached
};

CUresult RecordEvent(struct Event& event, Stream& stream);

struct Event {
  Event(unsigned event_flags, int device, std::shared_ptr<SharedEvent> state)
      : flags(event_flags), ordinal(device), shared(std::move(state)) {}
  const unsigned flags;
  const int ordinal;  // the device that it was made on
  const std::shared_ptr<SharedEvent>
      shared;  // of interprocess events: what is asked instead of `record`
  std::mutex mutex;
  std::shared_ptr<EventRecord> record;
  // Set when last recorded in a capturing stream. Guarded by CaptureMutex().
  std::weak_ptr<Capture> capture;
  Ancestors ancestors;
  bool captured = false;
};

// A device's primary context; there are no others.
class Context {
 public:
  explicit Context(int ordinal);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  int ordinal() const { return ordinal_; }
  CUcontext handle() { return reinterpret_cast<CUcontext>(this); }

  void Retain();
  bool Release();  // false if it was not retained. At zero its streams end and its memory is freed
  bool active() const { return references_.load() > 0; }

  // The first sticky error; CUDA_SUCCESS while there is none.
  CUresult Sticky() const;
  void SetSticky(CUresult code);
  void Heal() { sticky_.store(CUDA_SUCCESS); }

  std::shared_ptr<Stream> CreateStream(unsigned flags, int priority);
  void Forget(Stream& stream);
  std::shared_ptr<Stream> Legacy();
  bool IsLegacy(const Stream& stream);
  // Queues the work with the legacy stream's implicit order: it comes after all blocking streams, and they after it.
  Ticket Submit(Stream& stream, Work work, std::vector<Ticket> dependencies = {});
  // Everything submitted up to now.
  std::vector<Ticket> Tails();
  void Synchronize();

  bool EnablePeer(int ordinal);  // false if it was enabled already
  // Whether work here may touch memory of that device.
  bool Reaches(int ordinal);

  std::atomic<unsigned> flags{0};

 private:
  const int ordinal_;
  std::atomic<int> references_{0};
  std::atomic<int> sticky_{CUDA_SUCCESS};
  std::mutex
      mutex_;  // also makes "look at the others, then queue" one step, so that waits can never form a circle
  std::shared_ptr<Stream> legacy_;
  std::set<std::shared_ptr<Stream>> streams_;
  std::set<int> peers_;
};

class Machine {
 public:
  static Machine& Get();  // never destroyed: streams may still run at exit

  CUresult Initialize();
  bool initialized() const { return initialized_.load(); }
  int device_count() const { return static_cast<int>(contexts_.size()); }
  size_t total_memory() const { return total_memory_; }
  bool integrated() const { return integrated_; }
  Context* Device(int ordinal);
  Context* FindContext(CUcontext handle);
  void Heal();

  MemoryRegistry memory;
  Registry<Stream> streams;
  Registry<Event> events;
  Registry<Graph> graphs;
  Registry<GraphExec> executables;

 private:
  Machine();

  size_t total_memory_;
  bool integrated_;  // the devices say that they share memory with the CPU, as Jetson's does
  std::vector<std::unique_ptr<Context>> contexts_;
  std::atomic<bool> initialized_{false};
};

// This thread's context stack.
std::vector<Context*>& ContextStack();
Context* CurrentContext();  // null if there is none

// The checks with which nearly every driver call begins: initialized, not in a host function, a live current context,
// no sticky error. On success `context` is set.
CUresult Enter(Context** context);

// Translates a stream handle: null and 1 are the legacy stream, 2 the thread's own. Null result: no such stream.
std::shared_ptr<Stream> FindStream(Context& context, CUstream handle);

}  // namespace trtnode::reference
