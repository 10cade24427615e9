// ExecutionContext: shapes, addresses, output allocators, enqueueing.
#include "tensorrt/execution_context.h"

#include "tensorrt/execution_context_impl.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

namespace {

abi::CUstream_st* Stream(void* stream) { return static_cast<abi::CUstream_st*>(stream); }

bool Fits(const Dims& dims, const ProfileShape& profile) {
  if (dims.rank() != profile.min.rank()) return false;
  for (int i = 0; i < dims.rank(); ++i) {
    if (dims[i] < profile.min[i] || dims[i] > profile.max[i]) return false;
  }
  return true;
}

// "profile 0: (1, 64) to (32, 64), profile 1: …"
std::string ListProfiles(const TensorInfo& tensor) {
  std::string text;
  for (std::size_t i = 0; i < tensor.profiles.size(); ++i) {
    if (!text.empty()) text += ", ";
    text += "profile " + std::to_string(i) + ": " + tensor.profiles[i].min.ToString() + " to " +
            tensor.profiles[i].max.ToString();
  }
  return text;
}

// TensorRT 8 lets one execution context at a time use a profile, unless the plan was built with PreviewFeature::kPROFILE_SHARING_0806
// (8.6), which the engine does not tell.
void ExplainTakenProfile(const Version& version, Error& error) {
  if (version.major != 8) return;
  for (const std::string& line : error.log) {
    if (line.find("has been chosen by another IExecutionContext") == std::string::npos) continue;
    error.code = ErrorCode::kUnsupported;
    error.hint =
        "In TensorRT 8 each execution context needs an optimization profile of its own: use one "
        "instance, and load the plan again for each more.";
    return;
  }
}

}  // namespace

Status ExecutionContext::Impl::Check(int tensor) const {
  const auto count = static_cast<int>(engine->info().tensors.size());
  if (tensor >= 0 && tensor < count) return Status();
  return Status(ErrorCode::kInvalidArgument, "Tensor index " + std::to_string(tensor) +
                                                 " is out of range: the engine has " +
                                                 std::to_string(count) + " tensors.");
}

ExecutionContext::ExecutionContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ExecutionContext::~ExecutionContext() = default;

std::shared_ptr<ExecutionContext> ExecutionContext::Adopt(std::shared_ptr<Engine> engine,
                                                          void* context) {
  auto impl =
      std::make_unique<Impl>(std::move(engine), static_cast<abi::IExecutionContext*>(context));
  impl->Ask<m::VExecutionContext_setErrorRecorder>(impl->recorder.abi_object());
  return std::shared_ptr<ExecutionContext>(
      new ExecutionContext(std::move(impl)));  // NOLINT: private constructor
}

Status ExecutionContext::SetOptimizationProfile(int profile, void* stream) {
  const int count = impl_->engine->info().num_profiles;
  if (profile < 0 || profile >= count) {
    return Status(ErrorCode::kInvalidArgument, "Optimization profile " + std::to_string(profile) +
                                                   " does not exist: the engine has " +
                                                   std::to_string(count) + ".");
  }
  Logger::Scope scope(impl_->logger);
  if (impl_->Ask<m::VExecutionContext_setOptimizationProfileAsync>(profile, Stream(stream))) {
    return Status();
  }
  Status status = impl_->Failed(
      ErrorCode::kExecution, "setOptimizationProfileAsync",
      "TensorRT refused optimization profile " + std::to_string(profile) + ".", scope);
  ExplainTakenProfile(impl_->version, status.error());
  return status;
}

int ExecutionContext::optimization_profile() const {
  return impl_->Ask<m::VExecutionContext_getOptimizationProfile>();
}

Status ExecutionContext::SetInputShape(int tensor, const Dims& dims) {
  RETURN_IF_ERROR(impl_->Check(tensor));
  Logger::Scope scope(impl_->logger);
  using New = m::VExecutionContext_setInputShape;
  using Old = m::VExecutionContext_setInputShape_8;
  ASSIGN_OR_RETURN(const bool accepted, (abi::TellDims<New, Old>(impl_->version.major, impl_->get(),
                                                                 dims, impl_->Name(tensor))));
  if (accepted) return Status();
  const TensorInfo& info = impl_->Tensor(tensor);
  const auto profile = static_cast<std::size_t>(optimization_profile());
  ErrorCode code = ErrorCode::kExecution;
  std::string message =
      "TensorRT refused the shape " + dims.ToString() + " for '" + info.name + "'";
  if (info.mode != TensorIOMode::kInput) {
    code = ErrorCode::kInvalidArgument;
    message += ", which is no input";
  } else if (dims.rank() != info.shape.rank()) {
    code = ErrorCode::kRankMismatch;
    message += ", whose shape is " + info.shape.ToString();
  } else if (profile < info.profiles.size() && !Fits(dims, info.profiles[profile])) {
    code = ErrorCode::kShapeOutOfRange;
    message += " in profile " + std::to_string(profile) + " (" + ListProfiles(info) + ")";
  }
  return impl_->Failed(code, "setInputShape", message + ".", scope);
}

