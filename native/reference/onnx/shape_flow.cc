// Follows shape operands backwards to inputs, and data-dependent sizes forwards to outputs.
#include "reference/onnx/shape_flow.h"

#include <map>
#include <string_view>
#include <vector>

namespace trtnode::reference::onnx {
namespace {

// The operands of an operator that decide the shape of its result.
const std::vector<size_t>& ShapeOperands(const Node& node) {
  static const std::map<std::string_view, std::vector<size_t>> kOperands = {
      {"Reshape", {1}},        {"Expand", {1}},          {"Tile", {1}},
      {"Slice", {1, 2, 3, 4}}, {"ConstantOfShape", {0}}, {"Range", {0, 1, 2}},
      {"Pad", {1, 3}},         {"Resize", {2, 3}},       {"TopK", {1}},
      {"OneHot", {1}},         {"Unsqueeze", {1}},       {"Squeeze", {1}},
      {"Split", {1}},          {"Upsample", {1}},        {"MaxUnpool", {2}},
      {"CenterCropPad", {1}},  {"ReduceSum", {1}},       {"ReduceMean", {1}},
      {"ReduceMax", {1}},      {"ReduceMin", {1}},       {"ReduceProd", {1}},
      {"ReduceL2", {1}},
  };
  static const std::vector<size_t> kNone;
  if (!node.domain.empty() && node.domain != "ai.onnx") return kNone;
  const auto found = kOperands.find(node.op_type);
  return found == kOperands.end() ? kNone : found->second;
}

// Operators through which a shape is computed: their result is a shape if their operands are.
bool CarriesShape(const Node& node) {
  static const std::set<std::string_view> kCarriers = {
      "Abs",       "Add",        "Cast",      "Ceil",
      "Concat",    "Div",        "Equal",     "Flatten",
      "Floor",     "Gather",     "Greater",   "Identity",
      "Less",      "Max",        "Min",       "Mod",
      "Mul",       "Neg",        "Not",       "ReduceMax",
      "ReduceMin", "ReduceProd", "ReduceSum", "Reshape",
      "Slice",     "Split",      "Squeeze",   "Sub",
      "Unsqueeze", "Where",      "Expand",    "ConstantOfShape",
      "Range",
  };
  return kCarriers.count(node.op_type) != 0;
}

bool HasDataDependentSize(const Node& node) {
  static const std::set<std::string_view> kOperators = {"NonZero", "NonMaxSuppression", "Unique",
                                                        "Compress"};
  return kOperators.count(node.op_type) != 0 || node.HasSubgraph();
}

bool CanBeShapeTensor(const ValueInfo& input) {
  return (input.element_type == kInt32 || input.element_type == kInt64) && input.has_shape &&
         input.dimensions.size() <= 1;
}

std::set<std::string> FindShapeInputs(const Model& model) {
  std::map<std::string_view, const Node*> producers;
  for (const Node& node : model.nodes) {
    for (const std::string& output : node.outputs) producers[output] = &node;
  }
  std::vector<std::string_view> open;
  for (const Node& node : model.nodes) {
    for (const size_t operand : ShapeOperands(node)) {
      if (operand < node.inputs.size()) open.push_back(node.inputs[operand]);
    }
  }
  std::set<std::string_view> seen;
  std::set<std::string> inputs;
  while (!open.empty()) {
    const std::string_view value = open.back();
    open.pop_back();
    if (value.empty() || !seen.insert(value).second) continue;
    const auto producer = producers.find(value);
    if (producer == producers.end()) {
      const ValueInfo* input = model.FindInput(value);
      if (input != nullptr && CanBeShapeTensor(*input)) inputs.insert(std::string(value));
    } else if (CarriesShape(*producer->second)) {
      // Behind Shape and Size lies data whose values do not matter.
      for (const std::string& operand : producer->second->inputs) open.push_back(operand);
    }
  }
  return inputs;
}

}  // namespace

ShapeFlow AnalyzeShapes(const Model& model) {
  ShapeFlow flow;
  flow.shape_inputs = FindShapeInputs(model);
  // Values known before the run: constants, shapes, and what is computed from nothing else.
  std::set<std::string_view> known;
  std::set<std::string_view> dependent;
  known.insert("");  // an omitted optional operand
  for (const std::string& name : flow.shape_inputs) known.insert(name);
  for (const Initializer& initializer : model.initializers) known.insert(initializer.name);
  for (const Node& node : model.nodes) {  // ONNX orders nodes topologically
    bool all_known = true;
    bool depends = HasDataDependentSize(node);
    for (const std::string& operand : node.inputs) {
      all_known = all_known && known.count(operand) != 0;
      depends = depends || dependent.count(operand) != 0;
    }
    for (const size_t operand : ShapeOperands(node)) {
      depends = depends || (operand < node.inputs.size() && known.count(node.inputs[operand]) == 0);
    }
    const bool is_shape =
        node.op_type == "Shape" || node.op_type == "Size" || node.op_type == "Constant";
    for (const std::string& output : node.outputs) {
      if (is_shape || (all_known && !depends)) known.insert(output);
      if (depends) dependent.insert(output);
    }
  }
  for (const ValueInfo& output : model.outputs) {
    if (dependent.count(output.name) != 0) flow.data_dependent_outputs.insert(output.name);
  }
  return flow;
}

}  // namespace trtnode::reference::onnx
