// The thread that frees.
#include "napi/resource.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "napi/exit_gate.h"

namespace trtnode::napi {
namespace {

class Reaper {
 public:
  void Add(std::shared_ptr<Resource> resource) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(resource));
      ++added_;
      if (!started_) {
        // Never joined: the thread sleeps on members that are never destroyed, also while the process ends.
        std::thread([this] { Loop(); }).detach();
        started_ = true;
      }
    }
    changed_.notify_one();
  }

  void Flush() {
    std::unique_lock lock(mutex_);
    const std::uint64_t target = added_;
    done_.wait(lock, [&] { return freed_ >= target || !started_; });
  }

 private:
  void Loop() noexcept {
    std::vector<std::shared_ptr<Resource>> batch;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !waiting_.empty(); });
        batch.swap(waiting_);
      }
      for (std::shared_ptr<Resource>& resource : batch) {
        const GatePass pass;
        if (!pass) {
          // The process ends and the libraries may be gone: the operating system frees faster and safer than we.
          (void)std::make_unique<std::shared_ptr<Resource>>(std::move(resource)).release();
          continue;
        }
        if (resource->context != nullptr) cuda::RelaxCaptureMode(resource->context->driver());
        resource.reset();
      }
      {
        const std::lock_guard lock(mutex_);
        freed_ += batch.size();
      }
      batch.clear();
      done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_, done_;
  std::vector<std::shared_ptr<Resource>> waiting_;
  std::uint64_t added_ = 0, freed_ = 0;
  bool started_ = false;
};

Reaper& GetReaper() {
  static Reaper& reaper = *std::make_unique<Reaper>().release();  // leaked on purpose
  return reaper;
}

}  // namespace

void FreeLater(std::shared_ptr<Resource> resource) noexcept {
  if (resource == nullptr) return;
  try {
    GetReaper().Add(std::move(resource));
  } catch (...) {  // no memory or no thread: lost, but nothing breaks
  }
}

void FlushFreed() noexcept {
  try {
    GetReaper().Flush();
  } catch (...) {
  }
}

}  // namespace trtnode::napi
