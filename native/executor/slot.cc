// Creating a slot and preparing it for profiles and shapes.
#include "executor/slot.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/dtype.h"

namespace trtnode::executor {
namespace {

constexpr std::size_t kSmallReserve = std::size_t{16} << 20;

Status TooLarge(const tensorrt::TensorInfo& info, const Dims& dims) {
  return Status(ErrorCode::kInvalidShape, "The size of tensor '" + info.name + "' with shape " +
                                              dims.ToString() +
                                              " does not fit into memory addresses.");
}

template <typename T>
void StoreAs(const std::vector<std::int64_t>& values, std::byte* into) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T value = static_cast<T>(values[i]);
    std::memcpy(into + i * sizeof(T), &value, sizeof(T));
  }
}

}  // namespace

void GraphStats::SetReason(std::string text) {
  const std::lock_guard lock(mutex_);
  reason_ = std::move(text);
}

std::string GraphStats::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

Result<std::unique_ptr<Slot>> Slot::Create(std::shared_ptr<const SlotShared> shared) {
  const std::shared_ptr<cuda::PrimaryContext>& context = shared->context;
  const cuda::ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto stream, cuda::Stream::Create(context, shared->options.priority));
  ASSIGN_OR_RETURN(auto signal, Signal::Create(stream, shared->options.completion));
  auto slot = std::make_unique<Slot>(std::move(shared), std::move(stream), std::move(signal));
  if (slot->shared_->options.timing) {
    for (auto& event : slot->times_) {
      ASSIGN_OR_RETURN(event, cuda::Event::Create(slot->context(), true, false));
    }
  }
  ASSIGN_OR_RETURN([[maybe_unused]] Context * first,
                   slot->ContextOf(slot->shared_->options.profile));
  slot->ReserveForLargest();
  return slot;
}

Slot::Slot(std::shared_ptr<const SlotShared> shared, std::shared_ptr<cuda::Stream> stream,
           std::unique_ptr<Signal> signal)
    : shared_(std::move(shared)),
      stream_(std::move(stream)),
      signal_(std::move(signal)),
      contexts_(static_cast<std::size_t>(std::max(1, shared_->engine->info().num_profiles))),
      inputs_(shared_->layout->inputs.size()),
      outputs_(shared_->layout->outputs.size()),
      output_dims_(shared_->layout->outputs.size()),
      actual_dims_(shared_->layout->outputs.size()),
      input_arena_(shared_->context, shared_->zero_copy),
      output_arena_(shared_->context, shared_->zero_copy),
      graphs_(shared_->options.max_graphs) {}

Slot::~Slot() {
  // An execution context must not die while its work runs, nor without its CUDA context being current.
  const cuda::ContextGuard guard(*context());
  (void)stream_->Synchronize().ok();
  Release();
  graphs_.Clear();
  contexts_.clear();
}

// A profile has a context of its own: switching one would wait for the device, and what graphs captured before would be stale.
Result<Slot::Context*> Slot::ContextOf(int profile) {
  std::unique_ptr<Context>& entry = contexts_[static_cast<std::size_t>(profile)];
  if (entry != nullptr) return entry.get();
  auto made = std::make_unique<Context>();
  ASSIGN_OR_RETURN(made->execution,
                   shared_->engine->CreateExecutionContext(
                       shared_->activations != nullptr ? tensorrt::AllocationStrategy::kUserManaged
                                                       : OwnStrategy()));
  // In TensorRT 8 only the first context of an engine has a profile from the start, and fixed shapes need none.
  if (made->execution->optimization_profile() != profile && shared_->layout->needs_profile) {
    RETURN_IF_ERROR(made->execution->SetOptimizationProfile(profile, stream_->handle()));
  }
  // The runtime's allocator is asked for all that TensorRT needs, also while it enqueues.
  if (const auto& allocator = shared_->engine->runtime()->gpu_allocator()) {
    RETURN_IF_ERROR(made->execution->SetTemporaryStorageAllocator(allocator));
  }
  made->dims.resize(inputs_.size());
  made->dims_known.resize(inputs_.size());
  made->addresses.resize(shared_->engine->info().tensors.size());
  made->growing.assign(outputs_.size(), false);
  entry = std::move(made);
  if (shared_->activations == nullptr) context_bytes_ += OwnBytes(profile);
  return entry.get();
}

tensorrt::AllocationStrategy Slot::OwnStrategy() const noexcept {
  return shared_->options.allocation == tensorrt::AllocationStrategy::kOnProfileChange
             ? tensorrt::AllocationStrategy::kOnProfileChange
             : tensorrt::AllocationStrategy::kStatic;
}

