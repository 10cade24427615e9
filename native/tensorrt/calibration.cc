// IInt8Calibrator.
#include "tensorrt/calibration.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "tensorrt/abi/calibrator.h"
#include "tensorrt/abi/enums.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/build_profiles.h"
#include "tensorrt/builder.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;

constexpr const char* kQdqHint =
    "Quantize the model itself, with QuantizeLinear and DequantizeLinear (Q/DQ) nodes, for example "
    "with NVIDIA's ModelOpt or ONNX Runtime's quantize_static, and build that; or calibrate with "
    "TensorRT 10.";

// TensorRT's name of the interface, by algorithm. The legacy kind calls itself by the name of them all.
const char* KindOf(abi::CalibrationAlgoType algorithm) {
  switch (algorithm) {
    case abi::CalibrationAlgoType::kEntropy:
      return "IInt8EntropyCalibrator";
    case abi::CalibrationAlgoType::kEntropy2:
      return "IInt8EntropyCalibrator2";
    case abi::CalibrationAlgoType::kMinMax:
      return "IInt8MinMaxCalibrator";
    default:
      return "IInt8Calibrator";
  }
}

// The same calls in both layouts.
template <typename Interface>
class Calls : public Interface {
 public:
  explicit Calls(Int8Calibrator& owner) : owner_(owner) {}

  // "Batch size" is a word of networks with implicit batches: the shapes say all.
  abi::i32 getBatchSize() const noexcept override { return 1; }
  bool getBatch(void** bindings, char const** names, abi::i32 count) noexcept override {
    return owner_.GetBatch(bindings, names, count);
  }
  void const* readCalibrationCache(abi::u64& length) noexcept override {
    length = owner_.cache().size();
    return length == 0 ? nullptr : owner_.cache().data();
  }
  void writeCalibrationCache(void const* data, abi::u64 length) noexcept override {
    owner_.Write(data, length);
  }
  abi::CalibrationAlgoType getAlgorithm() noexcept override {
    return static_cast<abi::CalibrationAlgoType>(owner_.options().algorithm);
  }
  double getQuantile() const noexcept override { return owner_.options().quantile; }
  double getRegressionCutoff() const noexcept override {
    return owner_.options().regression_cutoff;
  }
  void const* readHistogramCache(abi::u64& length) noexcept override {
    length = 0;
    return nullptr;
  }
  void writeHistogramCache(void const* /*data*/, abi::u64 /*length*/) noexcept override {}

 protected:
  Int8Calibrator& owner_;
};

class Calls8 final : public Calls<abi::Int8Calibrator8> {
 public:
  using Calls::Calls;
};

class Calls10 final : public Calls<abi::Int8Calibrator10> {
 public:
  using Calls::Calls;
  abi::InterfaceInfo getInterfaceInfo() const noexcept override {
    return {KindOf(static_cast<abi::CalibrationAlgoType>(owner_.options().algorithm)), 1, 0};
  }
};

const std::map<std::string, ProfileShape>* ShapesOf(const BuildOptions& options) {
  const CalibrationOptions& calibration = *options.calibration;
  if (calibration.profile) return &*calibration.profile;
  const auto index = static_cast<std::size_t>(calibration.profile_index);
  return index < options.profiles.size() ? &options.profiles[index] : nullptr;
}

std::vector<CalibrationInput> InputsOf(const BuildObjects& objects,
                                       const std::map<std::string, ProfileShape>* shapes) {
  std::vector<CalibrationInput> inputs;
  for (NetworkInput& input : NetworkInputs(objects)) {
    Dims shape = input.shape;
    if (shapes != nullptr && !input.is_shape_tensor) {
      const auto found = shapes->find(input.name);
      if (found != shapes->end() && found->second.opt.rank() == shape.rank()) {
        shape = found->second.opt;
      }
    }
    inputs.push_back({std::move(input.name), input.dtype, shape});
  }
  return inputs;
}

}  // namespace

// One of the two, by major.
class Int8Calibrator::Layouts {
 public:
  Layouts(Int8Calibrator& owner, int major) {
    if (major == 8) {
      eight_.emplace(owner);
    } else {
      ten_.emplace(owner);
    }
  }
  void* object() noexcept {
    if (eight_) return static_cast<abi::Int8Calibrator8*>(&*eight_);
    return static_cast<abi::Int8Calibrator10*>(&*ten_);
  }

 private:
  std::optional<Calls8> eight_;
  std::optional<Calls10> ten_;
};

