// ONNX Runtime's shared library, opened at run time, and its function table by index.
#pragma once

#include <cstdint>
#include <string>

namespace trtnode::reference::ort {

struct Env;
struct Status;
struct RunOptions;

// Indices into OrtApi. The table only grows, so an index never changes its meaning.
enum class Function : uint16_t {
  kGetErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSessionFromArray = 8,
  kRun = 9,
  kCreateSessionOptions = 10,
  kSetSessionLogSeverityLevel = 22,
  kSetSessionGraphOptimizationLevel = 23,
  kSetIntraOpNumThreads = 24,
  kSetInterOpNumThreads = 25,
  kSessionGetInputCount = 30,
  kSessionGetOutputCount = 31,
  kSessionGetInputTypeInfo = 33,
  kSessionGetOutputTypeInfo = 34,
  kSessionGetInputName = 36,
  kSessionGetOutputName = 37,
  kCreateRunOptions = 39,
  kRunOptionsSetRunLogSeverityLevel = 41,
  kRunOptionsSetTerminate = 46,
  kCreateTensorWithData = 49,
  kGetTensorMutableData = 51,
  kCastTypeInfoToTensorInfo = 55,
  kGetTensorElementType = 60,
  kGetDimensionsCount = 61,
  kGetDimensions = 62,
  kGetTensorTypeAndShape = 65,
  kCreateCpuMemoryInfo = 69,
  kAllocatorFree = 76,
  kGetAllocatorWithDefaultOptions = 78,
  kReleaseStatus = 93,
  kReleaseMemoryInfo = 94,
  kReleaseSession = 95,
  kReleaseValue = 96,
  kReleaseTypeInfo = 98,
  kReleaseTensorTypeAndShapeInfo = 99,
  kReleaseSessionOptions = 100,
  kAddSessionConfigEntry = 130,
};

class Library {
 public:
  // Opens the library on first use: the path that was set, else TRT_NODE_ONNXRUNTIME_LIBRARY, else the dynamic linker's
  // own search. Null with a reason if it cannot be opened; the next call tries again.
  static const Library* Get(std::string* error);
  // Chooses the file and opens it at once. Empty: good. Once open, the library stays.
  static std::string Open(const std::string& path);

  // Calls a function that returns an OrtStatus*. Empty: good, else ONNX Runtime's own text.
  template <typename... Args>
  std::string Call(Function function, Args... args) const {
    return TakeStatus(At<Status*(Args...)>(function)(args...));
  }
  // Calls a function that returns nothing.
  template <typename... Args>
  void Release(Function function, Args... args) const {
    At<void(Args...)>(function)(args...);
  }

  Env* env() const { return env_; }
  const RunOptions* run_options() const { return run_options_; }
  const std::string& version() const { return version_; }

 private:
  Library() = default;
  template <typename Signature>
  Signature* At(Function function) const {
    return reinterpret_cast<Signature*>(table_[static_cast<size_t>(function)]);
  }
  std::string TakeStatus(Status* status) const;
  static std::string OpenLocked(const std::string& path);
  static void InterruptRuns();

  void* const* table_ = nullptr;
  Env* env_ = nullptr;
  // One for all runs, so that a single flag ends every run when the process exits.
  RunOptions* run_options_ = nullptr;
  std::string version_;
  std::string path_;
};

// TRT_NODE_REFERENCE_THREADS: threads that one run may use.
int RunThreads();

}  // namespace trtnode::reference::ort
