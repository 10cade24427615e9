// JsCalls: whether the JavaScript thread is inside a call of ours. While one lasts, no callback can reach JavaScript.
#pragma once

#include <atomic>
#include <cstdint>

namespace trtnode::napi {

class JsCalls {
 public:
  // JavaScript thread.
  class Scope {
   public:
    explicit Scope(JsCalls& calls) noexcept : calls_(calls) {
      if (calls_.depth_++ == 0) calls_.Count();
    }
    ~Scope() {
      if (--calls_.depth_ == 0) calls_.Count();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    JsCalls& calls_;
  };

  // Any thread. Odd: inside a call; another number later: that one has ended.
  std::uint64_t number() const noexcept { return number_.load(std::memory_order_relaxed); }

 private:
  // One writer, so no atomic addition is needed: this is in the path of every run.
  void Count() noexcept {
    number_.store(number_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> number_{0};
  int depth_ = 0;
};

}  // namespace trtnode::napi
