// Opening platforms, once each.
#include "napi/platform.h"

#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "cuda/context.h"
#include "napi/exit_gate.h"

namespace trtnode::napi {
namespace {

using TextFunction = const char* (*)(const char*);

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Platform>> by_options;
};

Registry& GetRegistry() {
  static Registry& registry = *std::make_unique<Registry>().release();  // leaked on purpose
  return registry;
}

std::string KeyOf(const PlatformOptions& options) {
  std::string key = options.reference ? "reference" : "tensorrt";
  // What decides where none is named may change while the process runs.
  if (const char* named = std::getenv("TRT_NODE_LIBRARY");
      named != nullptr && !options.reference && options.library.empty()) {
    key += std::string(" ") + named;
  }
  for (const std::string* part : {&options.library, &options.onnxruntime_library}) {
    key += '\n';
    key += *part;
  }
  for (const std::string& plugin : options.plugin_libraries) key += "\n" + plugin;
  return key;
}

// The reference runtime computes with ONNX Runtime, which it has to be told where to find.
Result<void*> OpenReference(const PlatformOptions& options) {
  constexpr const char* kHint =
      "Install ONNX Runtime beside trt-node: `npm install onnxruntime-node` (its CUDA download is "
      "not needed: onnxruntime-node-install=skip in .npmrc).";
  void* handle = dlopen(options.library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return Status(ErrorCode::kReferenceUnavailable,
                  "The CPU reference runtime " + options.library +
                      " cannot be opened: " + (reason != nullptr ? reason : "unknown reason"),
                  "It lies beside trt_node.node: reinstall trt-node, or build it from source.");
  }
  const auto set_onnxruntime =
      reinterpret_cast<TextFunction>(dlsym(handle, "trtNodeReferenceSetOnnxRuntime"));
  if (set_onnxruntime == nullptr) {
    return Status(ErrorCode::kReferenceUnavailable,
                  options.library + " is not trt-node's CPU reference runtime.",
                  "Leave the option out: the reference runtime lies beside trt_node.node.");
  }
  if (const char* reason = set_onnxruntime(options.onnxruntime_library.c_str())) {
    return Status(ErrorCode::kReferenceUnavailable,
                  std::string("The CPU reference runtime cannot use ONNX Runtime: ") + reason,
                  kHint);
  }
  return handle;
}

}  // namespace

Result<std::shared_ptr<Platform>> Platform::Open(const PlatformOptions& options) {
  Registry& registry = GetRegistry();
  const std::lock_guard lock(registry.mutex);
  const std::string key = KeyOf(options);
  if (const auto found = registry.by_options.find(key); found != registry.by_options.end()) {
    return found->second;
  }
  void* handle = nullptr;
  if (options.reference) {
    ASSIGN_OR_RETURN(handle, OpenReference(options));
  }
  tensorrt::LibraryOptions library_options;
  library_options.path = options.library;
  library_options.plugin_libraries = options.plugin_libraries;
  library_options.self_contained = options.reference;
  ASSIGN_OR_RETURN(auto library, tensorrt::Library::Open(library_options));
  // The reference runtime brings its own driver, also where it was named as a library.
  const bool reference = options.reference || library->is_reference();
  if (library->is_reference() && handle == nullptr) {
    handle = dlopen(library->path().c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  // Two ways to name one library give one platform.
  std::shared_ptr<Platform> platform;
  for (const auto& [other_key, other] : registry.by_options) {
    if (other->reference_ == reference && other->library_->path() == library->path() &&
        other->library_->plugin_libraries() == library->plugin_libraries()) {
      platform = other;
    }
  }
  if (platform == nullptr) {
    std::string driver = reference ? library->path() : std::string(cuda::kDriverLibrary);
    platform = std::make_shared<Platform>(reference, std::move(library), std::move(driver), handle);
  }
  registry.by_options.emplace(key, platform);
  GuardExit();
  return platform;
}

Platform::Platform(bool reference, std::shared_ptr<tensorrt::Library> library,
                   std::string driver_library, void* reference_handle)
    : reference_(reference),
      library_(std::move(library)),
      driver_library_(std::move(driver_library)),
      reference_handle_(reference_handle) {}

Result<std::shared_ptr<cuda::Driver>> Platform::Driver() {
  const std::lock_guard lock(mutex_);
  if (driver_ == nullptr) {
    ASSIGN_OR_RETURN(driver_, cuda::Driver::Open(driver_library_));
    GuardExit();
  }
  return driver_;
}

int Platform::driver_version() {
  const Result<std::shared_ptr<cuda::Driver>> driver = Driver();
  return driver.ok() ? driver.value()->version() : 0;
}

Result<std::shared_ptr<cuda::PrimaryContext>> Platform::Context(int device) {
  ASSIGN_OR_RETURN(const auto driver, Driver());
  return driver->Retain(device);
}

Status Platform::SetFaults(const std::string& spec) {
  const auto set_faults =
      reference_handle_ == nullptr
          ? nullptr
          : reinterpret_cast<TextFunction>(dlsym(reference_handle_, "trtNodeReferenceSetFaults"));
  if (set_faults == nullptr) {
    return Status(ErrorCode::kUnsupported,
                  "Faults can be injected into the reference runtime only.");
  }
  const char* reason = set_faults(spec.empty() ? nullptr : spec.c_str());
  if (reason == nullptr) return {};
  return Status(ErrorCode::kInvalidArgument, std::string("Fault specification: ") + reason);
}

}  // namespace trtnode::napi
