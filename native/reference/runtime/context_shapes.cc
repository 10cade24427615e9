// IExecutionContext: input shapes with TensorRT's checks, and the shapes that follow from them.
#include <algorithm>
#include <cstring>

#include "reference/runtime/context.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

constexpr char kSetInputShape[] = "IExecutionContext::setInputShape";

bool IsKnown(const std::vector<int64_t>& dimensions) {
  return std::all_of(dimensions.begin(), dimensions.end(),
                     [](int64_t dimension) { return dimension >= 0; });
}

std::vector<int64_t> ReadIntegers(const void* address, DataType type, size_t count) {
  std::vector<int64_t> values(count);
  for (size_t i = 0; i < count; ++i) {
    if (type == DataType::kINT64) {
      std::memcpy(&values[i], static_cast<const char*>(address) + i * sizeof(int64_t),
                  sizeof(int64_t));
    } else {
      int32_t value = 0;
      std::memcpy(&value, static_cast<const char*>(address) + i * sizeof(int32_t), sizeof(int32_t));
      values[i] = value;
    }
  }
  return values;
}

// "[1,64]..[32,64]".
std::string DescribeRange(const EngineCore& core, size_t input, size_t profile) {
  return ToString(ToDims(core.ProfileDimensions(input, profile, OptProfileSelector::kMIN))) + ".." +
         ToString(ToDims(core.ProfileDimensions(input, profile, OptProfileSelector::kMAX)));
}

}  // namespace

bool ExecutionContext::CheckShape(size_t input, Dims64 const& dims) const {
  const TensorSpec& spec = core_->tensors()[input];
  const auto rank = static_cast<int32_t>(spec.dimensions.size());
  if (dims.nbDims != rank) {
    return Fail(kSetInputShape,
                "condition: engineDims.nbDims == dims.nbDims. Rank mismatch while setting input "
                "shape for " +
                    spec.name + ": set dimensions are " + ToString(dims) +
                    ", expected dimensions are " + ToString(ToDims(spec.dimensions)) + ".");
  }
  for (int32_t i = 0; i < rank; ++i) {
    const int64_t fixed = spec.dimensions[static_cast<size_t>(i)];
    if (fixed >= 0 && fixed != dims.d[i]) {
      return Fail(kSetInputShape,
                  "condition: engineDims.d[i] == dims.d[i]. Static dimension mismatch while "
                  "setting input shape for " +
                      spec.name + ". Set dimensions are " + ToString(dims) +
                      ". Expected dimensions are " + ToString(ToDims(spec.dimensions)) + ".");
    }
  }
  std::string ranges;
  for (size_t profile = 0; profile < core_->plan().profiles.size(); ++profile) {
    if (InProfile(input, ToVector(dims), profile)) return true;
    ranges += " Valid range for profile " + std::to_string(profile) + ": " +
              DescribeRange(*core_, input, profile) + ".";
  }
  return Fail(kSetInputShape, "condition: satisfyProfile. Set dimension " + ToString(dims) +
                                  " for tensor " + spec.name +
                                  " does not satisfy any optimization profiles." + ranges);
}

bool ExecutionContext::InProfile(size_t input, const std::vector<int64_t>& dimensions,
                                 size_t profile) const {
  const auto min = core_->ProfileDimensions(input, profile, OptProfileSelector::kMIN);
  const auto max = core_->ProfileDimensions(input, profile, OptProfileSelector::kMAX);
  for (size_t i = 0; i < dimensions.size(); ++i) {
    if (dimensions[i] < min[i] || dimensions[i] > max[i]) return false;
  }
  return true;
}

bool ExecutionContext::setInputShape(char const* name, Dims64 const& dims) noexcept {
  return Guard(*reports_, kSetInputShape, false, [&] {
    const int index = FindTensor(kSetInputShape, name);
    if (index < 0) return false;
    const auto input = static_cast<size_t>(index);
    if (!core_->tensors()[input].input)
      return Fail(kSetInputShape,
                  std::string("condition: isInput. ") + name + " is not an input tensor.");
    if (!CheckShape(input, dims)) return false;
    inputs_[input].dimensions = ToVector(dims);
    return true;
  });
}

bool ExecutionContext::DimensionsKnown(size_t input) const {
  return IsKnown(inputs_[input].dimensions);
}

bool ExecutionContext::allInputDimensionsSpecified() const noexcept {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!DimensionsKnown(i)) return false;
  }
  return true;
}

bool ExecutionContext::allInputShapesSpecified() const noexcept {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (core_->tensors()[i].shape_input && addresses_[i] == nullptr) return false;
  }
  return true;
}

std::vector<InputState> ExecutionContext::ReadInputs() const {
  std::vector<InputState> inputs = inputs_;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = core_->tensors()[i];
    if (!spec.shape_input || addresses_[i] == nullptr || !DimensionsKnown(i)) continue;
    inputs[i].values =
        ReadIntegers(addresses_[i], spec.type, static_cast<size_t>(Volume(inputs[i].dimensions)));
  }
  return inputs;
}

