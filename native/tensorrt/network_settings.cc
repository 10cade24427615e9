// ILayer: precision, output types, device, metadata; tensors that are marked for debugging.
#include "tensorrt/network_settings.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tensorrt/build_flags.h"
#include "tensorrt/network_io.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;

constexpr std::size_t kLayersInMessage = 5;

struct Layer {
  std::string name;
  abi::ILayer* layer = nullptr;
};

class Layers {
 public:
  explicit Layers(BuildObjects& objects) : objects_(objects) {}

  Status Read() {
    const Version& version = objects_.version;
    const auto* network = objects_.network.get();
    ASSIGN_OR_RETURN(const abi::i32 count,
                     abi::Call<m::VNetworkDefinition_getNbLayers>(version, network));
    for (abi::i32 i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(abi::ILayer * layer,
                       abi::Call<m::VNetworkDefinition_getLayer>(version, network, i));
      if (!abi::IsObject(layer)) continue;
      ASSIGN_OR_RETURN(char const* name, abi::Call<m::VLayer_getName>(version, layer));
      layers_.push_back({name != nullptr ? name : "", layer});
    }
    return Status();
  }

  // Calls set(layer, value, whether it was named in full) for each layer that a setting matches.
  template <typename T, typename F>
  Status ForEach(const std::vector<LayerSetting<T>>& settings, const char* option, F set) {
    for (const LayerSetting<T>& setting : settings) {
      if (std::any_of(layers_.begin(), layers_.end(), [&setting](const Layer& layer) {
            return MatchesPattern(setting.pattern, layer.name);
          })) {
        continue;
      }
      return Status(
          ErrorCode::kInvalidArgument,
          std::string(option) + ": no layer of the network matches '" + setting.pattern + "'.",
          "Layers are " + Names() + ".");
    }
    for (const Layer& layer : layers_) {
      const LayerSetting<T>* setting = Best(settings, layer.name);
      if (setting == nullptr) continue;
      RETURN_IF_ERROR(set(layer, setting->value, setting->pattern == layer.name));
    }
    return Status();
  }

  // The setting that holds for a layer: the one with its full name, else the last that matches.
  template <typename T>
  static const LayerSetting<T>* Best(const std::vector<LayerSetting<T>>& settings,
                                     const std::string& name) {
    const LayerSetting<T>* best = nullptr;
    for (const LayerSetting<T>& setting : settings) {
      if (setting.pattern == name) return &setting;
      if (MatchesPattern(setting.pattern, name)) best = &setting;
    }
    return best;
  }

  // The output of a layer by its name, or null.
  Result<abi::ITensor*> FindOutput(const std::string& name) {
    for (const Layer& layer : layers_) {
      ASSIGN_OR_RETURN(const abi::i32 outputs,
                       abi::Call<m::VLayer_getNbOutputs>(objects_.version, layer.layer));
      for (abi::i32 i = 0; i < outputs; ++i) {
        ASSIGN_OR_RETURN(abi::ITensor * tensor,
                         abi::Call<m::VLayer_getOutput>(objects_.version, layer.layer, i));
        if (!abi::IsObject(tensor)) continue;
        ASSIGN_OR_RETURN(char const* known,
                         abi::Call<m::VTensor_getName>(objects_.version, tensor));
        if (known != nullptr && name == known) return tensor;
      }
    }
    return static_cast<abi::ITensor*>(nullptr);
  }

 private:
  std::string Names() const {
    std::string text;
    for (std::size_t i = 0; i < layers_.size() && i < kLayersInMessage; ++i) {
      text += (i == 0 ? "'" : ", '") + layers_[i].name + "'";
    }
    if (layers_.size() > kLayersInMessage) {
      text += " and " + std::to_string(layers_.size() - kLayersInMessage) + " more";
    }
    return text;
  }

  BuildObjects& objects_;
  std::vector<Layer> layers_;
};

class NetworkChange {
 public:
  NetworkChange(BuildObjects& objects, const BuildOptions& options)
      : objects_(objects), settings_(options.network), layers_(objects) {}

