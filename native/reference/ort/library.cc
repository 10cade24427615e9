// Opens ONNX Runtime and gets its function table.
#include "reference/ort/library.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "reference/exit_gate.h"

namespace trtnode::reference::ort {
namespace {

// The oldest table that has everything used here; a newer library gives its full table for it.
constexpr uint32_t kApiVersion = 17;
constexpr int kLogErrors = 3;
constexpr int kLogFatal = 4;
constexpr char kVariable[] = "TRT_NODE_ONNXRUNTIME_LIBRARY";

struct ApiBase {
  void* const* (*get_api)(uint32_t version);
  const char* (*get_version)();
};

std::mutex& OpenMutex() {
  static std::mutex* const mutex =
      new std::mutex;  // NOLINT: leaked on purpose, the library is never closed
  return *mutex;
}

Library* opened = nullptr;  // guarded by OpenMutex()

}  // namespace

std::string Library::TakeStatus(Status* status) const {
  if (status == nullptr) return {};
  std::string text = At<const char*(const Status*)>(Function::kGetErrorMessage)(status);
  Release(Function::kReleaseStatus, status);
  return text.empty() ? "ONNX Runtime failed without a message" : text;
}

std::string Library::OpenLocked(const std::string& path) {
  // RTLD_LOCAL: onnxruntime-node may have the same library, or another version of it, in this process.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return "ONNX Runtime cannot be opened: " + std::string(reason == nullptr ? path : reason);
  }
  auto* get_base = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) {
    dlclose(handle);
    return path + " is not ONNX Runtime: it has no OrtGetApiBase";
  }
  const ApiBase* base = get_base();
  void* const* table = base->get_api(kApiVersion);
  if (table == nullptr) {
    return path + " is ONNX Runtime " + base->get_version() +
           ", which is too old: 1.17 or newer is needed";
  }
  ExitGate::Register();
  // Never destroyed and never closed: streams may still run at exit.
  auto* library = new Library;  // NOLINT
  library->table_ = table;
  library->version_ = base->get_version();
  library->path_ = path;
  std::string error =
      library->Call(Function::kCreateEnv, kLogErrors, "trt-node reference", &library->env_);
  if (error.empty()) error = library->Call(Function::kCreateRunOptions, &library->run_options_);
  // A run that fails is reported through its status; its log line on stderr would say the same again.
  if (error.empty())
    error = library->Call(Function::kRunOptionsSetRunLogSeverityLevel, library->run_options_,
                          kLogFatal);
  if (!error.empty()) return "ONNX Runtime cannot be set up: " + error;
  opened = library;
  ExitGate::SetInterrupt(&Library::InterruptRuns);
  return {};
}

void Library::InterruptRuns() {
  opened->Call(Function::kRunOptionsSetTerminate, opened->run_options_);
}

std::string Library::Open(const std::string& path) {
  const std::lock_guard lock(OpenMutex());
  if (opened == nullptr) return OpenLocked(path);
  if (opened->path_ == path) return {};
  return "ONNX Runtime was opened already, from " + opened->path_;
}

const Library* Library::Get(std::string* error) {
  const std::lock_guard lock(OpenMutex());
  if (opened != nullptr) return opened;
  const char* path = std::getenv(kVariable);
  *error = OpenLocked(path != nullptr && *path != '\0' ? path : "libonnxruntime.so.1");
  if (!error->empty())
    *error += std::string(" (set ") + kVariable + " to the path of libonnxruntime.so.1)";
  return opened;
}

int RunThreads() {
  if (const char* text = std::getenv("TRT_NODE_REFERENCE_THREADS")) {
    int threads = 0;
    const auto [rest, error] = std::from_chars(text, text + std::strlen(text), threads);
    if (error == std::errc() && *rest == '\0' && threads > 0) return threads;
  }
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 2U));
}

}  // namespace trtnode::reference::ort
