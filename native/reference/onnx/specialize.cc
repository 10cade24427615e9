// Rewrites ModelProto bytes field by field, copying everything that does not change.
#include "reference/onnx/specialize.h"

#include <charconv>
#include <cstring>
#include <functional>
#include <set>

#include "reference/onnx/model.h"
#include "reference/onnx/wire.h"

namespace trtnode::reference::onnx {
namespace {

constexpr uint32_t kModelGraph = 7;
constexpr uint32_t kGraphInitializer = 5;
constexpr uint32_t kGraphInput = 11;
constexpr uint32_t kGraphOutput = 12;
constexpr uint32_t kGraphValueInfo = 13;
constexpr int64_t kHeavyElements = 1024;

std::string FindName(std::string_view message, uint32_t number) {
  Reader reader(message);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == number && field.type == WireType::kBytes) return std::string(field.bytes);
  }
  return {};
}

int32_t FindElementType(std::string_view value_info) {
  for (Reader info(value_info);;) {
    Field field;
    if (!info.Next(&field)) return kUndefined;
    if (field.number != 2) continue;
    Reader type(field.bytes);
    Field tensor;
    while (type.Next(&tensor)) {
      if (tensor.number != 1) continue;
      Reader inner(tensor.bytes);
      Field element;
      while (inner.Next(&element)) {
        if (element.number == 1) return static_cast<int32_t>(element.value);
      }
    }
  }
}

// A ValueInfoProto of a tensor; null dimensions leave the shape out.
std::string MakeValueInfo(const std::string& name, int32_t element_type,
                          const std::vector<int64_t>* dimensions) {
  Writer tensor;
  tensor.Varint(1, static_cast<uint64_t>(element_type));
  if (dimensions != nullptr) {
    Writer shape;
    for (const int64_t dimension : *dimensions) {
      Writer one;
      if (dimension >= 0) one.Varint(1, static_cast<uint64_t>(dimension));
      shape.Bytes(1, one.str());
    }
    tensor.Bytes(2, shape.str());
  }
  Writer type;
  type.Bytes(1, tensor.str());
  Writer info;
  info.Bytes(1, name);
  info.Bytes(2, type.str());
  return info.Take();
}

template <typename T>
void AppendRaw(const std::vector<int64_t>& values, std::string* raw) {
  for (const int64_t value : values) {
    const auto narrow = static_cast<T>(value);
    raw->append(reinterpret_cast<const char*>(&narrow), sizeof(narrow));
  }
}

std::string MakeInitializer(const std::string& name, const Constant& constant) {
  Writer tensor;
  for (const int64_t dimension : constant.dimensions)
    tensor.Varint(1, static_cast<uint64_t>(dimension));
  tensor.Varint(2, static_cast<uint64_t>(constant.element_type));
  tensor.Bytes(8, name);
  std::string raw;
  if (constant.element_type == kInt64) {
    AppendRaw<int64_t>(constant.values, &raw);
  } else if (constant.element_type == kInt32) {
    AppendRaw<int32_t>(constant.values, &raw);
  } else {
    AppendRaw<uint8_t>(constant.values, &raw);
  }
  tensor.Bytes(9, raw);
  return tensor.Take();
}

bool IsFloating(int32_t type) {
  return type == kFloat || type == kFloat16 || type == kBfloat16 || type == kDouble;
}

struct Heavy {
  std::string name;
  int32_t element_type = kUndefined;
  std::vector<int64_t> dimensions;
};

bool ReadHeavy(std::string_view initializer, Heavy* heavy) {
  int64_t elements = 1;
  Reader reader(initializer);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == 1 && !AppendVarints(field, &heavy->dimensions)) return false;
    if (field.number == 2) heavy->element_type = static_cast<int32_t>(field.value);
    if (field.number == 8) heavy->name = std::string(field.bytes);
  }
  if (!reader.ok() || !IsFloating(heavy->element_type)) return false;
  for (const int64_t dimension : heavy->dimensions) {
    if (dimension <= 0) return false;
    if (elements > INT64_MAX / dimension) return false;
    elements *= dimension;
  }
  return elements >= kHeavyElements;
}

