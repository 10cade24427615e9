// Runtime: creation, its settings, and what a refused plan is told.
#include "tensorrt/runtime.h"

#include <mutex>
#include <utility>

#include "tensorrt/abi/variants.h"
#include "tensorrt/engine.h"
#include "tensorrt/entry_points.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/failure.h"
#include "tensorrt/plan_header.h"
#include "tensorrt/plan_refusal.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

struct Runtime::Impl {
  Impl(std::shared_ptr<Library> l, Severity severity, LogSink sink)
      : library(std::move(l)),
        logger(library->abi_major(), severity, std::move(sink)),
        recorder(logger) {}

  abi::IRuntime* get() const noexcept { return runtime.get(); }
  int major() const noexcept { return library->abi_major(); }

  // In the order in which they depend: the IRuntime goes first, then what it calls.
  const std::shared_ptr<Library> library;
  mutable Logger logger;
  ErrorRecorder recorder;
  abi::Owned<abi::VRuntime> runtime;
  std::mutex mutex;  // held while a plan is deserialized
};

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::~Runtime() = default;

Result<std::shared_ptr<Runtime>> Runtime::Create(std::shared_ptr<Library> library,
                                                 RuntimeOptions options) {
  auto impl =
      std::make_unique<Impl>(std::move(library), options.log_severity, std::move(options.log_sink));
  const int major = impl->major();
  Logger::Scope scope(impl->logger, true);
  impl->runtime = {major, impl->library->entry_points().createInferRuntime(
                              impl->logger.abi_object(), impl->library->version_number())};
  if (!impl->runtime) {
    return CallFailed(
        ErrorCode::kNoDriver, "createInferRuntime",
        "TensorRT " + impl->library->version().ToString() + " could not create a runtime.", scope,
        &impl->recorder, "It needs a working NVIDIA driver and a GPU: run `nvidia-smi`.");
  }
  abi::IRuntime* runtime = impl->get();
  abi::Invoke<m::VRuntime_setErrorRecorder>(major, runtime, impl->recorder.abi_object());
  if (options.dla_core >= 0) {
    const int cores = abi::Invoke<m::VRuntime_getNbDLACores>(major, runtime);
    if (options.dla_core >= cores) {
      return Status(ErrorCode::kInvalidArgument, "DLA core " + std::to_string(options.dla_core) +
                                                     " was asked for; there are " +
                                                     std::to_string(cores) + ".");
    }
    abi::Invoke<m::VRuntime_setDLACore>(major, runtime, options.dla_core);
  }
  if (options.max_threads > 0 &&
      !abi::Invoke<m::VRuntime_setMaxThreads>(major, runtime, options.max_threads)) {
    return CallFailed(ErrorCode::kInvalidArgument, "IRuntime::setMaxThreads",
                      "TensorRT refused maxThreads = " + std::to_string(options.max_threads) + ".",
                      scope, &impl->recorder);
  }
  const Version& version = impl->library->version();
  if (options.engine_host_code_allowed) {
    RETURN_IF_ERROR(abi::Call<m::VRuntime_setEngineHostCodeAllowed>(version, runtime, true));
  }
  if (!options.temporary_directory.empty()) {
    RETURN_IF_ERROR(abi::Call<m::VRuntime_setTemporaryDirectory>(
        version, runtime, options.temporary_directory.c_str()));
  }
  return std::shared_ptr<Runtime>(new Runtime(std::move(impl)));  // NOLINT: private constructor
}

Result<std::shared_ptr<Engine>> Runtime::DeserializeEngine(std::span<const std::byte> plan) {
  ASSIGN_OR_RETURN(const PlanHeader header, ReadPlanHeader(plan));
  RETURN_IF_ERROR(CheckPlanHeader(header, impl_->library->is_reference()));

  const std::lock_guard lock(impl_->mutex);
  // TensorRT may deserialize with threads of its own.
  Logger::Scope scope(impl_->logger, true);
  impl_->recorder.clear();
  void* engine = abi::DeserializeCudaEngine(impl_->major(), impl_->get(), plan.data(), plan.size());
  if (!abi::IsObject(engine)) {
    Status status = CallFailed(ErrorCode::kDeserialize, "IRuntime::deserializeCudaEngine",
                               "TensorRT refused the plan.", scope, &impl_->recorder);
    ExplainRefusal(header, impl_->library->version(), impl_->library->flavor(), status.error());
    return status;
  }
  return Engine::Adopt(shared_from_this(), engine);
}

int Runtime::num_dla_cores() const {
  return abi::Invoke<m::VRuntime_getNbDLACores>(impl_->major(), impl_->get());
}
int Runtime::dla_core() const {
  return abi::Invoke<m::VRuntime_getDLACore>(impl_->major(), impl_->get());
}
int Runtime::max_threads() const {
  return abi::Invoke<m::VRuntime_getMaxThreads>(impl_->major(), impl_->get());
}
bool Runtime::engine_host_code_allowed() const {
  return abi::CallOr<m::VRuntime_getEngineHostCodeAllowed>(impl_->library->version(), false,
                                                           impl_->get());
}
std::string Runtime::temporary_directory() const {
  const char* directory =
      abi::CallOr<m::VRuntime_getTemporaryDirectory>(impl_->library->version(), "", impl_->get());
  return directory != nullptr ? directory : "";
}

const std::shared_ptr<Library>& Runtime::library() const noexcept { return impl_->library; }
Logger& Runtime::logger() const noexcept { return impl_->logger; }

}  // namespace trtnode::tensorrt
