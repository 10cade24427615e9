// Creates and runs ONNX Runtime sessions.
#include "reference/ort/session.h"

#include <array>
#include <mutex>

#include "reference/exit_gate.h"

namespace trtnode::reference::ort {
namespace {

struct SessionOptions;
struct Allocator;
struct MemoryInfo;
struct TypeInfo;
struct TensorInfo;

constexpr int kLogFatal = 4;
constexpr int kOptimizeBasic = 1;
constexpr int kOptimizeAll = 99;
constexpr int kArenaAllocator = 1;
constexpr int kMemoryDefault = 0;

// Calls the library's release function for a pointer that it gave.
template <typename T>
auto Owned(const Library& library, Function release, T* pointer) {
  const auto deleter = [&library, release](T* object) {
    if (object != nullptr) library.Release(release, object);
  };
  return std::unique_ptr<T, decltype(deleter)>(pointer, deleter);
}

std::string ReadTensorInfo(const Library& library, const TensorInfo* info, int32_t* type,
                           std::vector<int64_t>* dimensions) {
  size_t rank = 0;
  std::string error = library.Call(Function::kGetTensorElementType, info, type);
  if (error.empty()) error = library.Call(Function::kGetDimensionsCount, info, &rank);
  if (!error.empty()) return error;
  dimensions->assign(rank, -1);
  return library.Call(Function::kGetDimensions, info, dimensions->data(), rank);
}

}  // namespace

std::unique_ptr<Session> Session::Create(std::string_view model, Purpose purpose,
                                         std::string* error) {
  const Library* library = Library::Get(error);
  if (library == nullptr) return nullptr;
  SessionOptions* raw_options = nullptr;
  *error = library->Call(Function::kCreateSessionOptions, &raw_options);
  if (!error->empty()) return nullptr;
  const auto options = Owned(*library, Function::kReleaseSessionOptions, raw_options);
  const bool run = purpose == Purpose::kRun;
  // Shape inference needs no pool of threads, and a session for it lives for a moment only.
  const int threads = run ? RunThreads() : 1;
  *error = library->Call(Function::kSetSessionLogSeverityLevel, raw_options, kLogFatal);
  if (error->empty()) *error = library->Call(Function::kSetIntraOpNumThreads, raw_options, threads);
  if (error->empty()) *error = library->Call(Function::kSetInterOpNumThreads, raw_options, 1);
  if (error->empty()) {
    *error = library->Call(Function::kSetSessionGraphOptimizationLevel, raw_options,
                           run ? kOptimizeAll : kOptimizeBasic);
  }
  // Idle pool threads must sleep: a spinning pool would take the cores from the process that waits for us.
  if (error->empty()) {
    *error = library->Call(Function::kAddSessionConfigEntry, raw_options,
                           "session.intra_op.allow_spinning", "0");
  }
  if (!error->empty()) return nullptr;
  std::unique_ptr<Session> session(new Session(*library));  // NOLINT: the constructor is private
  *error = library->Call(Function::kCreateSessionFromArray, static_cast<const Env*>(library->env()),
                         static_cast<const void*>(model.data()), model.size(),
                         static_cast<const SessionOptions*>(raw_options), &session->session_);
  if (error->empty()) *error = session->Describe(true, &session->inputs_);
  if (error->empty()) *error = session->Describe(false, &session->outputs_);
  if (!error->empty()) return nullptr;
  static std::once_flag first;
  std::call_once(first, [] { ExitGate::Register(); });
  return session;
}

Session::~Session() {
  if (session_ != nullptr) library_.Release(Function::kReleaseSession, session_);
}

std::string Session::Describe(bool input, std::vector<TensorType>* types) const {
  const auto* session = static_cast<const SessionImpl*>(session_);
  Allocator* allocator = nullptr;
  size_t count = 0;
  std::string error = library_.Call(Function::kGetAllocatorWithDefaultOptions, &allocator);
  if (error.empty()) {
    error =
        library_.Call(input ? Function::kSessionGetInputCount : Function::kSessionGetOutputCount,
                      session, &count);
  }
  for (size_t i = 0; error.empty() && i < count; ++i) {
    TensorType& type = types->emplace_back();
    char* name = nullptr;
    error = library_.Call(input ? Function::kSessionGetInputName : Function::kSessionGetOutputName,
                          session, i, allocator, &name);
    if (!error.empty()) break;
    type.name = name;
    library_.Call(Function::kAllocatorFree, allocator, static_cast<void*>(name));
    TypeInfo* info = nullptr;
    error = library_.Call(
        input ? Function::kSessionGetInputTypeInfo : Function::kSessionGetOutputTypeInfo, session,
        i, &info);
    if (!error.empty()) break;
    const auto owned = Owned(library_, Function::kReleaseTypeInfo, info);
    const TensorInfo* tensor = nullptr;  // borrowed from the type info
    error = library_.Call(Function::kCastTypeInfoToTensorInfo, static_cast<const TypeInfo*>(info),
                          &tensor);
    if (error.empty() && tensor != nullptr)
      error = ReadTensorInfo(library_, tensor, &type.element_type, &type.dimensions);
  }
  return error;
}

std::string Session::Run(const std::vector<TensorView>& inputs,
                         const std::vector<TensorView>& outputs,
                         std::vector<Produced>* produced) const {
  MemoryInfo* memory = nullptr;
  std::string error =
      library_.Call(Function::kCreateCpuMemoryInfo, kArenaAllocator, kMemoryDefault, &memory);
  if (!error.empty()) return error;
  const auto owned_memory = Owned(library_, Function::kReleaseMemoryInfo, memory);
  const Library& library = library_;
  const auto release = [&library](Value* value) {
    if (value != nullptr) library.Release(Function::kReleaseValue, value);
  };
  // An empty tensor's memory is never touched, but a null pointer is refused.
  static char nothing[16];
  const auto make = [&](const TensorView& view, std::shared_ptr<Value>* out) {
    Value* value = nullptr;
    std::string text =
        library_.Call(Function::kCreateTensorWithData, static_cast<const MemoryInfo*>(memory),
                      view.data == nullptr ? static_cast<void*>(nothing) : view.data, view.bytes,
                      view.dimensions.data(), view.dimensions.size(), view.element_type, &value);
    out->reset(value, release);
    return text;
  };
  std::vector<const char*> input_names;
  std::vector<const char*> output_names;
  std::vector<std::shared_ptr<Value>> values(inputs.size() + outputs.size());
  std::vector<const Value*> input_values;
  std::vector<Value*> output_values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    error = make(inputs[i], &values[i]);
    if (!error.empty()) return error;
    input_names.push_back(inputs[i].name);
    input_values.push_back(values[i].get());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::shared_ptr<Value>& value = values[inputs.size() + i];
    if (outputs[i].data != nullptr || outputs[i].bytes != 0) {
      error = make(outputs[i], &value);
      if (!error.empty()) return error;
    }
    output_names.push_back(outputs[i].name);
    output_values.push_back(value.get());
  }
  error = library_.Call(Function::kRun, session_, library_.run_options(),
                        static_cast<const char* const*>(input_names.data()),
                        static_cast<const Value* const*>(input_values.data()), inputs.size(),
                        static_cast<const char* const*>(output_names.data()), outputs.size(),
                        output_values.data());
  produced->clear();
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::shared_ptr<Value>& value = values[inputs.size() + i];
    if (!value && output_values[i] != nullptr) value.reset(output_values[i], release);
    if (!error.empty()) continue;
    Produced& out = produced->emplace_back();
    out.owner = value;
    TensorInfo* info = nullptr;
    error = library_.Call(Function::kGetTensorTypeAndShape, static_cast<const Value*>(value.get()),
                          &info);
    if (!error.empty()) continue;
    const auto owned_info = Owned(library_, Function::kReleaseTensorTypeAndShapeInfo, info);
    int32_t type = 0;
    error = ReadTensorInfo(library_, info, &type, &out.dimensions);
    void* data = nullptr;
    if (error.empty()) error = library_.Call(Function::kGetTensorMutableData, value.get(), &data);
    out.data = data;
  }
  static std::once_flag first;
  std::call_once(first, [] { ExitGate::Register(); });
  return error;
}

}  // namespace trtnode::reference::ort
