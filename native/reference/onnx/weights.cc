// Rewrites initializers field by field; numbers are those of onnx.proto's TensorProto.
#include "reference/onnx/weights.h"

#include <algorithm>
#include <functional>
#include <set>

#include "reference/onnx/model.h"
#include "reference/onnx/specialize.h"
#include "reference/onnx/wire.h"

namespace trtnode::reference::onnx {
namespace {

constexpr uint32_t kModelGraph = 7;
constexpr uint32_t kGraphInitializer = 5;
constexpr uint32_t kDims = 1, kDataType = 2, kFloatData = 4, kInt32Data = 5, kName = 8,
                   kRawData = 9, kExternalData = 13, kDataLocation = 14;
constexpr char kStripped[] = "trt-node:stripped";

bool IsData(uint32_t number) {
  return (number >= 4 && number <= 7) || (number >= 9 && number <= 11) || number == kExternalData ||
         number == kDataLocation;
}

struct Initializer {
  Weight weight;
  bool external = false;
  std::string data;
};

bool SaysStripped(std::string_view entry) {
  Reader reader(entry);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == 2 && field.bytes == kStripped) return true;
  }
  return false;
}

// The data too only if asked: it may be large.
std::optional<Initializer> ReadInitializer(std::string_view bytes, bool with_data) {
  Initializer result;
  std::vector<int64_t> dimensions;
  Reader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    if (field.number == kDims && !AppendVarints(field, &dimensions)) return std::nullopt;
    if (field.number == kDataType) result.weight.element_type = static_cast<int32_t>(field.value);
    if (field.number == kName) result.weight.name = std::string(field.bytes);
    if (field.number == kDataLocation) result.external = field.value == 1;
    if (field.number == kExternalData && SaysStripped(field.bytes)) result.weight.stripped = true;
    if (!with_data) continue;
    if (field.number == kRawData) result.data = std::string(field.bytes);
    if (field.number == kFloatData && field.type == WireType::kBytes) result.data += field.bytes;
    if (field.number == kFloatData && field.type == WireType::kFixed32)
      result.data.append(reinterpret_cast<const char*>(&field.value), sizeof(float));
    if (field.number == kInt32Data) {  // the bits of 16-bit floats
      std::vector<int64_t> bits;
      if (!AppendVarints(field, &bits)) return std::nullopt;
      for (const int64_t value : bits) {
        const auto half = static_cast<uint16_t>(value);
        result.data.append(reinterpret_cast<const char*>(&half), sizeof(half));
      }
    }
  }
  if (!reader.ok()) return std::nullopt;
  onnx::Initializer shape;
  shape.dimensions = std::move(dimensions);
  result.weight.elements = shape.Elements();
  return result;
}

void EachInitializer(std::string_view model,
                     const std::function<void(std::string_view bytes)>& visit) {
  Reader outer(model);
  Field graph;
  while (outer.Next(&graph)) {
    if (graph.number != kModelGraph) continue;
    Reader reader(graph.bytes);
    Field field;
    while (reader.Next(&field)) {
      if (field.number == kGraphInitializer) visit(field.bytes);
    }
  }
}

std::string RewriteInitializers(std::string_view model,
                                const std::function<std::string(std::string_view)>& rewrite) {
  return RewriteField(model, kModelGraph, [&](std::string_view graph) {
    return RewriteField(graph, kGraphInitializer, rewrite);
  });
}

// All but the data.
Writer Description(std::string_view initializer) {
  Writer out;
  Reader reader(initializer);
  Field field;
  while (reader.Next(&field)) {
    if (!IsData(field.number)) out.Raw(field.raw);
  }
  return out;
}

}  // namespace

bool IsWeightType(int32_t type) { return type == kFloat || type == kFloat16 || type == kBfloat16; }

size_t WeightElementSize(int32_t type) { return type == kFloat ? 4 : 2; }

std::vector<Weight> ListWeights(std::string_view model) {
  std::vector<Weight> weights;
  EachInitializer(model, [&](std::string_view bytes) {
    auto one = ReadInitializer(bytes, false);
    if (!one || !IsWeightType(one->weight.element_type) || one->weight.elements <= 0) return;
    if (one->external && !one->weight.stripped) return;
    weights.push_back(std::move(one->weight));
  });
  return weights;
}

std::optional<std::string> ReadWeight(std::string_view model, const std::string& name) {
  std::optional<std::string> data;
  EachInitializer(model, [&](std::string_view bytes) {
    const auto described = ReadInitializer(bytes, false);
    if (!described || described->weight.name != name || described->external) return;
    const auto one = ReadInitializer(bytes, true);
    const size_t size = static_cast<size_t>(std::max<int64_t>(0, one->weight.elements)) *
                        WeightElementSize(one->weight.element_type);
    if (one->data.size() == size) data = one->data;
  });
  return data;
}

std::string ReplaceWeights(std::string_view model,
                           const std::map<std::string, std::string>& values) {
  return RewriteInitializers(model, [&](std::string_view bytes) -> std::string {
    const auto one = ReadInitializer(bytes, false);
    const auto value = one ? values.find(one->weight.name) : values.end();
    if (value == values.end()) return std::string(bytes);
    Writer tensor = Description(bytes);
    tensor.Bytes(kRawData, value->second);
    return tensor.Take();
  });
}

std::string StripWeights(std::string_view model, const std::vector<std::string>& names) {
  const std::set<std::string> without(names.begin(), names.end());
  return RewriteInitializers(model, [&](std::string_view bytes) -> std::string {
    const auto one = ReadInitializer(bytes, false);
    if (!one || without.count(one->weight.name) == 0) return std::string(bytes);
    Writer tensor = Description(bytes);
    Writer entry;
    entry.Bytes(1, "location");
    entry.Bytes(2, kStripped);
    tensor.Bytes(kExternalData, entry.str());
    tensor.Varint(kDataLocation, 1);
    return tensor.Take();
  });
}

}  // namespace trtnode::reference::onnx