Result<Dims> ExecutionContext::TensorShape(int tensor) const {
  RETURN_IF_ERROR(impl_->Check(tensor));
  Logger::Scope scope(impl_->logger);
  using New = m::VExecutionContext_getTensorShape;
  using Old = m::VExecutionContext_getTensorShape_8;
  if (const auto shape = impl_->AskDims<New, Old>(impl_->Name(tensor))) return *shape;
  return impl_->Failed(ErrorCode::kExecution, "getTensorShape",
                       "TensorRT does not know the shape of '" + impl_->Tensor(tensor).name + "'.",
                       scope);
}

Result<Dims> ExecutionContext::TensorStrides(int tensor) const {
  RETURN_IF_ERROR(impl_->Check(tensor));
  Logger::Scope scope(impl_->logger);
  using New = m::VExecutionContext_getTensorStrides;
  using Old = m::VExecutionContext_getTensorStrides_8;
  if (const auto strides = impl_->AskDims<New, Old>(impl_->Name(tensor))) return *strides;
  return impl_->Failed(
      ErrorCode::kExecution, "getTensorStrides",
      "TensorRT does not know the strides of '" + impl_->Tensor(tensor).name + "'.", scope);
}

Result<std::vector<std::string>> ExecutionContext::InferShapes() {
  Logger::Scope scope(impl_->logger);
  impl_->missing.assign(impl_->engine->info().tensors.size(), nullptr);
  const int count = impl_->Ask<m::VExecutionContext_inferShapes>(
      static_cast<abi::i32>(impl_->missing.size()), impl_->missing.data());
  if (count < 0) {
    return impl_->Failed(ErrorCode::kExecution, "inferShapes",
                         "TensorRT could not infer the shapes from the inputs.", scope);
  }
  std::vector<std::string> names;
  for (const char* name : impl_->missing) {
    if (name != nullptr && static_cast<int>(names.size()) < count) names.emplace_back(name);
  }
  return names;
}

bool ExecutionContext::AllInputDimensionsSpecified() const {
  return impl_->Ask<m::VExecutionContext_allInputDimensionsSpecified>();
}

Status ExecutionContext::SetTensorAddress(int tensor, void* address) {
  RETURN_IF_ERROR(impl_->Check(tensor));
  Logger::Scope scope(impl_->logger);
  if (impl_->Ask<m::VExecutionContext_setTensorAddress>(impl_->Name(tensor), address)) {
    return Status();
  }
  return impl_->Failed(ErrorCode::kInvalidArgument, "setTensorAddress",
                       "TensorRT refused the address of '" + impl_->Tensor(tensor).name + "'.",
                       scope);
}

void* ExecutionContext::TensorAddress(int tensor) const {
  if (!impl_->Check(tensor).ok()) return nullptr;
  return const_cast<void*>(impl_->Ask<m::VExecutionContext_getTensorAddress>(impl_->Name(tensor)));
}

Status ExecutionContext::SetOutputAllocator(int tensor,
                                            std::shared_ptr<OutputAllocator> allocator) {
  RETURN_IF_ERROR(impl_->Check(tensor));
  Logger::Scope scope(impl_->logger);
  std::unique_ptr<OutputAllocatorAdapter> adapter;
  if (allocator != nullptr) {
    adapter = std::make_unique<OutputAllocatorAdapter>(std::move(allocator));
  }
  abi::IOutputAllocator* object =
      adapter != nullptr ? adapter->abi_object(impl_->version.major) : nullptr;
  if (!impl_->Ask<m::VExecutionContext_setOutputAllocator>(impl_->Name(tensor), object)) {
    return impl_->Failed(
        ErrorCode::kInvalidArgument, "setOutputAllocator",
        "TensorRT refused an output allocator for '" + impl_->Tensor(tensor).name + "'.", scope);
  }
  // Only now may the previous one go.
  impl_->allocators[static_cast<std::size_t>(tensor)] = std::move(adapter);
  impl_->has_allocators = false;
  for (const auto& one : impl_->allocators) impl_->has_allocators |= one != nullptr;
  return Status();
}

std::int64_t ExecutionContext::MaxOutputSize(int tensor) const {
  if (!impl_->Check(tensor).ok()) return -1;
  return impl_->Ask<m::VExecutionContext_getMaxOutputSize>(impl_->Name(tensor));
}

Status ExecutionContext::Enqueue(void* stream) {
  Logger::Scope scope(impl_->logger);
  if (impl_->has_allocators) {
    for (const auto& one : impl_->allocators) {
      if (one != nullptr) one->TakeFailure();
    }
  }
  if (impl_->Ask<m::VExecutionContext_enqueueV3>(Stream(stream))) return Status();
  for (std::size_t i = 0; i < impl_->allocators.size(); ++i) {
    if (impl_->allocators[i] == nullptr || !impl_->allocators[i]->TakeFailure()) continue;
    return impl_->Failed(
        ErrorCode::kOutputAllocator, "enqueueV3",
        "The output allocator of '" + impl_->Tensor(static_cast<int>(i)).name + "' gave no memory.",
        scope);
  }
  return impl_->Failed(ErrorCode::kExecution, "enqueueV3", "TensorRT could not enqueue the work.",
                       scope);
}

const std::shared_ptr<Engine>& ExecutionContext::engine() const noexcept { return impl_->engine; }
void* ExecutionContext::abi_object() const noexcept { return impl_->get(); }

}  // namespace trtnode::tensorrt
