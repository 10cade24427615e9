// ITensor and ILayer.
#include "reference/builder/layer.h"

#include <string_view>

#include "reference/runtime/engine_core.h"

namespace trtnode::reference {
namespace {

// The layer that TensorRT's parser makes of an operator, as far as one operator is one layer.
LayerType ToLayerType(std::string_view op) {
  static const std::map<std::string_view, LayerType> kTypes = {
      {"Conv", LayerType::kCONVOLUTION},
      {"ConvTranspose", LayerType::kDECONVOLUTION},
      {"Cast", LayerType::kCAST},
      {"Relu", LayerType::kACTIVATION},
      {"Sigmoid", LayerType::kACTIVATION},
      {"Tanh", LayerType::kACTIVATION},
      {"LeakyRelu", LayerType::kACTIVATION},
      {"Elu", LayerType::kACTIVATION},
      {"Selu", LayerType::kACTIVATION},
      {"Softplus", LayerType::kACTIVATION},
      {"Softsign", LayerType::kACTIVATION},
      {"Clip", LayerType::kACTIVATION},
      {"HardSigmoid", LayerType::kACTIVATION},
      {"Gelu", LayerType::kACTIVATION},
      {"ThresholdedRelu", LayerType::kACTIVATION},
      {"MaxPool", LayerType::kPOOLING},
      {"AveragePool", LayerType::kPOOLING},
      {"GlobalAveragePool", LayerType::kREDUCE},
      {"GlobalMaxPool", LayerType::kREDUCE},
      {"LRN", LayerType::kLRN},
      {"BatchNormalization", LayerType::kSCALE},
      {"Softmax", LayerType::kSOFTMAX},
      {"LogSoftmax", LayerType::kSOFTMAX},
      {"Concat", LayerType::kCONCATENATION},
      {"Add", LayerType::kELEMENTWISE},
      {"Sub", LayerType::kELEMENTWISE},
      {"Mul", LayerType::kELEMENTWISE},
      {"Div", LayerType::kELEMENTWISE},
      {"Pow", LayerType::kELEMENTWISE},
      {"Max", LayerType::kELEMENTWISE},
      {"Min", LayerType::kELEMENTWISE},
      {"Mod", LayerType::kELEMENTWISE},
      {"And", LayerType::kELEMENTWISE},
      {"Or", LayerType::kELEMENTWISE},
      {"Xor", LayerType::kELEMENTWISE},
      {"Equal", LayerType::kELEMENTWISE},
      {"Less", LayerType::kELEMENTWISE},
      {"Greater", LayerType::kELEMENTWISE},
      {"LessOrEqual", LayerType::kELEMENTWISE},
      {"GreaterOrEqual", LayerType::kELEMENTWISE},
      {"Sum", LayerType::kELEMENTWISE},
      {"Mean", LayerType::kELEMENTWISE},
      {"Exp", LayerType::kUNARY},
      {"Log", LayerType::kUNARY},
      {"Sqrt", LayerType::kUNARY},
      {"Reciprocal", LayerType::kUNARY},
      {"Abs", LayerType::kUNARY},
      {"Neg", LayerType::kUNARY},
      {"Sin", LayerType::kUNARY},
      {"Cos", LayerType::kUNARY},
      {"Ceil", LayerType::kUNARY},
      {"Floor", LayerType::kUNARY},
      {"Round", LayerType::kUNARY},
      {"Erf", LayerType::kUNARY},
      {"Not", LayerType::kUNARY},
      {"Sign", LayerType::kUNARY},
      {"IsNaN", LayerType::kUNARY},
      {"Pad", LayerType::kSLICE},
      {"Slice", LayerType::kSLICE},
      {"Split", LayerType::kSLICE},
      {"Tile", LayerType::kSLICE},
      {"Expand", LayerType::kSLICE},
      {"Reshape", LayerType::kSHUFFLE},
      {"Transpose", LayerType::kSHUFFLE},
      {"Flatten", LayerType::kSHUFFLE},
      {"Squeeze", LayerType::kSHUFFLE},
      {"Unsqueeze", LayerType::kSHUFFLE},
      {"DepthToSpace", LayerType::kSHUFFLE},
      {"SpaceToDepth", LayerType::kSHUFFLE},
      {"ReduceSum", LayerType::kREDUCE},
      {"ReduceMean", LayerType::kREDUCE},
      {"ReduceMax", LayerType::kREDUCE},
      {"ReduceMin", LayerType::kREDUCE},
      {"ReduceProd", LayerType::kREDUCE},
      {"ReduceL2", LayerType::kREDUCE},
      {"TopK", LayerType::kTOPK},
      {"ArgMax", LayerType::kTOPK},
      {"ArgMin", LayerType::kTOPK},
      {"Gather", LayerType::kGATHER},
      {"GatherElements", LayerType::kGATHER},
      {"GatherND", LayerType::kGATHER},
      {"MatMul", LayerType::kMATRIX_MULTIPLY},
      {"Gemm", LayerType::kMATRIX_MULTIPLY},
      {"Constant", LayerType::kCONSTANT},
      {"Identity", LayerType::kIDENTITY},
      {"Dropout", LayerType::kIDENTITY},
      {"Shape", LayerType::kSHAPE},
      {"PRelu", LayerType::kPARAMETRIC_RELU},
      {"Resize", LayerType::kRESIZE},
      {"Upsample", LayerType::kRESIZE},
      {"Loop", LayerType::kTRIP_LIMIT},
      {"Scan", LayerType::kTRIP_LIMIT},
      {"LSTM", LayerType::kRECURRENCE},
      {"GRU", LayerType::kRECURRENCE},
      {"RNN", LayerType::kRECURRENCE},
      {"Where", LayerType::kSELECT},
      {"ConstantOfShape", LayerType::kFILL},
      {"Range", LayerType::kFILL},
      {"RandomUniform", LayerType::kFILL},
      {"RandomNormal", LayerType::kFILL},
      {"QuantizeLinear", LayerType::kQUANTIZE},
      {"DequantizeLinear", LayerType::kDEQUANTIZE},
      {"If", LayerType::kCONDITION},
      {"ScatterElements", LayerType::kSCATTER},
      {"ScatterND", LayerType::kSCATTER},
      {"Einsum", LayerType::kEINSUM},
      {"OneHot", LayerType::kONE_HOT},
      {"NonZero", LayerType::kNON_ZERO},
      {"GridSample", LayerType::kGRID_SAMPLE},
      {"NonMaxSuppression", LayerType::kNMS},
      {"ReverseSequence", LayerType::kREVERSE_SEQUENCE},
      {"LayerNormalization", LayerType::kNORMALIZATION},
      {"InstanceNormalization", LayerType::kNORMALIZATION},
      {"GroupNormalization", LayerType::kNORMALIZATION},
      {"CumSum", LayerType::kCUMULATIVE},
  };
  const auto found = kTypes.find(op);
  return found == kTypes.end() ? LayerType::kPLUGIN_V3 : found->second;
}

}  // namespace

void Tensor::setName(char const* new_name) noexcept {
  if (new_name != nullptr && name == new_name) return;
  Unsupported<void>("ITensor::setName");
}

void Tensor::setDimensions(Dims64 const& dims) noexcept {
  constexpr char kApi[] = "ITensor::setDimensions";
  bool fits = input && dims.nbDims == dimensions.nbDims;
  for (int32_t i = 0; fits && i < dims.nbDims; ++i)
    fits = dims.d[i] == dimensions.d[i] || (dims.d[i] >= -1 && dimensions.d[i] == -1);
  if (!fits) {
    reports_->Error(ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage,
                    "Only dynamic dimensions of a network input can be set: " + name + " has " +
                        ToString(dimensions) + ", " + ToString(dims) + " was given.");
    return;
  }
  dimensions = dims;
  dimensions_changed = true;
}

void Tensor::setType(DataType new_type) noexcept {
  if (new_type != type) Unsupported<void>("ITensor::setType");
}

bool Tensor::setDynamicRange(float min, float max) noexcept {
  has_range_ = true;
  min_ = min;
  max_ = max;
  return true;
}

void Tensor::setAllowedFormats(TensorFormats formats) noexcept {
  formats_ = formats;
  if ((formats & 1U) != 0) return;
  Guard(*reports_, "ITensor::setAllowedFormats", 0, [&] {
    reports_->Warning("The trt-node CPU reference runtime only has the linear format; " + name +
                      " stays linear.");
    return 0;
  });
}

void Tensor::setDimensionName(int32_t index, char const* new_name) noexcept {
  Guard(*reports_, "ITensor::setDimensionName", 0, [&] {
    if (new_name == nullptr) {
      dimension_names.erase(index);
    } else {
      dimension_names[index] = new_name;
    }
    return 0;
  });
}

char const* Tensor::getDimensionName(int32_t index) const noexcept {
  const auto found = dimension_names.find(index);
  return found == dimension_names.end() ? nullptr : found->second.c_str();
}

Layer::Layer(std::shared_ptr<Reporter> reporter, const onnx::Node& node,
             std::vector<ITensor*> inputs, std::vector<ITensor*> outputs)
    : reports_(std::move(reporter)),
      type_(ToLayerType(node.op_type)),
      name_(LayerName(node)),
      metadata_("[ONNX Layer: " + name_ + "]"),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)) {
  reporter_ = reports_.get();
}

void Layer::setPrecision(DataType type) noexcept {
  precision_ = type;
  has_precision_ = true;
}

void Layer::setOutputType(int32_t index, DataType type) noexcept {
  Guard(*reports_, "ILayer::setOutputType", 0, [&] {
    output_types_[index] = type;
    return 0;
  });
}

DataType Layer::getOutputType(int32_t index) const noexcept {
  const auto set = output_types_.find(index);
  if (set != output_types_.end()) return set->second;
  const ITensor* tensor = At(outputs_, index);
  return tensor == nullptr ? DataType::kFLOAT : tensor->impl()->getType();
}

}  // namespace trtnode::reference
