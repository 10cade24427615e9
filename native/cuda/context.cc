// Primary contexts and making them current.
#include "cuda/context.h"

#include <utility>

namespace trtnode::cuda {

PrimaryContext::PrimaryContext(std::shared_ptr<Driver> driver, int device, abi::CUdevice handle,
                               abi::CUcontext context) noexcept
    : driver_(std::move(driver)), device_(device), device_handle_(handle), context_(context) {}

PrimaryContext::~PrimaryContext() { f().cuDevicePrimaryCtxRelease_v2(device_handle_); }

Result<MemoryInfo> PrimaryContext::Memory() const {
  const ContextGuard guard(*this);
  RETURN_IF_ERROR(guard.status());
  std::size_t free = 0;
  std::size_t total = 0;
  RETURN_IF_ERROR(driver_->Check(f().cuMemGetInfo_v2(&free, &total), "cuMemGetInfo_v2"));
  return MemoryInfo{free, total};
}

void PrimaryContext::EnableAccess(const PrimaryContext& other) const noexcept {
  try {
    {
      const std::lock_guard lock(mutex_);
      if (!reached_.insert(other.device_).second) return;
    }
    const Result<bool> can = driver_->CanAccessPeer(device_, other.device_);
    if (!can.ok() || !can.value() || f().cuCtxEnablePeerAccess == nullptr) return;
    const ContextGuard guard(*this);
    // Whatever it answers (enabled already by another library, no mappings left): the copy finds its way.
    f().cuCtxEnablePeerAccess(other.context_, 0);
  } catch (...) {  // no memory: the copy finds its way without
  }
}

Status PrimaryContext::Synchronize() const {
  const ContextGuard guard(*this);
  RETURN_IF_ERROR(guard.status());
  return driver_->Check(f().cuCtxSynchronize(), "cuCtxSynchronize");
}

ContextGuard::ContextGuard(const PrimaryContext& context) noexcept : context_(context) {
  abi::CUcontext current = nullptr;
  if (context_.f().cuCtxGetCurrent(&current) == abi::kSuccess && current == context_.handle()) {
    return;
  }
  result_ = context_.f().cuCtxPushCurrent_v2(context_.handle());
  pushed_ = result_ == abi::kSuccess;
}

ContextGuard::~ContextGuard() {
  abi::CUcontext popped = nullptr;
  if (pushed_) context_.f().cuCtxPopCurrent_v2(&popped);
}

void EnterThread(const PrimaryContext& context) noexcept {
  context.f().cuCtxSetCurrent(context.handle());
  RelaxCaptureMode(context.driver());
}

void RelaxCaptureMode(const Driver& driver) noexcept {
  int mode = abi::kCaptureModeRelaxed;
  if (driver.f().cuThreadExchangeStreamCaptureMode != nullptr) {
    driver.f().cuThreadExchangeStreamCaptureMode(&mode);
  }
}

}  // namespace trtnode::cuda
