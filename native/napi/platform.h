// Platform: a CUDA driver and a TensorRT library that belong together. Process-wide: environments share them, nothing closes them.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/status.h"
#include "cuda/driver.h"
#include "tensorrt/library.h"

namespace trtnode::napi {

struct PlatformOptions {
  bool reference = false;
  std::string library;              // '': search
  std::string onnxruntime_library;  // reference runtime only
  std::vector<std::string> plugin_libraries;
};

class Platform {
 public:
  // The same Platform for the same options each time.
  static Result<std::shared_ptr<Platform>> Open(const PlatformOptions& options);
  Platform(bool reference, std::shared_ptr<tensorrt::Library> library, std::string driver_library,
           void* reference_handle);

  bool reference() const noexcept { return reference_; }
  const std::shared_ptr<tensorrt::Library>& library() const noexcept { return library_; }
  // Opened at the first question; kNoDriver is asked anew each time.
  Result<std::shared_ptr<cuda::Driver>> Driver();
  int driver_version();  // 0: no driver
  // The device's primary context, after the driver was found usable.
  Result<std::shared_ptr<cuda::PrimaryContext>> Context(int device);

  // Fault injection of the reference runtime; '' clears. kUnsupported elsewhere.
  Status SetFaults(const std::string& spec);

 private:
  const bool reference_;
  const std::shared_ptr<tensorrt::Library> library_;
  const std::string driver_library_;
  void* const reference_handle_;
  std::mutex mutex_;
  std::shared_ptr<cuda::Driver> driver_;
};

}  // namespace trtnode::napi
