// The parts of an ONNX model that the reference runtime looks at itself; ONNX Runtime reads the rest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trtnode::reference::onnx {

// TensorProto.DataType; the same numbers as ONNX Runtime's element types.
enum ElementType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kBfloat16 = 16,
};

// "FLOAT", "DOUBLE", …
const char* ElementTypeName(int32_t type);

struct Dimension {
  int64_t value = -1;     // -1: not fixed
  std::string parameter;  // its symbol, if it has one
};

struct ValueInfo {
  std::string name;
  int32_t element_type = kUndefined;
  bool is_tensor = false;
  bool has_shape = false;
  std::vector<Dimension> dimensions;
};

struct Attribute {
  int64_t integer = 0;
  std::string text;
  std::vector<int64_t> integers;
  bool has_graph = false;
  bool has_tensor = false;
};

struct Node {
  std::string name;
  std::string op_type;
  std::string domain;
  std::vector<std::string> inputs;  // an omitted optional input is ""
  std::vector<std::string> outputs;
  std::map<std::string, Attribute> attributes;

  bool HasSubgraph() const;
};

struct Initializer {
  std::string name;
  int32_t element_type = kUndefined;
  std::vector<int64_t> dimensions;
  bool external = false;  // its data lies in another file
  size_t encoded_size = 0;

  int64_t Elements() const;  // -1 if the dimensions make no sense
};

struct Model {
  int64_t ir_version = 0;
  int64_t opset = 0;  // of the default domain
  std::string producer;
  std::string graph_name;
  std::vector<ValueInfo> inputs;  // those that are no initializers
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> values;  // what the model says of inner values
  std::vector<Node> nodes;
  std::vector<Initializer> initializers;

  const ValueInfo* FindInput(std::string_view name) const;
  const ValueInfo* FindOutput(std::string_view name) const;
  bool HasExternalData() const;
};

// Reads a ModelProto. On failure the reason is in `error`.
std::optional<Model> ParseModel(std::string_view bytes, std::string* error);

}  // namespace trtnode::reference::onnx
