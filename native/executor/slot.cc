// Creating a slot and preparing it for shapes.
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

Result<std::unique_ptr<Slot>> Slot::Create(std::shared_ptr<cuda::PrimaryContext> context,
                                           const std::shared_ptr<tensorrt::Engine>& engine,
                                           std::shared_ptr<const IoLayout> layout, int priority) {
  const cuda::ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(auto stream, cuda::Stream::Create(context, priority));
  ASSIGN_OR_RETURN(auto blocking, cuda::Event::Create(context, false, true));
  ASSIGN_OR_RETURN(auto spinning, cuda::Event::Create(context, false, false));
  ASSIGN_OR_RETURN(auto execution,
                   engine->CreateExecutionContext(tensorrt::AllocationStrategy::kStatic));
  auto slot = std::make_unique<Slot>(std::move(context), std::move(layout), std::move(execution),
                                     std::move(stream), std::move(blocking), std::move(spinning));
  slot->ReserveForLargest();
  return slot;
}

Slot::Slot(std::shared_ptr<cuda::PrimaryContext> context, std::shared_ptr<const IoLayout> layout,
           std::shared_ptr<tensorrt::ExecutionContext> execution,
           std::shared_ptr<cuda::Stream> stream, std::shared_ptr<cuda::Event> blocking,
           std::shared_ptr<cuda::Event> spinning)
    : context_(std::move(context)),
      layout_(std::move(layout)),
      execution_(std::move(execution)),
      stream_(std::move(stream)),
      blocking_event_(std::move(blocking)),
      spinning_event_(std::move(spinning)),
      profile_(execution_->optimization_profile()),
      inputs_(layout_->inputs.size()),
      outputs_(layout_->outputs.size()),
      output_dims_(layout_->outputs.size()),
      actual_dims_(layout_->outputs.size()),
      input_arena_(context_),
      output_arena_(context_) {}

Slot::~Slot() {
  // An execution context must not die while its work runs, nor without its CUDA context being current.
  const cuda::ContextGuard guard(*context_);
  (void)stream_->Synchronize().ok();
  execution_.reset();
}

Result<bool> Slot::Prepare(int profile, std::span<const Dims> shapes,
                           std::span<const ShapeValues> values) {
  if (shapes.size() != inputs_.size() || values.size() != inputs_.size()) {
    return Status(ErrorCode::kInternal,
                  "prepare: shapes and values must be given for each of the " +
                      std::to_string(inputs_.size()) + " inputs.");
  }
  bool same = prepared_ && profile == profile_;
  for (std::size_t i = 0; same && i < inputs_.size(); ++i) {
    same =
        inputs_[i].dims == shapes[i] &&
        (!layout_->inputs[i].on_host || (values[i].given && values[i].values == inputs_[i].values));
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
  const cuda::ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  if (profile != profile_) {
    RETURN_IF_ERROR(execution_->SetOptimizationProfile(profile, stream_->handle()));
    Forget();  // a new profile forgets all shapes
    profile_ = profile;
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& tensor = layout_->inputs[i];
    InputState& input = inputs_[i];
    if (!input.dims_known || !(input.dims == shapes[i])) {
      // TensorRT need not be told a shape that is fixed.
      if (!(tensor.info->shape.IsConcrete() && tensor.info->shape == shapes[i])) {
        RETURN_IF_ERROR(execution_->SetInputShape(tensor.index, shapes[i]));
      }
      input.dims = shapes[i];
      input.dims_known = true;
    }
    if (tensor.on_host) {
      if (!values[i].given) {
        return Status(ErrorCode::kMissingInput,
                      "Input '" + tensor.info->name + "' is a shape tensor and needs its values.");
      }
      RETURN_IF_ERROR(SetShapeValues(i, values[i].values));
    }
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> missing, execution_->InferShapes());
  if (!missing.empty()) {
    std::string names;
    for (const std::string& name : missing) names += (names.empty() ? "'" : ", '") + name + "'";
    return Status(ErrorCode::kMissingInput,
                  "TensorRT misses the shape or the values of: " + names + ".");
  }
  return LayOut();
}

Status Slot::SetShapeValues(std::size_t i, const std::vector<std::int64_t>& values) {
  const IoTensor& tensor = layout_->inputs[i];
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
  return SetAddress(tensor.index, input.address, input.host.data());
}

Status Slot::LayOut() {
  input_bytes_ = 0;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& tensor = layout_->inputs[i];
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
    const IoTensor& tensor = layout_->outputs[i];
    OutputState& output = outputs_[i];
    ASSIGN_OR_RETURN(const Dims dims, execution_->TensorShape(tensor.index));
    output_dims_[i] = dims;
    output.data_dependent = !dims.IsConcrete();
    if (output.data_dependent) {
      if (tensor.on_host) {
        return Status(ErrorCode::kUnsupported, "Output '" + tensor.info->name +
                                                   "' is computed in host memory and its size "
                                                   "depends on the data.");
      }
      data_dependent_ = true;
      if (output.growing == nullptr) output.growing = std::make_shared<GrowingOutput>(context_);
    } else {
      const auto bytes = TensorBytes(*tensor.info, profile_, dims);
      if (!bytes.has_value()) return TooLarge(*tensor.info, dims);
      output.bytes = *bytes;
      output.offset = output_bytes_;
      output_bytes_ += AlignedSize(*bytes);
    }
    if (output.data_dependent != output.growing_set) {
      RETURN_IF_ERROR(execution_->SetOutputAllocator(
          tensor.index, output.data_dependent ? output.growing : nullptr));
      output.growing_set = output.data_dependent;
      output.address = nullptr;
    }
  }
  actual_dims_ = output_dims_;
  return {};
}

void Slot::ReserveForLargest() {
  std::vector<Dims> shapes;
  std::vector<ShapeValues> values;
  for (const IoTensor& tensor : layout_->inputs) {
    const bool has_profile = !tensor.info->profiles.empty();
    shapes.push_back(has_profile && !tensor.info->shape.IsConcrete() ? tensor.info->profiles[0].max
                                                                     : tensor.info->shape);
    values.push_back(
        ShapeValues{tensor.on_host && has_profile, has_profile ? tensor.info->profiles[0].max_values
                                                               : std::vector<std::int64_t>{}});
    if (!shapes.back().IsConcrete()) return;
  }
  // This is only foresight: whatever fails here is reported where it matters, by the first run.
  if (!Prepare(0, shapes, values).ok()) return;
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

Status Slot::SetAddress(int tensor, void*& known, void* address) {
  if (known == address) return {};
  known = nullptr;
  RETURN_IF_ERROR(execution_->SetTensorAddress(tensor, address));
  known = address;
  return {};
}

void Slot::Forget() noexcept {
  prepared_ = false;
  profile_ = -1;
  for (InputState& input : inputs_) {
    input.dims_known = false;
    input.address = nullptr;
  }
  for (OutputState& output : outputs_) {
    output.address = nullptr;
    output.growing_set.reset();
  }
}

SlotMemory Slot::memory() const noexcept {
  SlotMemory memory;
  memory.host_bytes = host_bytes_;
  memory.pinned_bytes = input_arena_.pinned_bytes() + output_arena_.pinned_bytes() + staging_bytes_;
  memory.device_bytes =
      input_arena_.device_bytes() + output_arena_.device_bytes() + produced_bytes_;
  for (const OutputState& output : outputs_) {
    if (output.growing != nullptr) memory.device_bytes += output.growing->device_bytes();
  }
  return memory;
}

}  // namespace trtnode::executor