std::string SpecializeGraph(std::string_view graph, const Specialization& how) {
  Writer out;
  std::set<std::string> declared;
  std::vector<Heavy> heavies;
  Reader reader(graph);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == kGraphInput) {
      const std::string name = FindName(field.bytes, 1);
      declared.insert(name);
      if (how.constants.count(name) != 0) continue;
      const auto shape = how.input_shapes.find(name);
      if (shape == how.input_shapes.end()) {
        out.Raw(field.raw);
      } else {
        out.Bytes(kGraphInput, MakeValueInfo(name, FindElementType(field.bytes), &shape->second));
      }
    } else if (field.number == kGraphInitializer && how.drop_weights) {
      Heavy heavy;
      if (ReadHeavy(field.bytes, &heavy)) {
        heavies.push_back(std::move(heavy));
      } else {
        out.Raw(field.raw);
      }
    } else if (field.number == kGraphOutput && how.forget_shapes) {
      // The rank stays: an unknown rank and a scalar look alike in ONNX Runtime's answer.
      const auto rank = how.output_ranks.find(FindName(field.bytes, 1));
      const std::vector<int64_t> unknown(rank == how.output_ranks.end() ? 0 : rank->second, -1);
      out.Bytes(kGraphOutput, MakeValueInfo(FindName(field.bytes, 1), FindElementType(field.bytes),
                                            rank == how.output_ranks.end() ? nullptr : &unknown));
    } else if (field.number == kGraphValueInfo && how.forget_shapes) {
      continue;
    } else {
      out.Raw(field.raw);
    }
  }
  for (const Heavy& heavy : heavies) {
    if (declared.count(heavy.name) == 0)
      out.Bytes(kGraphInput, MakeValueInfo(heavy.name, heavy.element_type, &heavy.dimensions));
  }
  for (const auto& [name, constant] : how.constants)
    out.Bytes(kGraphInitializer, MakeInitializer(name, constant));
  for (const std::string& name : how.more_outputs) {
    Writer output;  // ONNX Runtime infers the type
    output.Bytes(1, name);
    out.Bytes(kGraphOutput, output.str());
  }
  return out.Take();
}

struct ExternalData {
  std::string location;
  int64_t offset = 0;
  int64_t length = -1;
};

bool ReadExternalEntry(std::string_view entry, ExternalData* data) {
  const std::string key = FindName(entry, 1);
  const std::string value = FindName(entry, 2);
  if (key == "location") {
    data->location = value;
    return true;
  }
  int64_t* number = key == "offset" ? &data->offset : key == "length" ? &data->length : nullptr;
  if (number == nullptr) return true;
  const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), *number);
  return error == std::errc() && rest == value.data() + value.size() && *number >= 0;
}

}  // namespace

std::string RewriteField(std::string_view message, uint32_t number,
                         const std::function<std::string(std::string_view)>& rewrite) {
  Writer out;
  Reader reader(message);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == number && field.type == WireType::kBytes) {
      out.Bytes(number, rewrite(field.bytes));
    } else {
      out.Raw(field.raw);
    }
  }
  return out.Take();
}

std::string Specialize(std::string_view model, const Specialization& how) {
  return RewriteField(model, kModelGraph,
                      [&](std::string_view graph) { return SpecializeGraph(graph, how); });
}

bool EmbedExternalData(std::string_view model, ReadExternal read, void* context, std::string* out,
                       std::string* error) {
  bool good = true;
  const auto embed = [&](std::string_view initializer) -> std::string {
    ExternalData data;
    bool external = false;
    Writer tensor;
    Reader reader(initializer);
    Field field;
    while (reader.Next(&field)) {
      if (field.number == 13) {
        good = ReadExternalEntry(field.bytes, &data) && good;
      } else if (field.number == 14) {
        external = field.value == 1;
      } else {
        tensor.Raw(field.raw);
      }
    }
    if (!external) return std::string(initializer);
    std::string bytes;
    if (good && !read(context, data.location, data.offset, data.length, &bytes)) good = false;
    if (!good) *error = data.location;
    tensor.Bytes(9, bytes);
    return tensor.Take();
  };
  *out = RewriteField(model, kModelGraph, [&](std::string_view graph) {
    return RewriteField(graph, kGraphInitializer, embed);
  });
  return good;
}

}  // namespace trtnode::reference::onnx