  Status Apply() {
    if (settings_.SaysNothingOfLayers()) return Status();
    RETURN_IF_ERROR(layers_.Read());
    RETURN_IF_ERROR(Precisions());
    RETURN_IF_ERROR(OutputTypes());
    RETURN_IF_ERROR(layers_.ForEach(settings_.layer_device_types, "layerDeviceTypes",
                                    [this](const Layer& layer, int type, bool /*named*/) {
                                      return abi::Call<m::VBuilderConfig_setDeviceType>(
                                          objects_.version, objects_.config.get(), layer.layer,
                                          static_cast<abi::DeviceType>(type));
                                    }));
    RETURN_IF_ERROR(layers_.ForEach(
        settings_.layer_metadata, "layerMetadata",
        [this](const Layer& layer, const std::string& text, bool /*named*/) {
          return abi::Call<m::VLayer_setMetadata>(objects_.version, layer.layer, text.c_str());
        }));
    return DebugTensors();
  }

 private:
  // Whether a type that was meant for many layers suits this one: not those that compute shapes, indices or truth values.
  Result<bool> ComputesNumbers(const Layer& layer) {
    const Version& version = objects_.version;
    ASSIGN_OR_RETURN(const abi::i32 inputs, abi::Call<m::VLayer_getNbInputs>(version, layer.layer));
    ASSIGN_OR_RETURN(const abi::i32 outputs,
                     abi::Call<m::VLayer_getNbOutputs>(version, layer.layer));
    for (abi::i32 i = 0; i < inputs + outputs; ++i) {
      abi::ITensor* tensor = nullptr;
      if (i < inputs) {
        ASSIGN_OR_RETURN(tensor, abi::Call<m::VLayer_getInput>(version, layer.layer, i));
      } else {
        ASSIGN_OR_RETURN(tensor, abi::Call<m::VLayer_getOutput>(version, layer.layer, i - inputs));
      }
      if (!abi::IsObject(tensor)) continue;
      ASSIGN_OR_RETURN(const bool is_shape, abi::Call<m::VTensor_isShapeTensor>(version, tensor));
      if (is_shape) return false;
      if (i < inputs) continue;
      ASSIGN_OR_RETURN(const DataType type, abi::Call<m::VTensor_getType>(version, tensor));
      if (type == DataType::kInt32 || type == DataType::kInt64 || type == DataType::kBool ||
          type == DataType::kUint8) {
        return false;
      }
    }
    return true;
  }

  Status Precisions() {
    return layers_.ForEach(settings_.layer_precisions, "layerPrecisions",
                           [this](const Layer& layer, DataType type, bool named) -> Status {
                             if (!named) {
                               ASSIGN_OR_RETURN(const bool suits, ComputesNumbers(layer));
                               if (!suits) return Status();
                             }
                             return abi::Call<m::VLayer_setPrecision>(objects_.version, layer.layer,
                                                                      type);
                           });
  }

  Status OutputTypes() {
    return layers_.ForEach(
        settings_.layer_output_types, "layerOutputTypes",
        [this](const Layer& layer, const std::vector<DataType>& types, bool named) -> Status {
          if (!named) {
            ASSIGN_OR_RETURN(const bool suits, ComputesNumbers(layer));
            if (!suits) return Status();
          }
          ASSIGN_OR_RETURN(const abi::i32 outputs,
                           abi::Call<m::VLayer_getNbOutputs>(objects_.version, layer.layer));
          const auto count = static_cast<std::size_t>(std::max(outputs, 0));
          if (types.empty() || (types.size() != 1 && types.size() != count)) {
            return Status(ErrorCode::kInvalidArgument,
                          "layerOutputTypes: layer '" + layer.name + "' has " +
                              std::to_string(count) + " outputs, " + std::to_string(types.size()) +
                              " types were given.",
                          "Give one type, or one for each output.");
          }
          for (std::size_t i = 0; i < count; ++i) {
            RETURN_IF_ERROR(abi::Call<m::VLayer_setOutputType>(objects_.version, layer.layer,
                                                               static_cast<abi::i32>(i),
                                                               types[types.size() == 1 ? 0 : i]));
          }
          return Status();
        });
  }

  Result<abi::ITensor*> FindTensor(const std::string& name) {
    const std::vector<NetworkTensor> inputs = InputTensors(objects_);
    for (const NetworkTensor& input : inputs) {
      if (input.name == name) return input.tensor;
    }
    return layers_.FindOutput(name);
  }

