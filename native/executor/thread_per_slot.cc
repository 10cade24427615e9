// A thread for each slot.
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "executor/submission.h"

namespace trtnode::executor {
namespace {

class ThreadPerSlot final : public Submission {
 public:
  ThreadPerSlot(const std::vector<std::unique_ptr<Slot>>& slots,
                std::shared_ptr<CompletionSink> sink)
      : sink_(std::move(sink)) {
    for (const auto& slot : slots) lanes_.push_back(std::make_unique<Lane>(*slot));
  }

  ~ThreadPerSlot() override { Stop(); }

  Status Begin() {
    try {
      for (std::size_t i = 0; i < lanes_.size(); ++i) {
        lanes_[i]->thread = std::thread([this, i] { Loop(static_cast<int>(i)); });
      }
    } catch (const std::system_error& error) {
      Stop();
      return Status(
          ErrorCode::kOutOfMemory,
          std::string("A thread for an execution slot cannot be started: ") + error.what(),
          "Raise the limit of processes (ulimit -u, the container's pids limit).");
    }
    return {};
  }

  void Start(int slot) override {
    Lane& lane = *lanes_[static_cast<std::size_t>(slot)];
    {
      const std::lock_guard lock(lane.mutex);
      lane.started = true;
    }
    lane.changed.notify_one();
  }

  void Stop() override {
    for (const auto& lane : lanes_) {
      {
        const std::lock_guard lock(lane->mutex);
        lane->stop = true;
      }
      lane->changed.notify_one();
    }
    for (const auto& lane : lanes_) {
      if (lane->thread.joinable()) lane->thread.join();
    }
  }

  Status TakeStatus(int slot) override {
    Lane& lane = *lanes_[static_cast<std::size_t>(slot)];
    const std::lock_guard lock(lane.mutex);
    return std::move(lane.status);
  }

 private:
  struct Lane {
    explicit Lane(Slot& slot_of_lane) : slot(slot_of_lane) {}
    Slot& slot;
    std::mutex mutex;  // guards what follows, up to the thread
    std::condition_variable changed;
    bool started = false;
    bool stop = false;
    Status status;
    std::thread thread;
  };

  void Loop(int index) noexcept {
    Lane& lane = *lanes_[static_cast<std::size_t>(index)];
    cuda::EnterThread(*lane.slot.context());
    for (;;) {
      {
        std::unique_lock lock(lane.mutex);
        lane.changed.wait(lock, [&] { return lane.started || lane.stop; });
        if (!lane.started) return;  // a run that was started is always finished and reported
        lane.started = false;
      }
      Status status = RunOnThisThread(lane.slot, true);
      {
        const std::lock_guard lock(lane.mutex);
        lane.status = std::move(status);
      }
      sink_->OnComplete(index);
    }
  }

  const std::shared_ptr<CompletionSink> sink_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace

Status RunOnThisThread(Slot& slot, bool blocking) noexcept {
  Status status;
  try {
    status = slot.Launch(blocking);
    if (status.ok()) status = slot.Wait(blocking);
    if (!status.ok()) slot.Recover();
  } catch (const std::exception& error) {
    slot.Recover();
    status = Status(ErrorCode::kInternal, std::string("A run failed: ") + error.what());
  }
  slot.Release();
  return status;
}

Result<std::unique_ptr<Submission>> MakeThreadPerSlot(
    const std::vector<std::unique_ptr<Slot>>& slots, std::shared_ptr<CompletionSink> sink) {
  auto submission = std::make_unique<ThreadPerSlot>(slots, std::move(sink));
  RETURN_IF_ERROR(submission->Begin());
  return std::unique_ptr<Submission>(std::move(submission));
}

}  // namespace trtnode::executor
