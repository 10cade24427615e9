// Writes ModelProto bytes.
#include "reference/tests/model_maker.h"

namespace trtnode::reference::test {

using onnx::Writer;

std::string ModelMaker::ValueInfo(const std::string& name, int32_t type,
                                  const std::vector<int64_t>* dimensions) {
  Writer tensor;
  tensor.Varint(1, static_cast<uint64_t>(type));
  if (dimensions != nullptr) {
    Writer shape;
    for (const int64_t dimension : *dimensions) {
      Writer one;
      if (dimension >= 0) {
        one.Varint(1, static_cast<uint64_t>(dimension));
      } else {
        one.Bytes(2, "s" + std::to_string(symbols_++));
      }
      shape.Bytes(1, one.str());
    }
    tensor.Bytes(2, shape.str());
  }
  Writer outer;
  outer.Bytes(1, tensor.str());
  Writer info;
  info.Bytes(1, name);
  info.Bytes(2, outer.str());
  return info.Take();
}

ModelMaker& ModelMaker::Input(const std::string& name, int32_t type,
                              const std::vector<int64_t>& dimensions) {
  inputs_.push_back(ValueInfo(name, type, &dimensions));
  return *this;
}

ModelMaker& ModelMaker::Output(const std::string& name, int32_t type,
                               const std::vector<int64_t>& dimensions) {
  outputs_.push_back(ValueInfo(name, type, &dimensions));
  return *this;
}

ModelMaker& ModelMaker::OutputWithoutShape(const std::string& name, int32_t type) {
  outputs_.push_back(ValueInfo(name, type, nullptr));
  return *this;
}

ModelMaker& ModelMaker::Integers(const std::string& name, const std::vector<int64_t>& values) {
  Writer tensor;
  tensor.Varint(1, values.size());
  tensor.Varint(2, onnx::kInt64);
  tensor.Bytes(8, name);
  tensor.Bytes(9, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int64_t)});
  initializers_.push_back(tensor.Take());
  return *this;
}

ModelMaker& ModelMaker::Floats(const std::string& name, const std::vector<int64_t>& dimensions,
                               float value) {
  Writer tensor;
  size_t count = 1;
  for (const int64_t dimension : dimensions) {
    tensor.Varint(1, static_cast<uint64_t>(dimension));
    count *= static_cast<size_t>(dimension);
  }
  tensor.Varint(2, onnx::kFloat);
  tensor.Bytes(8, name);
  const std::vector<float> values(count, value);
  tensor.Bytes(9, {reinterpret_cast<const char*>(values.data()), count * sizeof(float)});
  initializers_.push_back(tensor.Take());
  return *this;
}

ModelMaker& ModelMaker::External(const std::string& name, const std::vector<int64_t>& dimensions,
                                 const std::string& location) {
  Writer tensor;
  for (const int64_t dimension : dimensions) tensor.Varint(1, static_cast<uint64_t>(dimension));
  tensor.Varint(2, onnx::kFloat);
  tensor.Bytes(8, name);
  Writer entry;
  entry.Bytes(1, "location");
  entry.Bytes(2, location);
  tensor.Bytes(13, entry.str());
  tensor.Varint(14, 1);
  initializers_.push_back(tensor.Take());
  return *this;
}

ModelMaker& ModelMaker::Node(const std::string& op, const std::vector<std::string>& inputs,
                             const std::vector<std::string>& outputs, const std::string& name) {
  Writer node;
  for (const std::string& input : inputs) node.Bytes(1, input);
  for (const std::string& output : outputs) node.Bytes(2, output);
  if (!name.empty()) node.Bytes(3, name);
  node.Bytes(4, op);
  nodes_.push_back(node.Take());
  return *this;
}

ModelMaker& ModelMaker::With(const std::string& attribute, int64_t value) {
  Writer inner;
  inner.Bytes(1, attribute);
  inner.Varint(3, static_cast<uint64_t>(value));
  inner.Varint(20, 2);
  Writer field;
  field.Bytes(5, inner.str());
  nodes_.back() += field.str();
  return *this;
}

std::string ModelMaker::Make(int64_t opset) const {
  Writer graph;
  for (const auto& node : nodes_) graph.Bytes(1, node);
  graph.Bytes(2, "made");
  for (const auto& initializer : initializers_) graph.Bytes(5, initializer);
  for (const auto& input : inputs_) graph.Bytes(11, input);
  for (const auto& output : outputs_) graph.Bytes(12, output);
  Writer version;
  version.Varint(2, static_cast<uint64_t>(opset));
  Writer model;
  model.Varint(1, 8);
  model.Bytes(7, graph.str());
  model.Bytes(8, version.str());
  return model.Take();
}

}  // namespace trtnode::reference::test
