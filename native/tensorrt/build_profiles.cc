// IOptimizationProfile.
#include "tensorrt/build_profiles.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "tensorrt/abi/variants.h"
#include "tensorrt/network_io.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;

constexpr const char* kShapesHint =
    "Give its smallest, usual and largest shape: profiles, or --minShapes, --optShapes, "
    "--maxShapes.";

std::string List(const std::vector<NetworkInput>& inputs) {
  std::string text;
  for (const NetworkInput& input : inputs) text += (text.empty() ? "" : ", ") + input.Describe();
  return text;
}

bool IsOrdered(std::span<const std::int64_t> min, std::span<const std::int64_t> opt,
               std::span<const std::int64_t> max) {
  if (min.size() != opt.size() || opt.size() != max.size()) return false;
  for (std::size_t i = 0; i < min.size(); ++i) {
    if (min[i] > opt[i] || opt[i] > max[i]) return false;
  }
  return true;
}

// What can be said against a range before TensorRT is asked.
Status CheckRange(const NetworkInput& input, const ProfileShape& range) {
  const bool ordered = IsOrdered(range.min.span(), range.opt.span(), range.max.span());
  if (!ordered) {
    return Status(ErrorCode::kInvalidArgument,
                  "The profile of input " + input.Describe() +
                      " must rise from min to opt to max; " + range.min.ToString() + ", " +
                      range.opt.ToString() + ", " + range.max.ToString() + " was given.");
  }
  if (!IsOrdered(range.min_values, range.opt_values, range.max_values)) {
    return Status(ErrorCode::kInvalidArgument,
                  "The values of shape input '" + input.name +
                      "' must be equally many in min, opt and max, and rise.");
  }
  if (input.is_shape_tensor) return Status();
  if (range.min.rank() != input.shape.rank()) {
    return Status(ErrorCode::kRankMismatch, "The profile of input " + input.Describe() +
                                                " has rank " + std::to_string(range.min.rank()) +
                                                ": " + range.min.ToString() + ".");
  }
  for (int i = 0; i < input.shape.rank(); ++i) {
    const std::int64_t fixed = input.shape[i];
    if (fixed < 0 || (range.min[i] == fixed && range.max[i] == fixed)) continue;
    return Status(ErrorCode::kInvalidArgument,
                  "Dimension " + std::to_string(i) + " of input " + input.Describe() +
                      " is fixed to " + std::to_string(fixed) + "; the profile says " +
                      range.min.ToString() + " to " + range.max.ToString() + ".");
  }
  return Status();
}

class Profile {
 public:
  Profile(BuildObjects& objects, abi::IOptimizationProfile* profile)
      : objects_(objects), profile_(profile) {}

  Status Set(const NetworkInput& input, const ProfileShape& range) {
    RETURN_IF_ERROR(CheckRange(input, range));
    if (range.min_values.empty()) {
      if (input.is_shape_tensor) {
        return Status(ErrorCode::kInvalidArgument,
                      "Input " + input.Describe() +
                          " is a shape tensor: its profile needs values, not only a shape.",
                      "Give the smallest, usual and largest values.");
      }
      return SetShapes(input, range);
    }
    return SetValues(input, range);
  }

 private:
  Status SetShapes(const NetworkInput& input, const ProfileShape& range) {
    const std::array<std::pair<OptProfileSelector, const Dims*>, 3> shapes = {
        {{OptProfileSelector::kMin, &range.min},
         {OptProfileSelector::kOpt, &range.opt},
         {OptProfileSelector::kMax, &range.max}}};
    for (const auto& [selector, dims] : shapes) {
      Logger::Scope scope(objects_.logger);
      using New = m::VOptimizationProfile_setDimensions;
      using Old = m::VOptimizationProfile_setDimensions_8;
      ASSIGN_OR_RETURN(const bool accepted,
                       (abi::TellDims<New, Old>(objects_.major(), profile_, *dims,
                                                input.name.c_str(), selector)));
      if (!accepted) {
        return objects_.Failed(ErrorCode::kInvalidArgument, "IOptimizationProfile::setDimensions",
                               "TensorRT refused the shape " + dims->ToString() + " for input " +
                                   input.Describe() + ".",
                               scope);
      }
    }
    return Status();
  }

  Status SetValues(const NetworkInput& input, const ProfileShape& range) {
    const std::array<std::pair<OptProfileSelector, const std::vector<std::int64_t>*>, 3> values = {
        {{OptProfileSelector::kMin, &range.min_values},
         {OptProfileSelector::kOpt, &range.opt_values},
         {OptProfileSelector::kMax, &range.max_values}}};
    for (const auto& [selector, list] : values) {
      Logger::Scope scope(objects_.logger);
      ASSIGN_OR_RETURN(const bool accepted, SetShapeValues(input, selector, *list));
      if (!accepted) {
        return objects_.Failed(
            ErrorCode::kInvalidArgument, "IOptimizationProfile::setShapeValues",
            "TensorRT refused the values for shape input " + input.Describe() + ".", scope);
      }
    }
    return Status();
  }

