// Watching runs.
#include "executor/reactor.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "executor/clock.h"
#include "executor/cpus.h"
#include "executor/executor.h"

namespace trtnode::executor {
namespace {

constexpr std::int64_t kMicrosecond = 1'000;
constexpr std::int64_t kLazy = 50'000 * kMicrosecond;
constexpr std::int64_t kLongest = 1'000 * kMicrosecond;
// Sleeping and waking takes longer than this: what is due sooner is waited for awake.
constexpr std::int64_t kAwake = 40 * kMicrosecond;

// When to look again at a run that has lasted for `elapsed`: soon at first and around its expected end, then ever more rarely.
std::int64_t Pause(const Reactor::Watch& watch, std::int64_t elapsed) {
  if (watch.lazy) return kLazy;
  const std::int64_t shortest = MaySpin() ? kMicrosecond : 50 * kMicrosecond;
  if (watch.expected > 0) {
    const std::int64_t early = watch.expected - elapsed - watch.expected / 8;
    if (early > kAwake) return std::min(early, kLongest * 16);
    if (elapsed < watch.expected + watch.expected / 4) return shortest;
  }
  return std::clamp(elapsed / 16, shortest, kLongest);
}

}  // namespace

Reactor& Reactor::Get() {
  static Reactor* const reactor = std::unique_ptr<Reactor>(new Reactor()).release();  // NOLINT
  return *reactor;
}

Status Reactor::Start() {
  const std::lock_guard lock(mutex_);
  if (running_) return {};
  try {
    std::thread([this] { Run(); }).detach();
  } catch (const std::system_error& error) {
    return Status(ErrorCode::kOutOfMemory,
                  std::string("The thread that watches runs cannot be started: ") + error.what(),
                  "Raise the limit of processes (ulimit -u, the container's pids limit).");
  }
  running_ = true;
  return {};
}

void Reactor::Add(Watch watch) {
  {
    const std::lock_guard lock(mutex_);
    incoming_.push_back(std::move(watch));
  }
  changed_.notify_one();
}

void Reactor::Forget(const Executor& executor) {
  const auto is_its = [&](const Watch& watch) { return watch.executor == &executor; };
  std::unique_lock lock(mutex_);
  ++forgetting_;
  lock.unlock();
  changed_.notify_one();
  {
    const std::lock_guard scanning(scanning_);
    std::erase_if(watches_, is_its);
    lock.lock();
    std::erase_if(incoming_, is_its);
    std::erase_if(taken_, is_its);  // between the two: needs both locks
    --forgetting_;
  }
}

void Reactor::Run() noexcept {
  // Else the kernel rounds sleeps up by 50 µs.
  (void)prctl(PR_SET_TIMERSLACK, 1'000);
  std::int64_t next = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    const std::int64_t now = Now();
    if (incoming_.empty() && next - now > kAwake) {
      changed_.wait_for(lock, std::chrono::nanoseconds(next - now));
    }
    taken_.swap(incoming_);
    const bool yield = forgetting_ > 0;
    lock.unlock();
    if (yield) std::this_thread::yield();
    {
      const std::lock_guard scanning(scanning_);
      for (Watch& watch : taken_) watches_.push_back(std::move(watch));
      taken_.clear();
      next = Scan(Now());
    }
    CpuRelax();
    lock.lock();
    if (incoming_.empty() && next == 0) {
      changed_.wait(lock, [this] { return !incoming_.empty(); });
    }
  }
}

std::int64_t Reactor::Scan(std::int64_t now) {
  std::int64_t next = 0;
  for (std::size_t i = 0; i < watches_.size();) {
    Watch& watch = watches_[i];
    bool over = false;
    if (watch.executor->Outdated(watch.slot, watch.run)) {
      watches_[i] = std::move(watches_.back());
      watches_.pop_back();
      continue;
    }
    if (now >= watch.next) {
      const std::int64_t elapsed = now - watch.started;
      // The driver is asked rarely: only it knows of errors, which leave no mark.
      const bool ask = watch.lazy || elapsed > kLongest;
      over = watch.executor->Poll(watch.slot, ask) || (watch.wake_at != 0 && now >= watch.wake_at);
      watch.next = now + Pause(watch, elapsed);
      if (watch.wake_at != 0) watch.next = std::min(watch.next, std::max(watch.wake_at, now));
    }
    if (over) {
      // From here on the executor may be gone.
      const std::shared_ptr<CompletionSink> sink = std::move(watch.sink);
      const int slot = watch.slot;
      watches_[i] = std::move(watches_.back());
      watches_.pop_back();
      sink->Wake(slot);
      continue;
    }
    if (next == 0 || watch.next < next) next = watch.next;
    ++i;
  }
  return next;
}

}  // namespace trtnode::executor
