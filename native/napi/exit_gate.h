// The exit gate: keeps exit() from pulling CUDA and TensorRT away under native threads that are still in them.
// process.exit() on the main thread runs no cleanup hook of ours: first the 'exit' event, at which EnvState waits for what the
// environment has in flight; then exit handlers, the libraries' own among them, where the gate is the last resort (for
// process.reallyExit and for exit() called by others).
#pragma once

#include <atomic>

namespace trtnode::napi {

// Around every piece of work on a native thread. False: the process is ending, do nothing.
bool EnterGate() noexcept;
void LeaveGate() noexcept;

class GatePass {
 public:
  GatePass() noexcept : entered_(EnterGate()) {}
  ~GatePass() {
    if (entered_) LeaveGate();
  }
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;
  explicit operator bool() const noexcept { return entered_; }

 private:
  const bool entered_;
};

// The native work of one environment, counted so that its end can be waited for.
class Activity {
 public:
  void Begin() noexcept { ++running_; }
  void End() noexcept { --running_; }
  // By polling: whoever waits at exit must not hang on a thread that is gone. At most half a minute.
  void WaitUntilIdle() const noexcept;

 private:
  std::atomic<int> running_{0};
};

// True from the moment at which exit() reached our handler: what takes long (a build) gives up.
bool Exiting() noexcept;

// Called once when exit() has reached our handler, before it waits.
void OnExitHandler(void (*call)() noexcept) noexcept;

// Exit handlers run in reverse order, so ours has to be registered after the libraries have registered theirs: called after a
// library was opened, and again when one may have loaded more.
void GuardExit() noexcept;

}  // namespace trtnode::napi
