// IExecutionContext: gathering what a run needs, and putting it on a stream.
#include <algorithm>
#include <cstring>

#include "reference/cuda/machine.h"
#include "reference/faults.h"
#include "reference/runtime/context.h"
#include "reference/runtime/context_pending.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

constexpr uint64_t kAlignment = 256;
constexpr size_t kTemporaryMemory = 64 * 1024;

bool IsKnown(const std::vector<int64_t>& dimensions) {
  return std::all_of(dimensions.begin(), dimensions.end(),
                     [](int64_t dimension) { return dimension >= 0; });
}

size_t Bytes(const TensorSpec& spec, const std::vector<int64_t>& dimensions) {
  return static_cast<size_t>(Volume(dimensions)) * ElementSize(spec.type);
}

std::string CudaText(CUresult result) {
  const char* text = ResultDescription(result);
  return text == nullptr ? "error " + std::to_string(result) : text;
}

}  // namespace

void* ExecutionContext::Reallocate(char const* api, cudaStream_t stream, size_t output,
                                   size_t bytes) {
  const TensorSpec& spec = core_->tensors()[output];
  // TensorRT 10 calls the asynchronous variant of every 10.x allocator.
  void* memory = allocators_[output]->reallocateOutputAsync(spec.name.c_str(), addresses_[output],
                                                            bytes, kAlignment, stream);
  if (memory == nullptr) {
    reports_->Error(ErrorCode::kFAILED_ALLOCATION, api, kOutOfMemory,
                    "Output allocator returned null for output tensor " + spec.name +
                        ". Requested size was " + std::to_string(bytes) + " bytes.");
  } else {
    addresses_[output] = memory;
  }
  return memory;
}

bool ExecutionContext::PlaceOutput(char const* api, cudaStream_t stream, size_t output,
                                   const std::vector<int64_t>& dimensions, bool known,
                                   RunTensor* tensor) {
  const TensorSpec& spec = core_->tensors()[output];
  *tensor = {output, nullptr, dimensions, {}};
  if (addresses_[output] == nullptr && allocators_[output] == nullptr) {
    return Fail(api,
                "condition: mContext.profileObliviousBindings.at(profileObliviousIndex) || "
                "getPtrOrNull(mOutputAllocators, "
                "profileObliviousIndex). Neither address or allocator is set for output tensor " +
                    spec.name +
                    ". Call setOutputTensorAddress, setTensorAddress or setOutputAllocator before "
                    "enqueue/execute.");
  }
  if (!known) return true;
  if (allocators_[output] != nullptr) {
    if (Reallocate(api, stream, output, Bytes(spec, dimensions)) == nullptr) return false;
    allocators_[output]->notifyShape(spec.name.c_str(), ToDims(dimensions));
  }
  tensor->address = addresses_[output];
  return true;
}

bool ExecutionContext::Gather(char const* api, cudaStream_t stream, Pending* pending) {
  if (!core_->IsComplete()) {
    return Fail(
        api,
        "condition: mEngine.getMissingWeights() == 0. The engine was stripped of its weights. "
        "Refit all of them before enqueue/execute.");
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const TensorSpec& spec = core_->tensors()[i];
    if (!DimensionsKnown(i)) {
      return Fail(api,
                  "condition: mContext.inputShapesSpecified. Input shape is not set for dynamic "
                  "input tensor " +
                      spec.name + ". Call setInputShape before enqueue/execute.");
    }
    if (addresses_[i] == nullptr) {
      return Fail(api,
                  "condition: mContext.profileObliviousBindings.at(profileObliviousIndex) != "
                  "nullptr. Address is not set for input tensor " +
                      spec.name +
                      ". Call setInputTensorAddress or setTensorAddress before enqueue/execute.");
    }
  }
  if (strategy_ == ExecutionContextAllocationStrategy::kUSER_MANAGED && user_memory_ == nullptr) {
    return Fail(api,
                "condition: mUserManagedMemory != nullptr. The context has no device memory. Call "
                "setDeviceMemory before enqueue/execute.");
  }
  if (!CheckProfile(api)) return false;
  std::string error;
  const auto shapes = CurrentShapes(&error);
  if (!shapes) {
    reports_->Error(ErrorCode::kINVALID_STATE, api, kInternal, error);
    return false;
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const TensorSpec& spec = core_->tensors()[i];
    RunTensor& input =
        pending->inputs.emplace_back(RunTensor{i, addresses_[i], inputs_[i].dimensions, {}});
    if (!spec.shape_input) continue;
    // Host memory, read now: the caller may change it as soon as the call returns.
    const auto* bytes = static_cast<const char*>(addresses_[i]);
    input.host_copy.assign(bytes, bytes + Bytes(spec, input.dimensions));
  }
  for (size_t i = inputs_.size(); i < core_->tensors().size(); ++i) {
    const bool known = IsKnown((*shapes)[i]);
    if (!known) pending->unknown.push_back(pending->outputs.size());
    if (!PlaceOutput(api, stream, i, (*shapes)[i], known, &pending->outputs.emplace_back()))
      return false;
  }
  return true;
}

