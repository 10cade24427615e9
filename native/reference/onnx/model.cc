// Reads the parts of a ModelProto that we need; field numbers are those of onnx.proto.
#include "reference/onnx/model.h"

#include <algorithm>
#include <limits>
#include <set>

#include "reference/onnx/wire.h"

namespace trtnode::reference::onnx {
namespace {

std::string Text(const Field& field) { return std::string(field.bytes); }

bool ReadDimension(std::string_view bytes, Dimension* dimension) {
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == 1 && field.type == WireType::kVarint) {
      dimension->value = static_cast<int64_t>(field.value);
      // Some exporters write a negative number for "unknown".
      if (dimension->value < 0) dimension->value = -1;
    } else if (field.number == 2) {
      dimension->parameter = Text(field);
    }
  }
  return reader.ok();
}

bool ReadShape(std::string_view bytes, ValueInfo* info) {
  info->has_shape = true;
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == 1 && !ReadDimension(field.bytes, &info->dimensions.emplace_back()))
      return false;
  }
  return reader.ok();
}

bool ReadTensorType(std::string_view bytes, ValueInfo* info) {
  info->is_tensor = true;
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == 1) info->element_type = static_cast<int32_t>(field.value);
    if (field.number == 2 && !ReadShape(field.bytes, info)) return false;
  }
  return reader.ok();
}

bool ReadValueInfo(std::string_view bytes, ValueInfo* info) {
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == 1) info->name = Text(field);
    if (field.number == 2) {
      Reader type(field.bytes);
      Field inner;
      while (type.Next(&inner)) {
        if (inner.number == 1 && !ReadTensorType(inner.bytes, info)) return false;
      }
      if (!type.ok()) return false;
    }
  }
  return reader.ok();
}

bool ReadAttribute(std::string_view bytes, std::string* name, Attribute* attribute) {
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    switch (field.number) {
      case 1:
        *name = Text(field);
        break;
      case 3:
        attribute->integer = static_cast<int64_t>(field.value);
        break;
      case 4:
        attribute->text = Text(field);
        break;
      case 5:
        attribute->has_tensor = true;
        break;
      case 6:
      case 11:
        attribute->has_graph = true;
        break;
      case 8:
        if (!AppendVarints(field, &attribute->integers)) return false;
        break;
      default:
        break;
    }
  }
  return reader.ok();
}

bool ReadNode(std::string_view bytes, Node* node) {
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    switch (field.number) {
      case 1:
        node->inputs.push_back(Text(field));
        break;
      case 2:
        node->outputs.push_back(Text(field));
        break;
      case 3:
        node->name = Text(field);
        break;
      case 4:
        node->op_type = Text(field);
        break;
      case 5: {
        std::string name;
        Attribute attribute;
        if (!ReadAttribute(field.bytes, &name, &attribute)) return false;
        node->attributes[name] = std::move(attribute);
        break;
      }
      case 7:
        node->domain = Text(field);
        break;
      default:
        break;
    }
  }
  return reader.ok();
}

bool ReadInitializer(std::string_view bytes, Initializer* initializer) {
  initializer->encoded_size = bytes.size();
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    switch (field.number) {
      case 1:
        if (!AppendVarints(field, &initializer->dimensions)) return false;
        break;
      case 2:
        initializer->element_type = static_cast<int32_t>(field.value);
        break;
      case 8:
        initializer->name = Text(field);
        break;
      case 14:
        initializer->external = field.value == 1;
        break;
      default:
        break;
    }
  }
  return reader.ok();
}

bool ReadGraph(std::string_view bytes, Model* model) {
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    bool good = true;
    switch (field.number) {
      case 1:
        good = ReadNode(field.bytes, &model->nodes.emplace_back());
        break;
      case 2:
        model->graph_name = Text(field);
        break;
      case 5:
        good = ReadInitializer(field.bytes, &model->initializers.emplace_back());
        break;
      case 11:
        good = ReadValueInfo(field.bytes, &model->inputs.emplace_back());
        break;
      case 12:
        good = ReadValueInfo(field.bytes, &model->outputs.emplace_back());
        break;
      case 13:
        good = ReadValueInfo(field.bytes, &model->values.emplace_back());
        break;
      default:
        break;
    }
    if (!good) return false;
  }
  return reader.ok();
}

bool ReadOpset(std::string_view bytes, Model* model) {
  std::string domain;
  int64_t version = 0;
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == 1) domain = Text(field);
    if (field.number == 2) version = static_cast<int64_t>(field.value);
  }
  if (domain.empty() || domain == "ai.onnx") model->opset = version;
  return reader.ok();
}

const ValueInfo* Find(const std::vector<ValueInfo>& infos, std::string_view name) {
  const auto found = std::find_if(infos.begin(), infos.end(),
                                  [&](const ValueInfo& info) { return info.name == name; });
  return found == infos.end() ? nullptr : &*found;
}

}  // namespace

const char* ElementTypeName(int32_t type) {
  static constexpr const char* kNames[] = {"UNDEFINED",  "FLOAT",   "UINT8",  "INT8",   "UINT16",
                                           "INT16",      "INT32",   "INT64",  "STRING", "BOOL",
                                           "FLOAT16",    "DOUBLE",  "UINT32", "UINT64", "COMPLEX64",
                                           "COMPLEX128", "BFLOAT16"};
  constexpr auto kCount = static_cast<int32_t>(std::size(kNames));
  return type >= 0 && type < kCount ? kNames[type] : "an unknown type";
}

bool Node::HasSubgraph() const {
  return std::any_of(attributes.begin(), attributes.end(),
                     [](const auto& entry) { return entry.second.has_graph; });
}

int64_t Initializer::Elements() const {
  int64_t count = 1;
  for (const int64_t dimension : dimensions) {
    if (dimension < 0) return -1;
    if (dimension != 0 && count > std::numeric_limits<int64_t>::max() / dimension) return -1;
    count *= dimension;
  }
  return count;
}

const ValueInfo* Model::FindInput(std::string_view name) const { return Find(inputs, name); }
const ValueInfo* Model::FindOutput(std::string_view name) const { return Find(outputs, name); }

bool Model::HasExternalData() const {
  return std::any_of(initializers.begin(), initializers.end(),
                     [](const Initializer& tensor) { return tensor.external; });
}

std::optional<Model> ParseModel(std::string_view bytes, std::string* error) {
  Model model;
  Reader reader(bytes);
  Field field;
  bool has_graph = false;
  bool good = true;
  while (good && reader.Next(&field)) {
    switch (field.number) {
      case 1:
        model.ir_version = static_cast<int64_t>(field.value);
        break;
      case 2:
        model.producer = Text(field);
        break;
      case 7:
        has_graph = field.type == WireType::kBytes;
        good = has_graph && ReadGraph(field.bytes, &model);
        break;
      case 8:
        good = ReadOpset(field.bytes, &model);
        break;
      default:
        break;
    }
  }
  if (!good || !reader.ok()) {
    *error = "the file is no ONNX model, or it is damaged: its protocol buffer cannot be read";
    return std::nullopt;
  }
  if (!has_graph) {
    *error = "the file is no ONNX model: it has no graph";
    return std::nullopt;
  }
  // Old exporters list initializers among the inputs as well; nobody feeds those.
  std::set<std::string_view> constants;
  for (const Initializer& initializer : model.initializers) constants.insert(initializer.name);
  std::erase_if(model.inputs,
                [&](const ValueInfo& info) { return constants.count(info.name) != 0; });
  return model;
}

}  // namespace trtnode::reference::onnx