// What a context that has its own memory takes.
std::uint64_t Slot::OwnBytes(int profile) const noexcept {
  const tensorrt::EngineInfo& info = shared_->engine->info();
  const auto index = static_cast<std::size_t>(profile);
  const bool of_profile = OwnStrategy() == tensorrt::AllocationStrategy::kOnProfileChange &&
                          index < info.device_memory_bytes_per_profile.size();
  const std::int64_t bytes =
      of_profile ? info.device_memory_bytes_per_profile[index] : info.device_memory_bytes;
  return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

Status Slot::ReserveActivations() {
  const cuda::ContextGuard guard(*context());
  RETURN_IF_ERROR(guard.status());
  profile_ = shared_->options.profile;
  ASSIGN_OR_RETURN(current_, ContextOf(profile_));
  Status status = AcquireActivations();
  Release();
  return status;
}

Result<bool> Slot::Prepare(int profile, std::span<const Dims> shapes,
                           std::span<const ShapeValues> values) {
  if (shapes.size() != inputs_.size() || values.size() != inputs_.size()) {
    return Status(ErrorCode::kInternal,
                  "prepare: shapes and values must be given for each of the " +
                      std::to_string(inputs_.size()) + " inputs.");
  }
  if (profile < 0 || static_cast<std::size_t>(profile) >= contexts_.size()) {
    return Status(ErrorCode::kInvalidArgument, "Optimization profile " + std::to_string(profile) +
                                                   " does not exist: the engine has " +
                                                   std::to_string(contexts_.size()) + ".");
  }
  bool same = prepared_ && profile == profile_;
  for (std::size_t i = 0; same && i < inputs_.size(); ++i) {
    same = inputs_[i].dims == shapes[i] &&
           (!shared_->layout->inputs[i].on_host ||
            (values[i].given && values[i].values == inputs_[i].values));
  }
  if (same) return false;
  Status status = Change(profile, shapes, values);
  if (!status.ok()) {
    Forget();
    return status;
  }
  prepared_ = true;
  return true;
}

Status Slot::Change(int profile, std::span<const Dims> shapes,
                    std::span<const ShapeValues> values) {
  prepared_ = false;
  bound_ = false;  // the sizes that were checked are others now
  dirty_ = true;
  const cuda::ContextGuard guard(*context());
  RETURN_IF_ERROR(guard.status());
  // TensorRT 8.6 goes on with the sizes of the shapes before where an output depends on the data (seen on an H200: wrong sizes and wrong numbers,
  // without an error). It gets a context that knows no others.
  if (data_dependent_ && shared_->engine->runtime()->library()->version().major == 8) {
    current_ = nullptr;
    contexts_[static_cast<std::size_t>(profile)].reset();
  }
  ASSIGN_OR_RETURN(current_, ContextOf(profile));
  profile_ = profile;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& tensor = shared_->layout->inputs[i];
    InputState& input = inputs_[i];
    if (!current_->dims_known[i] || !(current_->dims[i] == shapes[i])) {
      // TensorRT need not be told a shape that is fixed.
      if (!(tensor.info->shape.IsConcrete() && tensor.info->shape == shapes[i])) {
        RETURN_IF_ERROR(current_->execution->SetInputShape(tensor.index, shapes[i]));
      }
      current_->dims[i] = shapes[i];
      current_->dims_known[i] = true;
    }
    input.dims = shapes[i];
    if (tensor.on_host) {
      if (!values[i].given) {
        return Status(ErrorCode::kMissingInput,
                      "Input '" + tensor.info->name + "' is a shape tensor and needs its values.");
      }
      RETURN_IF_ERROR(SetShapeValues(i, values[i].values));
    }
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> missing, current_->execution->InferShapes());
  if (!missing.empty()) {
    std::string names;
    for (const std::string& name : missing) names += (names.empty() ? "'" : ", '") + name + "'";
    return Status(ErrorCode::kMissingInput,
                  "TensorRT misses the shape or the values of: " + names + ".");
  }
  return LayOut();
}

Status Slot::SetShapeValues(std::size_t i, const std::vector<std::int64_t>& values) {
  const IoTensor& tensor = shared_->layout->inputs[i];
  InputState& input = inputs_[i];
  const std::optional<std::int64_t> volume = input.dims.Volume();
  if (!volume.has_value() || static_cast<std::uint64_t>(*volume) != values.size()) {
    return Status(ErrorCode::kLengthMismatch, "Shape tensor '" + tensor.info->name + "' of shape " +
                                                  input.dims.ToString() + " was given " +
                                                  std::to_string(values.size()) + " values.");
  }
  const std::size_t bytes = std::max<std::size_t>(values.size() * sizeof(std::int64_t), 16);
  if (input.host.size() < bytes) {
    host_bytes_ += bytes - input.host.size();
    input.host.resize(bytes);
  }
  switch (tensor.info->dtype) {
    case DataType::kInt64:
      StoreAs<std::int64_t>(values, input.host.data());
      break;
    case DataType::kInt32:
      StoreAs<std::int32_t>(values, input.host.data());
      break;
    case DataType::kFloat:
      StoreAs<float>(values, input.host.data());
      break;
    case DataType::kBool:
    case DataType::kUint8:
    case DataType::kInt8:
      StoreAs<std::int8_t>(values, input.host.data());
      break;
    default:
      return Status(ErrorCode::kUnsupported, "Shape tensor '" + tensor.info->name +
                                                 "' is of type " +
                                                 std::string(DataTypeName(tensor.info->dtype)) +
                                                 ", which shape tensors cannot have.");
  }
  input.values = values;
  return SetAddress(tensor.index, input.host.data());
}

