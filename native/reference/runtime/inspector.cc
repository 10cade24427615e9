// Writes layer and engine information.
#include "reference/runtime/inspector.h"

#include <cstdio>

#include "reference/cuda/machine.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {

std::string Quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

IEngineInspector* Inspector::Make(std::shared_ptr<EngineCore> core, IErrorRecorder* recorder) {
  auto inspector = std::make_unique<Inspector>(std::move(core), recorder);
  Inspector& self = *inspector;
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  self.handle_ = std::make_unique<IEngineInspector>(std::move(inspector)).release();
  return self.handle_;
}

Inspector::Inspector(std::shared_ptr<EngineCore> core, IErrorRecorder* recorder)
    : core_(std::move(core)), reports_(core_->reporter()->logger(), recorder) {
  reporter_ = &reports_;
}

bool Inspector::setExecutionContext(IExecutionContext const* context) noexcept {
  context_ = context;
  return true;
}

char const* Inspector::Keep(int64_t key, std::string text) const {
  const std::lock_guard lock(mutex_);
  std::string& kept = texts_[key];
  if (kept != text) kept = std::move(text);
  return kept.c_str();
}

std::string Inspector::Tensor(const std::string& name) const {
  std::string out = "{\"Name\": " + Quote(name) + ", \"Location\": \"Device\"";
  const int index = core_->Find(name.c_str());
  if (index >= 0) {
    const TensorSpec& spec = core_->tensors()[static_cast<size_t>(index)];
    // With a context, the shapes that are set there.
    const Dims64 dims = context_ == nullptr ? ToDims(spec.dimensions)
                                            : context_->impl()->getTensorShape(name.c_str());
    out += ", \"Dimensions\": " + ToString(dims) +
           ", \"Format/Datatype\": " + Quote(LayerTypeName(spec.type));
  }
  return out + "}";
}

std::string Inspector::Layer(size_t index, bool json) const {
  const size_t layers = core_->layer_count();
  const size_t profile = index / layers;
  const onnx::Node& node = core_->layer(index % layers);
  std::string name = LayerName(node);
  if (profile != 0) name += " [profile " + std::to_string(profile) + "]";
  const auto verbosity = static_cast<ProfilingVerbosity>(core_->plan().profiling_verbosity);
  if (verbosity == ProfilingVerbosity::kNONE) return json ? "\"\"" : "";
  if (verbosity != ProfilingVerbosity::kDETAILED) return json ? Quote(name) : name;
  const auto list = [&](const std::vector<std::string>& tensors) {
    std::string out = "[";
    for (const std::string& tensor : tensors) {
      if (tensor.empty()) continue;
      if (out.size() > 1) out += ", ";
      out += Tensor(tensor);
    }
    return out + "]";
  };
  if (!json)
    return name + ", LayerType: " + node.op_type + ", Inputs: " + list(node.inputs) +
           ", Outputs: " + list(node.outputs) + ", StreamId: 0";
  return "{\"Name\": " + Quote(name) + ", \"LayerType\": " + Quote(node.op_type) +
         ", \"Inputs\": " + list(node.inputs) + ", \"Outputs\": " + list(node.outputs) +
         ", \"TacticName\": \"onnxruntime\", \"StreamId\": 0, \"Metadata\": " +
         Quote("[ONNX Layer: " + LayerName(node) + "]") + "}";
}

std::string Inspector::Engine(bool json) const {
  const size_t count = core_->layer_count() * core_->plan().profiles.size();
  std::string out = json ? "{\"Layers\": [" : "Layers:\n";
  for (size_t i = 0; i < count; ++i) {
    if (json && i != 0) out += ",\n";
    out += Layer(i, json);
    if (!json) out += '\n';
  }
  out += json ? "],\n\"Bindings\": [" : "\nBindings:\n";
  bool first = true;
  for (const TensorSpec& spec : core_->tensors()) {
    if (json && !first) out += ", ";
    out += json ? Quote(spec.name) : spec.name + "\n";
    first = false;
  }
  return out + (json ? "]}" : "");
}

// Without a current CUDA context TensorRT 10.6 finds no device, tells of it and answers with an empty text.
bool Inspector::HasDevice(const char* api) const {
  if (CurrentContext() != nullptr) return true;
  reports_.Error(ErrorCode::kINTERNAL_ERROR, api, kApiUsage,
                 "No CUDA context is current on this thread: device 0 is SM 0.");
  return false;
}

char const* Inspector::getLayerInformation(int32_t index,
                                           LayerInformationFormat format) const noexcept {
  constexpr char kApi[] = "IEngineInspector::getLayerInformation";
  return Guard(reports_, kApi, static_cast<char const*>(nullptr), [&]() -> char const* {
    const auto count = static_cast<int64_t>(core_->layer_count() * core_->plan().profiles.size());
    if (index < 0 || index >= count) {
      reports_.Error(ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage,
                     "Parameter check failed, condition: layerIndex >= 0 && layerIndex < "
                     "getNbLayers(). Layer index " +
                         std::to_string(index) + " is out of range.");
      return nullptr;
    }
    if (!HasDevice(kApi)) return "";
    const bool json = format == LayerInformationFormat::kJSON;
    return Keep((int64_t{index} + 1) * 2 + (json ? 1 : 0), Layer(static_cast<size_t>(index), json));
  });
}

char const* Inspector::getEngineInformation(LayerInformationFormat format) const noexcept {
  constexpr char kApi[] = "IEngineInspector::getEngineInformation";
  return Guard(reports_, kApi, static_cast<char const*>(nullptr), [&]() -> char const* {
    if (!HasDevice(kApi)) return "";
    const bool json = format == LayerInformationFormat::kJSON;
    return Keep(json ? 1 : 0, Engine(json));
  });
}

}  // namespace trtnode::reference
