// Counts the stream threads at work; at exit waits a bounded time for them by polling and parks those that come later.
#include "reference/exit_gate.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace trtnode::reference {
namespace {

std::atomic<int> running{0};
std::atomic<bool> exiting{false};
std::atomic<void (*)()> interrupt_run{nullptr};

[[noreturn]] void Park() {
  for (;;) pause();
}

void AtExit() {
  exiting.store(true);
  if (auto* interrupt = interrupt_run.load()) interrupt();
  // No condition variable: a thread that died inside a run must not hang the exit. Two seconds bound the wait.
  for (int i = 0; i < 2000 && running.load() > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

ExitGate::Pass::Pass() {
  running.fetch_add(1);
  ParkIfExiting();
}

ExitGate::Pass::~Pass() { running.fetch_sub(1); }

bool ExitGate::Exiting() { return exiting.load(); }

void ExitGate::ParkIfExiting() {
  if (!exiting.load()) return;
  running.fetch_sub(1);
  Park();
}

void ExitGate::Register() { std::atexit(AtExit); }

void ExitGate::SetInterrupt(void (*interrupt)()) { interrupt_run.store(interrupt); }

}  // namespace trtnode::reference