  // 64-bit values from 10.11 on; before, 32 bits.
  Result<bool> SetShapeValues(const NetworkInput& input, OptProfileSelector selector,
                              const std::vector<std::int64_t>& values) {
    const auto count = static_cast<abi::i32>(values.size());
    if (abi::Supports<m::VOptimizationProfile_setShapeValuesV2>(objects_.version)) {
      return abi::Call<m::VOptimizationProfile_setShapeValuesV2>(
          objects_.version, profile_, input.name.c_str(), selector, values.data(), count);
    }
    std::vector<abi::i32> narrow;
    narrow.reserve(values.size());
    for (const std::int64_t value : values) {
      if (value < std::numeric_limits<abi::i32>::min() ||
          value > std::numeric_limits<abi::i32>::max()) {
        return Status(ErrorCode::kInvalidArgument,
                      "The value " + std::to_string(value) + " for shape input '" + input.name +
                          "' does not fit into 32 bits, which TensorRT " +
                          objects_.version.ToString() + " allows.",
                      "TensorRT 10.11 and newer take 64 bits.");
      }
      narrow.push_back(static_cast<abi::i32>(value));
    }
    return abi::Call<m::VOptimizationProfile_setShapeValues>(
        objects_.version, profile_, input.name.c_str(), selector,
        static_cast<abi::i32 const*>(narrow.data()), count);
  }

  BuildObjects& objects_;
  abi::IOptimizationProfile* const profile_;
};

}  // namespace

std::vector<NetworkInput> NetworkInputs(const BuildObjects& objects) {
  const int major = objects.major();
  std::vector<NetworkInput> inputs;
  for (auto& [name, tensor] : InputTensors(objects)) {
    NetworkInput input;
    input.name = std::move(name);
    input.shape = abi::AskDims<m::VTensor_getDimensions, m::VTensor_getDimensions_8>(major, tensor)
                      .value_or(Dims());
    input.dtype = abi::Invoke<m::VTensor_getType>(major, tensor);
    input.is_shape_tensor = abi::Invoke<m::VTensor_isShapeTensor>(major, tensor);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Result<abi::IOptimizationProfile*> MakeProfile(BuildObjects& objects,
                                               const std::map<std::string, ProfileShape>& ranges,
                                               const std::string& who) {
  const std::vector<NetworkInput> inputs = NetworkInputs(objects);
  for (const auto& [name, range] : ranges) {
    if (std::none_of(inputs.begin(), inputs.end(),
                     [&name = name](const NetworkInput& input) { return input.name == name; })) {
      return Status(
          ErrorCode::kUnknownTensor,
          who + " names '" + name + "', which is no input. Inputs: " + List(inputs) + ".");
    }
  }
  Logger::Scope scope(objects.logger);
  abi::IOptimizationProfile* handle =
      abi::Invoke<m::VBuilder_createOptimizationProfile>(objects.major(), objects.builder.get());
  if (!abi::IsObject(handle)) {
    return objects.Failed(ErrorCode::kBuild, "IBuilder::createOptimizationProfile",
                          "TensorRT could not create an optimization profile.", scope);
  }
  Profile profile(objects, handle);
  for (const NetworkInput& input : inputs) {
    const auto range = ranges.find(input.name);
    if (range != ranges.end()) {
      RETURN_IF_ERROR(profile.Set(input, range->second));
    } else if (input.NeedsProfile()) {
      return Status(ErrorCode::kInvalidArgument,
                    who + " says nothing of input " + input.Describe() + ", which it must.",
                    kShapesHint);
    }
  }
  return handle;
}

Status AddProfiles(BuildObjects& objects, const BuildOptions& options) {
  if (options.profiles.empty()) {
    for (const NetworkInput& input : NetworkInputs(objects)) {
      if (!input.NeedsProfile()) continue;
      return Status(ErrorCode::kInvalidArgument,
                    "Input " + input.Describe() +
                        (input.is_shape_tensor ? " is a shape tensor" : " has dynamic dimensions") +
                        " and no optimization profile was given.",
                    kShapesHint);
    }
    return Status();
  }
  for (std::size_t index = 0; index < options.profiles.size(); ++index) {
    ASSIGN_OR_RETURN(
        abi::IOptimizationProfile* const handle,
        MakeProfile(objects, options.profiles[index], "Profile " + std::to_string(index)));
    Logger::Scope scope(objects.logger);
    if (abi::Invoke<m::VBuilderConfig_addOptimizationProfile>(objects.major(), objects.config.get(),
                                                              handle) < 0) {
      return objects.Failed(ErrorCode::kInvalidArgument, "IBuilderConfig::addOptimizationProfile",
                            "TensorRT refused profile " + std::to_string(index) + ".", scope);
    }
  }
  return Status();
}

}  // namespace trtnode::tensorrt
