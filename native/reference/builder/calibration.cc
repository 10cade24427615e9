// Calibration.
#include "reference/builder/calibration.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reference/cuda/machine.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

constexpr char kApi[] = "IBuilder::buildSerializedNetwork";
constexpr float kLargestInt8 = 127.0F;

struct Input {
  std::string name;
  DataType type = DataType::kFLOAT;
  size_t bytes = 0;
  float largest = 0;
};

bool IsQuantized(const onnx::Model& model) {
  return std::any_of(model.nodes.begin(), model.nodes.end(), [](const onnx::Node& node) {
    return node.op_type == "QuantizeLinear" || node.op_type == "DequantizeLinear";
  });
}

// TensorRT's name of an algorithm in the first line of a cache.
const char* CacheName(CalibrationAlgoType algorithm) {
  switch (algorithm) {
    case CalibrationAlgoType::kLEGACY_CALIBRATION:
      return "LegacyCalibration";
    case CalibrationAlgoType::kENTROPY_CALIBRATION:
      return "EntropyCalibration";
    case CalibrationAlgoType::kMINMAX_CALIBRATION:
      return "MinMaxCalibration";
    default:
      return "EntropyCalibration2";
  }
}

// The inputs with the shapes to calibrate with: the optima of the calibration profile, else of the first profile.
std::vector<Input> InputsOf(const Network& network, const BuilderConfig& config) {
  const Profile* profile = config.calibration_profile();
  if (profile == nullptr && !config.profiles().empty()) profile = &config.profiles().front();
  std::vector<Input> inputs;
  for (const onnx::ValueInfo& info : network.parsed().model.inputs) {
    if (network.parsed().shape_inputs.count(info.name) != 0) continue;
    std::vector<int64_t> dimensions = network.InputDimensions(info.name);
    if (profile != nullptr) {
      const auto entry = profile->entries.find(info.name);
      if (entry != profile->entries.end() && entry->second.has_dimensions[1])
        dimensions = entry->second.dimensions[1];
    }
    Input input{info.name, network.parsed().types.at(info.name), 0, 0};
    size_t elements = 1;
    for (const int64_t dimension : dimensions) elements *= static_cast<size_t>(dimension);
    input.bytes = elements * ElementSize(input.type);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

// The cache that the application kept, if it is of this algorithm.
bool HasCache(IInt8Calibrator& calibrator, const Reporter& reports) {
  size_t length = 0;
  const void* cache = calibrator.readCalibrationCache(length);
  if (cache == nullptr || length == 0) return false;
  const std::string_view text(static_cast<const char*>(cache), length);
  const std::string_view first = text.substr(0, text.find('\n'));
  const std::string name = std::string("-") + CacheName(calibrator.getAlgorithm());
  if (first.starts_with("TRT-") && first.ends_with(name)) return true;
  reports.Warning("Calibration table does not match calibrator algorithm type.");
  return false;
}

bool Look(Input& input, const void* address) {
  const auto block = Machine::Get().memory.Find(address);
  if (block == nullptr || !block->Covers(address, input.bytes)) return false;
  if (input.type != DataType::kFLOAT) return true;
  std::vector<float> values(input.bytes / sizeof(float));
  std::memcpy(values.data(), address, input.bytes);
  for (const float value : values) {
    if (std::isfinite(value)) input.largest = std::max(input.largest, std::fabs(value));
  }
  return true;
}

std::string CacheText(CalibrationAlgoType algorithm, const std::vector<Input>& inputs) {
  std::string text = std::string("TRT-100600-") + CacheName(algorithm) + "\n";
  for (const Input& input : inputs) {
    std::array<char, 16> scale{};
    (void)std::snprintf(scale.data(), scale.size(), "%08x",
                        std::bit_cast<uint32_t>(input.largest / kLargestInt8));
    text += input.name + ": " + scale.data() + "\n";
  }
  return text;
}

}  // namespace

bool Calibrate(const Network& network, const BuilderConfig& config, const Reporter& reports) {
  IInt8Calibrator* calibrator = config.getInt8Calibrator();
  if (calibrator == nullptr || !config.getFlag(BuilderFlag::kINT8)) return true;
  if (IsQuantized(network.parsed().model)) {
    reports.Warning(
        "Calibrator won't be used in explicit quantization mode. Please insert "
        "Quantize/Dequantize layers to indicate which tensors to quantize/dequantize.");
    return true;
  }
  if (HasCache(*calibrator, reports)) return true;
  std::vector<Input> inputs = InputsOf(network, config);
  std::vector<char const*> names;
  for (const Input& input : inputs) names.push_back(input.name.c_str());
  std::vector<void*> bindings(inputs.size(), nullptr);
  size_t batches = 0;
  for (; calibrator->getBatch(bindings.data(), names.data(), static_cast<int32_t>(names.size()));
       ++batches) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (Look(inputs[i], bindings[i])) continue;
      reports.Error(ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage,
                    "The calibrator's address for " + inputs[i].name + " is no device memory of " +
                        std::to_string(inputs[i].bytes) + " bytes.");
      return false;
    }
  }
  if (batches == 0) {
    reports.Error(
        ErrorCode::kINTERNAL_ERROR, kApi, kInternal,
        "Calibration failure occurred with no scaling factors detected. This could be due "
        "to no int8 calibrator or insufficient custom scales for network layers. Please "
        "see int8 sample to setup calibration correctly.");
    return false;
  }
  const std::string cache = CacheText(calibrator->getAlgorithm(), inputs);
  calibrator->writeCalibrationCache(cache.data(), cache.size());
  return true;
}

}  // namespace trtnode::reference
