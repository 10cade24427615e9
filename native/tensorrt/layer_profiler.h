// LayerProfiler: the IProfiler that TensorRT calls, in the layout of either major (TensorRT 8's is 10's); collects layer times.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "tensorrt/abi/callbacks.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

class LayerProfiler {
 public:
  LayerProfiler() : v10_(*this), v11_(*this) {}

  abi::IProfiler* abi_object(int abi_major) noexcept {
    void* object = abi_major >= 11 ? static_cast<void*>(static_cast<abi::Profiler11*>(&v11_))
                                   : static_cast<void*>(static_cast<abi::Profiler10*>(&v10_));
    return static_cast<abi::IProfiler*>(object);
  }

  // Whether TensorRT was given this object; set by the first Listen.
  bool attached() const noexcept { return attached_; }
  // Drops what is reported while it does not listen.
  void Listen(bool on) {
    const std::lock_guard lock(mutex_);
    attached_ = true;
    listening_ = on;
  }

  std::vector<LayerTime> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(times_, {});
  }

 private:
  void Report(char const* layer, float milliseconds) noexcept {
    try {
      const std::lock_guard lock(mutex_);
      if (listening_) times_.push_back({layer != nullptr ? layer : "", milliseconds});
    } catch (...) {
      // Out of memory: this layer's time is lost, the inference is not.
    }
  }

  class V10 final : public abi::Profiler10 {
   public:
    explicit V10(LayerProfiler& owner) : owner_(owner) {}
    void reportLayerTime(char const* layer, float milliseconds) noexcept override {
      owner_.Report(layer, milliseconds);
    }

   private:
    LayerProfiler& owner_;
  };
  class V11 final : public abi::Profiler11 {
   public:
    explicit V11(LayerProfiler& owner) : owner_(owner) {}
    void reportLayerTime(char const* layer, float milliseconds) noexcept override {
      owner_.Report(layer, milliseconds);
    }

   private:
    LayerProfiler& owner_;
  };

  V10 v10_;
  V11 v11_;
  std::mutex mutex_;
  bool attached_ = false;
  bool listening_ = false;
  std::vector<LayerTime> times_;
};

}  // namespace trtnode::tensorrt
