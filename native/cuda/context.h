// PrimaryContext: a device's primary context, kept retained; ContextGuard: makes it current on this thread for a scope.
#pragma once

#include <memory>
#include <mutex>
#include <set>

#include "core/status.h"
#include "cuda/driver.h"

namespace trtnode::cuda {

// Made by Driver::Retain. Everything that lives in the context holds it.
class PrimaryContext {
 public:
  PrimaryContext(std::shared_ptr<Driver> driver, int device, abi::CUdevice handle,
                 abi::CUcontext context) noexcept;
  ~PrimaryContext();
  PrimaryContext(const PrimaryContext&) = delete;
  PrimaryContext& operator=(const PrimaryContext&) = delete;

  int device() const noexcept { return device_; }
  abi::CUcontext handle() const noexcept { return context_; }
  Driver& driver() const noexcept { return *driver_; }
  const abi::Functions& f() const noexcept { return driver_->f(); }

  Result<MemoryInfo> Memory() const;
  // Lets copies take the direct way from here on, where there is one.
  void EnableAccess(const PrimaryContext& other) const noexcept;
  // Waits for all work of the context.
  Status Synchronize() const;

 private:
  const std::shared_ptr<Driver> driver_;
  const int device_;
  const abi::CUdevice device_handle_;
  const abi::CUcontext context_;
  mutable std::mutex mutex_;
  mutable std::set<int> reached_;  // devices for which EnableAccess was done
};

// Leaves the thread's own current context (of another library, say) as it was.
class ContextGuard {
 public:
  explicit ContextGuard(const PrimaryContext& context) noexcept;
  ~ContextGuard();
  ContextGuard(const ContextGuard&) = delete;
  ContextGuard& operator=(const ContextGuard&) = delete;

  // Not ok: the context is not current and nothing that needs it may be called.
  Status status() const { return context_.driver().Check(result_, "cuCtxPushCurrent_v2"); }

 private:
  const PrimaryContext& context_;
  abi::CUresult result_ = abi::kSuccess;
  bool pushed_ = false;
};

// For our own threads, for good: the context is current, and unsafe calls (cuMemFree) do not break a stream capture that
// another thread is doing in global mode.
void EnterThread(const PrimaryContext& context) noexcept;
// Only the second part, for a thread that serves several contexts.
void RelaxCaptureMode(const Driver& driver) noexcept;

}  // namespace trtnode::cuda
