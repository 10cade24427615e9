// Waiting at exit for native threads.
#include "napi/exit_gate.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace trtnode::napi {
namespace {

// A build or a large plan may take longer; past this the process ends all the same, as a hung device must not keep it.
constexpr std::chrono::seconds kPatience{30};
// Less here: a library whose exit handler ran before ours may have stopped what our threads wait for.
constexpr std::chrono::seconds kPatienceAtExit{5};

void WaitForZero(const std::atomic<int>& count, std::chrono::seconds patience) noexcept {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (count.load() > 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

// Trivially destroyed, so that threads may use them while static destructors run.
std::atomic<bool> exiting{false};
std::atomic<int> inside{0};
std::atomic<int> registrations{0};
std::atomic<void (*)() noexcept> before_waiting{nullptr};

void WaitAtExit() {
  exiting = true;
  if (const auto call = before_waiting.load(); call != nullptr) call();
  WaitForZero(inside, kPatienceAtExit);
}

}  // namespace

void Activity::WaitUntilIdle() const noexcept { WaitForZero(running_, kPatience); }

bool EnterGate() noexcept {
  ++inside;
  if (!exiting) return true;
  --inside;
  return false;
}

void LeaveGate() noexcept { --inside; }

bool Exiting() noexcept { return exiting; }

void OnExitHandler(void (*call)() noexcept) noexcept { before_waiting = call; }

void GuardExit() noexcept {
  constexpr int kMost = 64;  // each takes a little memory for good
  if (registrations.fetch_add(1) < kMost) (void)std::atexit(WaitAtExit);
}

}  // namespace trtnode::napi