Status CheckCalibration(const Version& version, const BuildOptions& options) {
  if (!options.calibration) return Status();
  if (!abi::Supports<m::VBuilderConfig_setInt8Calibrator>(version)) {
    return Status(ErrorCode::kUnsupported,
                  "INT8 calibration needs IBuilderConfig::setInt8Calibrator, which TensorRT " +
                      version.ToString() + " has not: calibrators went with TensorRT 10.",
                  kQdqHint);
  }
  if (!options.int8) {
    return Status(ErrorCode::kInvalidArgument,
                  "calibration was given without int8: nothing would be quantized.",
                  "Add int8, or leave out calibration.");
  }
  const auto profiles = std::max<std::size_t>(options.profiles.size(), 1);
  if (static_cast<std::size_t>(options.calibration->profile_index) >= profiles) {
    return Status(ErrorCode::kInvalidArgument,
                  "calibration: profile " + std::to_string(options.calibration->profile_index) +
                      " does not exist; there are " + std::to_string(options.profiles.size()) +
                      ".");
  }
  return Status();
}

Int8Calibrator::Int8Calibrator(const CalibrationOptions& options,
                               std::vector<CalibrationInput> inputs, int major)
    : options_(options),
      inputs_(std::move(inputs)),
      layouts_(std::make_unique<Layouts>(*this, major)) {}

Int8Calibrator::~Int8Calibrator() = default;

void* Int8Calibrator::abi_object() const noexcept { return layouts_->object(); }

Result<std::unique_ptr<Int8Calibrator>> Int8Calibrator::Attach(BuildObjects& objects,
                                                               const BuildOptions& options) {
  const auto* shapes = ShapesOf(options);
  if (shapes != nullptr && !shapes->empty()) {
    ASSIGN_OR_RETURN(abi::IOptimizationProfile* const profile,
                     MakeProfile(objects, *shapes, "The calibration profile"));
    Logger::Scope scope(objects.logger);
    ASSIGN_OR_RETURN(const bool accepted,
                     abi::Call<m::VBuilderConfig_setCalibrationProfile>(
                         objects.version, objects.config.get(),
                         static_cast<abi::IOptimizationProfile const*>(profile)));
    if (!accepted) {
      return objects.Failed(ErrorCode::kInvalidArgument, "IBuilderConfig::setCalibrationProfile",
                            "TensorRT refused the calibration profile.", scope);
    }
  }
  auto calibrator = std::make_unique<Int8Calibrator>(*options.calibration,
                                                     InputsOf(objects, shapes), objects.major());
  RETURN_IF_ERROR(abi::Call<m::VBuilderConfig_setInt8Calibrator>(
      objects.version, objects.config.get(),
      static_cast<abi::IInt8Calibrator*>(calibrator->abi_object())));
  return calibrator;
}

bool Int8Calibrator::failed() const {
  const std::lock_guard lock(mutex_);
  return !failure_.ok();
}

Status Int8Calibrator::TakeFailure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, Status());
}

Status Int8Calibrator::Next(void** bindings, char const** names, int count, bool& more) {
  more = false;
  if (!options_.next) {
    return Status(ErrorCode::kBuild,
                  "TensorRT did not take the calibration cache, and there is no calibration data.",
                  "Give data as well: the cache is of another algorithm, or damaged.");
  }
  std::vector<CalibrationInput> wanted;
  for (int i = 0; i < count; ++i) {
    const std::string name = names[i] != nullptr ? names[i] : "";
    const auto found =
        std::find_if(inputs_.begin(), inputs_.end(),
                     [&](const CalibrationInput& input) { return input.name == name; });
    if (found == inputs_.end()) {
      return Status(ErrorCode::kBuild,
                    "TensorRT asks for calibration data of '" + name + "', which is no input.");
    }
    wanted.push_back(*found);
  }
  ASSIGN_OR_RETURN(more, options_.next(wanted, std::span(bindings, wanted.size())));
  return Status();
}

bool Int8Calibrator::GetBatch(void** bindings, char const** names, int count) noexcept {
  bool more = false;
  Status status;
  try {
    status = Next(bindings, names, count, more);
  } catch (const std::exception& error) {
    status = Status(ErrorCode::kInternal, error.what());
  }
  if (status.ok()) return more;
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = std::move(status);
  return false;
}

void Int8Calibrator::Write(const void* data, std::size_t length) noexcept {
  try {
    const auto* bytes = static_cast<const std::byte*>(data);
    written_.assign(bytes, bytes + length);
  } catch (...) {  // no memory for a cache: the plan does without
    written_.clear();
  }
}

}  // namespace trtnode::tensorrt
