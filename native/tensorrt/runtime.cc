// Runtime: creation, its settings, and what a refused plan is told.
#include "tensorrt/runtime.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "tensorrt/abi/variants.h"
#include "tensorrt/engine.h"
#include "tensorrt/entry_points.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/failure.h"
#include "tensorrt/gpu_allocator.h"
#include "tensorrt/plan_header.h"
#include "tensorrt/plan_reader.h"
#include "tensorrt/plan_refusal.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

// Of a plan that comes in pieces: as much as its header is looked for in.
constexpr std::size_t kPlanHeadBytes = 512;

struct Runtime::Impl {
  Impl(std::shared_ptr<Library> l, Severity severity, LogSink sink)
      : library(std::move(l)),
        logger(library->abi_major(), severity, std::move(sink)),
        recorder(logger) {}

  abi::IRuntime* get() const noexcept { return runtime.get(); }
  int major() const noexcept { return library->abi_major(); }

  Status Refused(const PlanHeader& header, const char* call, Logger::Scope& scope) {
    Status status =
        CallFailed(ErrorCode::kDeserialize, call, "TensorRT refused the plan.", scope, &recorder);
    ExplainRefusal(header, library->version(), library->flavor(), status.error());
    return status;
  }

  // In the order in which they depend: the IRuntime goes first, then what it calls.
  const std::shared_ptr<Library> library;
  mutable Logger logger;
  ErrorRecorder recorder;
  std::unique_ptr<GpuAllocatorAdapter> allocator;  // null: TensorRT's own
  std::shared_ptr<GpuAllocator> gpu_allocator;
  abi::Owned<abi::VRuntime> runtime;
  std::mutex mutex;               // held while a plan is deserialized
  std::atomic<int> streaming{0};  // plans in pieces that are being deserialized, or wait to be

  struct Streaming {
    explicit Streaming(Impl& impl) : count(impl.streaming) { ++count; }
    ~Streaming() { --count; }
    Streaming(const Streaming&) = delete;
    Streaming& operator=(const Streaming&) = delete;
    std::atomic<int>& count;
  };
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
  if (options.gpu_allocator != nullptr) {
    RETURN_IF_ERROR(GpuAllocatorAdapter::CheckVersion(impl->library->version()));
    impl->gpu_allocator = std::move(options.gpu_allocator);
    impl->allocator = std::make_unique<GpuAllocatorAdapter>(impl->gpu_allocator);
    abi::Invoke<m::VRuntime_setGpuAllocator>(major, runtime, impl->allocator->abi_object());
  }
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

Result<std::shared_ptr<Engine>> Runtime::DeserializeEngine(std::span<const std::byte> plan,
                                                           bool may_wait) {
  ASSIGN_OR_RETURN(const PlanHeader header, ReadPlanHeader(plan));
  RETURN_IF_ERROR(CheckPlanHeader(header, impl_->library->is_reference()));

  std::unique_lock lock(impl_->mutex, std::try_to_lock);
  while (!lock.owns_lock()) {
    if (!may_wait && impl_->streaming > 0) {
      return Status(ErrorCode::kInvalidArgument,
                    "This runtime deserializes a plan whose bytes come from this thread, which "
                    "must not wait for it.",
                    "Await that load first, or use deserializeEngineAsync.");
    }
    if (may_wait) {
      lock.lock();
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      (void)lock.try_lock();
    }
  }
  // TensorRT may deserialize with threads of its own.
  Logger::Scope scope(impl_->logger, true);
  const RefusalScope refusals(impl_->gpu_allocator.get());
  impl_->recorder.clear();
  void* engine = abi::DeserializeCudaEngine(impl_->major(), impl_->get(), plan.data(), plan.size());
  if (!abi::IsObject(engine)) {
    return refusals.Explain(impl_->Refused(header, "IRuntime::deserializeCudaEngine", scope));
  }
  return Engine::Adopt(shared_from_this(), engine);
}

Result<std::shared_ptr<Engine>> Runtime::DeserializeEngineFrom(PlanSource& source,
                                                               DeviceCopy& copy) {
  PlanReader reader(source, copy);
  ASSIGN_OR_RETURN(const std::span<const std::byte> head, reader.Peek(kPlanHeadBytes));
  ASSIGN_OR_RETURN(const PlanHeader header, ReadPlanHeader(head, head.size() == kPlanHeadBytes));
  RETURN_IF_ERROR(CheckPlanHeader(header, impl_->library->is_reference()));
  reader.SetTotal(header.total_bytes);
  const Version version = impl_->library->version();
  // The first reader only ever reads on, which is all that our sources can; from 11 on there is only the second.
  const bool first = abi::Supports<m::VRuntime_deserializeCudaEngineFromReader>(version);
  if (!first && !abi::Supports<m::VRuntime_deserializeCudaEngineV2>(version)) {
    ASSIGN_OR_RETURN(const std::vector<std::byte> plan, reader.Collect(header.total_bytes));
    return DeserializeEngine(plan);
  }

  void* engine = nullptr;
  {
    const Impl::Streaming streaming(*impl_);  // before the lock: who finds it taken looks for this
    const std::lock_guard lock(impl_->mutex);
    Logger::Scope scope(impl_->logger, true);
    const RefusalScope refusals(impl_->gpu_allocator.get());
    impl_->recorder.clear();
    const char* call = nullptr;
    if (first) {
      call = "IRuntime::deserializeCudaEngine(IStreamReader&)";
      ASSIGN_OR_RETURN(engine, abi::Call<m::VRuntime_deserializeCudaEngineFromReader>(
                                   version, impl_->get(), *reader.v1()));
    } else {
      call = "IRuntime::deserializeCudaEngine(IStreamReaderV2&)";
      reader.KeepWindow();
      ASSIGN_OR_RETURN(engine, abi::Call<m::VRuntime_deserializeCudaEngineV2>(version, impl_->get(),
                                                                              *reader.v2()));
    }
    impl_->logger.Log(Severity::kVerbose,
                      std::string(call) + " read the plan so: " + reader.trace());
    if (!abi::IsObject(engine)) {
      if (reader.failed()) return reader.TakeFailure();
      if (reader.ended_early() && header.total_bytes && *header.total_bytes > reader.bytes_read()) {
        return TruncatedPlan(*header.total_bytes, reader.bytes_read());
      }
      return refusals.Explain(impl_->Refused(header, call, scope));
    }
  }
  // Not held any more: the end may be far.
  ASSIGN_OR_RETURN(auto adopted, Engine::Adopt(shared_from_this(), engine));
  RETURN_IF_ERROR(reader.Drain());
  return adopted;
}

const std::shared_ptr<GpuAllocator>& Runtime::gpu_allocator() const noexcept {
  return impl_->gpu_allocator;
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
