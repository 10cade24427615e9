// BuildProgress: the IProgressMonitor that TensorRT calls; passes progress on and cancels the build.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "tensorrt/abi/callbacks.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {

class BuildProgress final : public abi::ProgressMonitorInterface {
 public:
  using Report = std::function<bool(const BuildStep& step)>;

  explicit BuildProgress(Report report) : report_(std::move(report)) {}

  abi::IProgressMonitor* abi_object() noexcept {
    return reinterpret_cast<abi::IProgressMonitor*>(
        static_cast<abi::ProgressMonitorInterface*>(this));
  }

  bool cancelled() const noexcept { return cancelled_; }

  // Called from TensorRT's threads, several at once.
  void phaseStart(char const* phase, char const* parent, abi::i32 steps) noexcept override {
    Guard([&] {
      const std::string name = Text(phase);
      Phase entry{Text(parent), steps};
      {
        const std::lock_guard lock(mutex_);
        phases_[name] = entry;
      }
      Tell(name, entry, 0);
    });
  }

  bool stepComplete(char const* phase, abi::i32 step) noexcept override {
    Guard([&] {
      const std::string name = Text(phase);
      Tell(name, Find(name), step + 1);
    });
    return !cancelled_;
  }

  void phaseFinish(char const* phase) noexcept override {
    Guard([&] {
      const std::string name = Text(phase);
      const Phase entry = Find(name);
      {
        const std::lock_guard lock(mutex_);
        phases_.erase(name);
      }
      Tell(name, entry, entry.steps, true);
    });
  }

 private:
  struct Phase {
    std::string parent;
    int steps = 0;
  };

  static std::string Text(char const* text) { return text != nullptr ? text : ""; }

  Phase Find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = phases_.find(name);
    return found != phases_.end() ? found->second : Phase{};
  }

  void Tell(const std::string& name, const Phase& phase, int step, bool finished = false) {
    if (cancelled_) return;
    const std::chrono::duration<double, std::milli> elapsed =
        std::chrono::steady_clock::now() - begin_;
    if (!report_(
            {name.c_str(), phase.parent.c_str(), step, phase.steps, finished, elapsed.count()})) {
      cancelled_ = true;
    }
  }

  // A report that throws cancels: there is nobody left to tell.
  template <typename F>
  void Guard(F&& body) noexcept {
    try {
      body();
    } catch (...) {
      cancelled_ = true;
    }
  }

  const Report report_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::map<std::string, Phase> phases_;  // those in progress
  std::atomic<bool> cancelled_{false};
};

}  // namespace trtnode::tensorrt