Status Slot::LayOut() {
  input_bytes_ = 0;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& tensor = shared_->layout->inputs[i];
    InputState& input = inputs_[i];
    const auto bytes = TensorBytes(*tensor.info, profile_, input.dims);
    if (!bytes.has_value()) return TooLarge(*tensor.info, input.dims);
    input.bytes = *bytes;
    input.offset = input_bytes_;
    if (!tensor.on_host) input_bytes_ += AlignedSize(*bytes);
  }
  output_bytes_ = 0;
  data_dependent_ = false;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const IoTensor& tensor = shared_->layout->outputs[i];
    OutputState& output = outputs_[i];
    ASSIGN_OR_RETURN(const Dims dims, current_->execution->TensorShape(tensor.index));
    output_dims_[i] = dims;
    output.data_dependent = !dims.IsConcrete();
    if (output.data_dependent) {
      if (tensor.on_host) {
        return Status(ErrorCode::kUnsupported, "Output '" + tensor.info->name +
                                                   "' is computed in host memory and its size "
                                                   "depends on the data.");
      }
      data_dependent_ = true;
      if (output.growing == nullptr) output.growing = std::make_shared<GrowingOutput>(context());
    } else {
      const auto bytes = TensorBytes(*tensor.info, profile_, dims);
      if (!bytes.has_value()) return TooLarge(*tensor.info, dims);
      output.bytes = *bytes;
      output.offset = output_bytes_;
      output_bytes_ += AlignedSize(*bytes);
    }
    if (output.data_dependent != current_->growing[i]) {
      RETURN_IF_ERROR(current_->execution->SetOutputAllocator(
          tensor.index, output.data_dependent ? output.growing : nullptr));
      current_->growing[i] = output.data_dependent;
      current_->addresses[static_cast<std::size_t>(tensor.index)] = nullptr;
    }
  }
  actual_dims_ = output_dims_;
  return {};
}

void Slot::ReserveForLargest() {
  const int profile = shared_->options.profile;
  std::vector<Dims> shapes;
  std::vector<ShapeValues> values;
  for (const IoTensor& tensor : shared_->layout->inputs) {
    const bool has_profile = static_cast<std::size_t>(profile) < tensor.info->profiles.size();
    const tensorrt::ProfileShape* shape =
        has_profile ? &tensor.info->profiles[static_cast<std::size_t>(profile)] : nullptr;
    shapes.push_back(has_profile && !tensor.info->shape.IsConcrete() ? shape->max
                                                                     : tensor.info->shape);
    values.push_back(ShapeValues{tensor.on_host && has_profile,
                                 has_profile ? shape->max_values : std::vector<std::int64_t>{}});
    if (!shapes.back().IsConcrete()) return;
  }
  // This is only foresight: whatever fails here is reported where it matters, by the first run.
  if (!Prepare(profile, shapes, values).ok()) return;
  prepared_ = false;
  largest_inputs_ = input_bytes_;
  largest_outputs_ = output_bytes_;
  if (largest_inputs_ <= kSmallReserve) {
    (void)input_arena_.ReservePinned(input_bytes_, largest_inputs_).ok();
    (void)input_arena_.ReserveDevice(input_bytes_, largest_inputs_).ok();
  }
  if (largest_outputs_ <= kSmallReserve) {
    (void)output_arena_.ReservePinned(output_bytes_, largest_outputs_).ok();
    (void)output_arena_.ReserveDevice(output_bytes_, largest_outputs_).ok();
  }
}

Status Slot::SetAddress(int tensor, void* address) {
  void*& known = current_->addresses[static_cast<std::size_t>(tensor)];
  if (known == address) return {};
  known = nullptr;
  RETURN_IF_ERROR(current_->execution->SetTensorAddress(tensor, address));
  known = address;
  return {};
}

void Slot::Forget() noexcept {
  prepared_ = false;
  bound_ = false;
  dirty_ = true;
  entry_ = nullptr;
  graphs_.Clear();
  for (const auto& context : contexts_) {
    if (context == nullptr) continue;
    context->dims_known.assign(context->dims_known.size(), false);
    std::fill(context->addresses.begin(), context->addresses.end(), nullptr);
    for (auto& growing : context->growing) growing.reset();
    context->memory = nullptr;
  }
}

SlotMemory Slot::memory() const noexcept {
  SlotMemory memory;
  memory.host_bytes = host_bytes_;
  memory.pinned_bytes = input_arena_.pinned_bytes() + output_arena_.pinned_bytes() + staging_bytes_;
  memory.device_bytes =
      input_arena_.device_bytes() + output_arena_.device_bytes() + produced_bytes_;
  memory.context_bytes = context_bytes_;
  for (const OutputState& output : outputs_) {
    if (output.growing != nullptr) memory.device_bytes += output.growing->device_bytes();
  }
  return memory;
}

}  // namespace trtnode::executor
