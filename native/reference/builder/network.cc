// INetworkDefinition over a parsed ONNX model.
#include "reference/builder/network.h"

#include <algorithm>

#include "reference/builder/layer.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

Tensor& Impl(ITensor* tensor) { return static_cast<Tensor&>(*tensor->impl()); }

ITensor* At(const std::vector<ITensor*>& tensors, int32_t index) {
  return index >= 0 && index < static_cast<int32_t>(tensors.size())
             ? tensors[static_cast<size_t>(index)]
             : nullptr;
}

}  // namespace

INetworkDefinition* Network::Make(IBuilder& builder, std::shared_ptr<Reporter> reporter,
                                  NetworkDefinitionCreationFlags flags) {
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  return std::make_unique<INetworkDefinition>(
             std::make_unique<Network>(builder, std::move(reporter), flags))
      .release();
}

Network::Network(IBuilder& builder, std::shared_ptr<Reporter> reporter,
                 NetworkDefinitionCreationFlags flags)
    : builder_(builder), reports_(std::move(reporter)), flags_(flags) {
  reporter_ = reports_.get();
}

ITensor* Network::AddTensor(const std::string& name) {
  if (name.empty()) return nullptr;
  auto& slot = tensors_[name];
  if (!slot) {
    auto tensor = std::make_unique<Tensor>(reports_);
    tensor->name = name;
    slot = std::make_unique<ITensor>(std::move(tensor));
  }
  return slot.get();
}

bool Network::Adopt(ParsedModel parsed) {
  if (!empty()) return false;
  parsed_ = std::move(parsed);
  const onnx::Model& model = parsed_.model;
  for (const bool input : {true, false}) {
    for (const onnx::ValueInfo& info : input ? model.inputs : model.outputs) {
      ITensor* tensor = AddTensor(info.name);
      Tensor& impl = Impl(tensor);
      (input ? impl.input : impl.output) = true;
      impl.shape = parsed_.shape_inputs.count(info.name) != 0;
      impl.type = parsed_.types.at(info.name);
      impl.dimensions = ToDims(parsed_.dimensions.at(info.name));
      for (size_t i = 0; i < info.dimensions.size(); ++i) {
        if (!info.dimensions[i].parameter.empty())
          impl.dimension_names[static_cast<int32_t>(i)] = info.dimensions[i].parameter;
      }
      (input ? inputs_ : outputs_).push_back(tensor);
    }
  }
  for (const onnx::ValueInfo& info : model.values) {
    Tensor& impl = Impl(AddTensor(info.name));
    if (const auto type = ToDataType(info.element_type)) impl.type = *type;
    if (!info.has_shape || info.dimensions.size() > static_cast<size_t>(kMaxDims)) continue;
    impl.dimensions.nbDims = static_cast<int32_t>(info.dimensions.size());
    for (size_t i = 0; i < info.dimensions.size(); ++i)
      impl.dimensions.d[i] = info.dimensions[i].value;
  }
  for (const onnx::Node& node : model.nodes) {
    std::vector<ITensor*> inputs;
    std::vector<ITensor*> outputs;
    for (const std::string& name : node.inputs) inputs.push_back(AddTensor(name));
    for (const std::string& name : node.outputs) outputs.push_back(AddTensor(name));
    if (node.op_type == "Constant") continue;
    layers_.push_back(std::make_unique<ILayer>(
        std::make_unique<Layer>(reports_, node, std::move(inputs), std::move(outputs))));
  }
  return true;
}

std::vector<int64_t> Network::InputDimensions(const std::string& name) const {
  return ToVector(FindTensor(name)->impl()->getDimensions());
}

bool Network::DimensionsChanged() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](ITensor* tensor) { return Impl(tensor).dimensions_changed; });
}

ITensor* Network::FindTensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second.get();
}

ILayer* Network::getLayer(int32_t index) const noexcept {
  return index >= 0 && index < getNbLayers() ? layers_[static_cast<size_t>(index)].get() : nullptr;
}

ITensor* Network::getInput(int32_t index) const noexcept { return At(inputs_, index); }

ITensor* Network::getOutput(int32_t index) const noexcept { return At(outputs_, index); }

bool Network::markDebug(ITensor& tensor) noexcept {
  constexpr char kApi[] = "INetworkDefinition::markDebug";
  return Guard(*reports_, kApi, false, [&] {
    const Tensor& impl = Impl(&tensor);
    if (FindTensor(impl.name) != &tensor || impl.input) {
      reports_->Error(ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage,
                      impl.name + " is not computed by this network.");
      return false;
    }
    if (!isDebugTensor(tensor)) debug_tensors_.push_back(impl.name);
    return true;
  });
}

bool Network::unmarkDebug(ITensor& tensor) noexcept {
  return std::erase(debug_tensors_, Impl(&tensor).name) > 0;
}

bool Network::isDebugTensor(ITensor const& tensor) const noexcept {
  const std::string& name = static_cast<const Tensor&>(*tensor.impl()).name;
  return std::find(debug_tensors_.begin(), debug_tensors_.end(), name) != debug_tensors_.end();
}

bool Network::getFlag(NetworkDefinitionCreationFlag flag) const noexcept {
  return static_cast<unsigned>(flag) < 32 && (flags_ & (1U << static_cast<unsigned>(flag))) != 0;
}

}  // namespace trtnode::reference