std::shared_ptr<const Shapes> ExecutionContext::CurrentShapes(std::string* error) const {
  if (!allInputDimensionsSpecified()) return nullptr;
  return core_->Resolve(ReadInputs(), error);
}

Dims64 ExecutionContext::getTensorShape(char const* name) const noexcept {
  constexpr char kApi[] = "IExecutionContext::getTensorShape";
  return Guard(*reports_, kApi, NoDims(), [&] {
    const int index = FindTensor(kApi, name);
    if (index < 0) return NoDims();
    const auto tensor = static_cast<size_t>(index);
    if (core_->tensors()[tensor].input) return ToDims(inputs_[tensor].dimensions);
    std::string error;
    const auto shapes = CurrentShapes(&error);
    if (!error.empty()) reports_->Error(ErrorCode::kINVALID_STATE, kApi, kInternal, error);
    return ToDims(shapes ? (*shapes)[tensor] : core_->tensors()[tensor].dimensions);
  });
}

Dims64 ExecutionContext::getTensorStrides(char const* name) const noexcept {
  const Dims64 shape = getTensorShape(name);
  Dims64 strides = shape;
  int64_t stride = 1;
  for (int32_t i = shape.nbDims - 1; i >= 0; --i) {
    strides.d[i] = stride;
    stride = stride < 0 || shape.d[i] < 0 ? -1 : stride * shape.d[i];
  }
  return strides;
}

bool ExecutionContext::CheckProfile(char const* api) const {
  const auto inputs = ReadInputs();
  const auto profile = static_cast<size_t>(profile_);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (DimensionsKnown(i) && !InProfile(i, inputs[i].dimensions, profile)) {
      return Fail(api, "condition: satisfyProfile. Dimensions " +
                           ToString(ToDims(inputs[i].dimensions)) + " of tensor " +
                           core_->tensors()[i].name + " exceed min..max range for profile " +
                           std::to_string(profile) + ": " + DescribeRange(*core_, i, profile) +
                           ".");
    }
    if (!inputs[i].values) continue;
    const auto* min =
        core_->ProfileValues(i, static_cast<size_t>(profile_), OptProfileSelector::kMIN);
    const auto* max =
        core_->ProfileValues(i, static_cast<size_t>(profile_), OptProfileSelector::kMAX);
    if (min == nullptr || max == nullptr) continue;
    for (size_t v = 0; v < inputs[i].values->size() && v < min->size() && v < max->size(); ++v) {
      const int64_t value = (*inputs[i].values)[v];
      if (value >= (*min)[v] && value <= (*max)[v]) continue;
      return Fail(api, "condition: profileMinValue <= value && value <= profileMaxValue. Value " +
                           std::to_string(value) + " of shape tensor " + core_->tensors()[i].name +
                           " at index " + std::to_string(v) + " is outside the range [" +
                           std::to_string((*min)[v]) + ", " + std::to_string((*max)[v]) +
                           "] of profile " + std::to_string(profile_) + ".");
    }
  }
  return true;
}

int32_t ExecutionContext::inferShapes(int32_t max_names, char const** names) noexcept {
  constexpr char kApi[] = "IExecutionContext::inferShapes";
  return Guard(*reports_, kApi, int32_t{-1}, [&]() -> int32_t {
    int32_t missing = 0;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const TensorSpec& spec = core_->tensors()[i];
      if (DimensionsKnown(i) && (!spec.shape_input || addresses_[i] != nullptr)) continue;
      if (names != nullptr && missing < max_names) names[missing] = spec.name.c_str();
      ++missing;
    }
    if (missing != 0) return missing;
    if (!CheckProfile(kApi)) return -1;
    std::string error;
    if (CurrentShapes(&error)) return 0;
    reports_->Error(ErrorCode::kINVALID_STATE, kApi, kInternal, error);
    return -1;
  });
}

int64_t ExecutionContext::getMaxOutputSize(char const* name) const noexcept {
  constexpr char kApi[] = "IExecutionContext::getMaxOutputSize";
  return Guard(*reports_, kApi, int64_t{-1}, [&]() -> int64_t {
    const int index = FindTensor(kApi, name);
    if (index < 0 || core_->tensors()[static_cast<size_t>(index)].input) return -1;
    std::string error;
    const auto shapes = CurrentShapes(&error);
    if (!shapes) return -1;
    const auto output = static_cast<size_t>(index);
    std::vector<int64_t> dimensions = (*shapes)[output];
    // Each dimension that depends on data is at most as large as the largest input, as with NonZero.
    int64_t largest = 1;
    for (const InputState& input : inputs_) largest = std::max(largest, Volume(input.dimensions));
    for (int64_t& dimension : dimensions) {
      if (dimension < 0) dimension = largest;
    }
    const int64_t volume = Volume(dimensions);
    return volume < 0 ? -1
                      : volume * static_cast<int64_t>(ElementSize(core_->tensors()[output].type));
  });
}

}  // namespace trtnode::reference
