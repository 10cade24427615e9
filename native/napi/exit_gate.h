// The exit gate: keeps exit() from pulling CUDA and TensorRT away under native threads that are still in them.
// process.exit() on the main thread runs no cleanup hook of ours, only exit handlers, and those of the libraries among them.
#pragma once

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

// True from the moment at which exit() reached our handler: what takes long (a build) gives up.
bool Exiting() noexcept;

// Exit handlers run in reverse order, so ours has to be registered after the libraries have registered theirs: called after a
// library was opened, and again when one may have loaded more.
void GuardExit() noexcept;

}  // namespace trtnode::napi