// Outputs whose size only the run told: asks for memory now, says the shape, and queues the copies.
bool ExecutionContext::Deliver(char const* api, cudaStream_t handle, Stream& stream,
                               const Pending& pending) {
  for (const size_t position : pending.unknown) {
    const size_t output = pending.outputs[position].tensor;
    const TensorSpec& spec = core_->tensors()[output];
    ort::Produced produced;
    {
      const std::lock_guard lock(last_run_->mutex);
      produced = last_run_->outputs[position];
    }
    const size_t bytes = Bytes(spec, produced.dimensions);
    if (allocators_[output] != nullptr) {
      if (Reallocate(api, handle, output, bytes) == nullptr) return false;
      allocators_[output]->notifyShape(spec.name.c_str(), ToDims(produced.dimensions));
    }
    if (bytes == 0) continue;
    const CUresult result =
        SubmitOrRecord(stream, [to = addresses_[output], produced, bytes]() -> CUresult {
          const auto block = Machine::Get().memory.Find(to);
          if (!block || !block->Covers(to, bytes)) return CUDA_ERROR_ILLEGAL_ADDRESS;
          std::memcpy(to, produced.data, bytes);
          return CUDA_SUCCESS;
        });
    if (result != CUDA_SUCCESS) return false;
  }
  return true;
}