  Status DebugTensors() {
    for (const std::string& name : settings_.debug_tensors) {
      ASSIGN_OR_RETURN(abi::ITensor * tensor, FindTensor(name));
      if (tensor == nullptr) {
        return Status(ErrorCode::kUnknownTensor,
                      "markDebug names '" + name + "', which no tensor of the network is called.",
                      "Use the names of the ONNX model.");
      }
      Logger::Scope scope(objects_.logger);
      ASSIGN_OR_RETURN(const bool marked, abi::Call<m::VNetworkDefinition_markDebug>(
                                              objects_.version, objects_.network.get(), *tensor));
      if (!marked) {
        return objects_.Failed(ErrorCode::kInvalidArgument, "INetworkDefinition::markDebug",
                               "TensorRT would not mark '" + name + "' for debugging.", scope);
      }
    }
    if (!settings_.unfused_debug_tensors) return Status();
    Logger::Scope scope(objects_.logger);
    ASSIGN_OR_RETURN(const bool marked,
                     abi::Call<m::VNetworkDefinition_markUnfusedTensorsAsDebugTensors>(
                         objects_.version, objects_.network.get()));
    if (marked) return Status();
    return objects_.Failed(ErrorCode::kBuild,
                           "INetworkDefinition::markUnfusedTensorsAsDebugTensors",
                           "TensorRT would not mark the unfused tensors.", scope);
  }

  BuildObjects& objects_;
  const NetworkSettings& settings_;
  Layers layers_;
};

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  return name.size() >= before.size() + after.size() && name.substr(0, star) == before &&
         name.substr(name.size() - after.size()) == after;
}

Status CheckNetworkSettings(const Version& version, const BuildOptions& options) {
  const NetworkSettings& settings = options.network;
  const bool types = !settings.layer_precisions.empty() || !settings.layer_output_types.empty();
  if (types && IsStronglyTyped(version, options)) {
    return Status(
        version.major >= 11 ? ErrorCode::kUnsupported : ErrorCode::kInvalidArgument,
        std::string(settings.layer_precisions.empty() ? "layerOutputTypes" : "layerPrecisions") +
            (version.major >= 11 ? " cannot be given to TensorRT " + version.ToString()
                                 : " and stronglyTyped exclude each other") +
            ": a strongly typed network takes its types from the ONNX model.",
        "Change the types in the ONNX model (Cast or Q/DQ nodes; AutoCast of NVIDIA's ModelOpt "
        "keeps chosen nodes in float32).");
  }
  if (types && !options.obey_precision_constraints && !options.prefer_precision_constraints) {
    return Status(ErrorCode::kInvalidArgument,
                  "layerPrecisions and layerOutputTypes have no effect without "
                  "precisionConstraints.",
                  "Add precisionConstraints: 'prefer' or 'obey'.");
  }
  RETURN_IF_ERROR(Need<m::VLayer_setMetadata>(version, !settings.layer_metadata.empty()));
  RETURN_IF_ERROR(Need<m::VNetworkDefinition_markDebug>(version, !settings.debug_tensors.empty()));
  return Need<m::VNetworkDefinition_markUnfusedTensorsAsDebugTensors>(
      version, settings.unfused_debug_tensors);
}

Status ApplyNetworkSettings(BuildObjects& objects, const BuildOptions& options) {
  const NetworkSettings& settings = options.network;
  Logger::Scope scope(objects.logger);
  const bool strongly_typed = IsStronglyTyped(objects.version, options);
  if (!settings.input_formats.empty()) {
    RETURN_IF_ERROR(ApplyIoFormats(objects, InputTensors(objects), settings.input_formats, "input",
                                   strongly_typed));
  }
  if (!settings.output_formats.empty()) {
    RETURN_IF_ERROR(ApplyIoFormats(objects, OutputTensors(objects), settings.output_formats,
                                   "output", strongly_typed));
  }
  RETURN_IF_ERROR(NetworkChange(objects, options).Apply());
  // The setters answer nothing.
  if (!scope.has_errors()) return Status();
  return objects.Failed(ErrorCode::kInvalidArgument, "INetworkDefinition",
                        "TensorRT refused a setting of a layer, input or output.", scope);
}

}  // namespace trtnode::tensorrt