bool ExecutionContext::Enqueue(char const* api, cudaStream_t handle) {
  const auto cuda_failure = [&](CUresult result) {
    reports_->Error(ErrorCode::kFAILED_EXECUTION, api, kCudaRuntime, CudaText(result));
    return false;
  };
  if (OnStreamThread()) return cuda_failure(CUDA_ERROR_NOT_PERMITTED);
  Context* context = RuntimeContext();
  if (context == nullptr) return cuda_failure(CUDA_ERROR_NO_DEVICE);
  if (const CUresult sticky = context->Sticky()) return cuda_failure(sticky);
  const auto stream = FindStream(*context, handle);
  if (!stream) return cuda_failure(CUDA_ERROR_INVALID_HANDLE);
  const bool capturing = IsCapturing(*stream);
  if (Faults::Get().Hit("enqueue")) {
    reports_->Error(ErrorCode::kFAILED_EXECUTION, api, kInternal, "Injected fault: enqueue.");
    return false;
  }
  if (capturing && Faults::Get().Hit("capture")) {
    InvalidateCapture(*stream);
    return cuda_failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  Pending pending;
  if (!Gather(api, handle, &pending)) return false;
  const std::vector<size_t> watched = WatchedTensors();
  if (capturing && !watched.empty()) {
    // The listener is called within the enqueueing, on values that a capture has not.
    InvalidateCapture(*stream);
    return cuda_failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  for (const size_t index : watched) {
    if (core_->Find(core_->debug_tensors()[index].name.c_str()) >= 0) continue;  // an output
    pending.outputs.push_back({core_->tensors().size() + index, nullptr, {}, {}});
  }
  // What only the run tells the size of needs memory that nobody could plan for.
  std::unique_ptr<DeviceMemory> temporary;
  if (!pending.unknown.empty() && temporary_ != nullptr) {
    temporary = DeviceMemory::Allocate(kTemporaryMemory, temporary_);
    if (!temporary) {
      reports_->Error(ErrorCode::kFAILED_ALLOCATION, api, kOutOfMemory,
                      "Requested size was " + std::to_string(kTemporaryMemory) + " bytes.");
      return false;
    }
  }
  if (capturing && !pending.unknown.empty()) {
    // TensorRT must synchronize to learn such a size, which a capturing stream forbids.
    InvalidateCapture(*stream);
    return cuda_failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  // A captured run writes into a result of its own: a replay must not race with later runs of this context.
  auto result = std::make_shared<RunResult>();
  const CUresult submitted =
      SubmitOrRecord(*stream, ModelRun(stream->context(), core_, reports_,
                                       std::move(pending.inputs), pending.outputs, result));
  if (submitted != CUDA_SUCCESS) return cuda_failure(submitted);
  if (capturing) return true;
  last_run_ = result;
  last_ticket_ = stream->Last();
  if (!pending.unknown.empty()) {
    last_ticket_.Wait();
    if (const CUresult sticky = context->Sticky()) return cuda_failure(sticky);
    if (!Deliver(api, handle, *stream, pending)) return false;
  }
  if (!watched.empty()) {
    last_ticket_.Wait();
    if (const CUresult sticky = context->Sticky()) return cuda_failure(sticky);
    if (!TellListener(api, handle, pending, watched)) return false;
  }
  if (consumed_ != nullptr) {
    if (const auto event = Machine::Get().events.Find(consumed_)) RecordEvent(*event, *stream);
  }
  if (profiler_ != nullptr && emits_profile_) {
    last_ticket_
        .Wait();  // a profiler makes enqueueV3 synchronous, unless setEnqueueEmitsProfile(false)
    ReportLayers();
  }
  return true;
}

bool ExecutionContext::enqueueV3(cudaStream_t stream) noexcept {
  constexpr char kApi[] = "IExecutionContext::enqueueV3";
  return Guard(*reports_, kApi, false, [&] { return Enqueue(kApi, stream); });
}

bool ExecutionContext::executeV2(void* const* bindings) noexcept {
  constexpr char kApi[] = "IExecutionContext::executeV2";
  return Guard(*reports_, kApi, false, [&] {
    if (bindings == nullptr) return Fail(kApi, "condition: bindings != nullptr.");
    const std::vector<void*> before = addresses_;
    for (size_t i = 0; i < addresses_.size(); ++i) addresses_[i] = bindings[i];
    const bool enqueued = Enqueue(kApi, nullptr);
    addresses_ = before;
    if (!enqueued) return false;
    last_ticket_.stream->Last().Wait();
    Context* context = RuntimeContext();
    if (context == nullptr || context->Sticky() == CUDA_SUCCESS) return true;
    reports_->Error(ErrorCode::kFAILED_EXECUTION, kApi, kCudaRuntime, CudaText(context->Sticky()));
    return false;
  });
}

void ExecutionContext::ReportLayers() const {
  if (!last_run_ || core_->layer_count() == 0) return;
  float milliseconds = 0;
  {
    const std::lock_guard lock(last_run_->mutex);
    milliseconds = last_run_->milliseconds;
  }
  // ONNX Runtime fuses layers and times none of them for us, so each gets an equal share of the run.
  const float share = milliseconds / static_cast<float>(core_->layer_count());
  for (size_t i = 0; i < core_->layer_count(); ++i)
    profiler_->reportLayerTime(LayerName(core_->layer(i)).c_str(), share);
}

bool ExecutionContext::reportToProfiler() const noexcept {
  constexpr char kApi[] = "IExecutionContext::reportToProfiler";
  return Guard(*reports_, kApi, false, [&] {
    if (profiler_ == nullptr || !last_run_) {
      return Fail(kApi,
                  "condition: mProfiler != nullptr. There is no profiler, or nothing was enqueued "
                  "since it was set.");
    }
    last_ticket_.Wait();
    ReportLayers();
    return true;
  });
}

}  // namespace trtnode::reference
