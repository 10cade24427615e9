// nvonnxparser::IParser.
#include "reference/builder/parser.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <set>

#include "reference/builder/external_data.h"
#include "reference/faults.h"
#include "reference/onnx/shape_flow.h"
#include "reference/onnx/specialize.h"
#include "reference/onnx/wire.h"
#include "reference/ort/session.h"
#include "reference/runtime/engine_core.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

const char* CodeName(ParserErrorCode code) {
  static constexpr const char* kNames[] = {"SUCCESS",
                                           "INTERNAL_ERROR",
                                           "MEM_ALLOC_FAILED",
                                           "MODEL_DESERIALIZE_FAILED",
                                           "INVALID_VALUE",
                                           "INVALID_GRAPH",
                                           "INVALID_NODE",
                                           "UNSUPPORTED_GRAPH",
                                           "UNSUPPORTED_NODE",
                                           "UNSUPPORTED_NODE_ATTR",
                                           "UNSUPPORTED_NODE_INPUT",
                                           "UNSUPPORTED_NODE_DATATYPE",
                                           "UNSUPPORTED_NODE_DYNAMIC",
                                           "UNSUPPORTED_NODE_SHAPE",
                                           "REFIT_FAILED"};
  return kNames[static_cast<size_t>(code)];
}

bool Mentions(const std::string& text, const std::string& before, const std::string& name,
              const std::string& after) {
  return text.find(before + name + after) != std::string::npos;
}

// The node that ONNX Runtime's complaint is about, or -1. Its messages name nodes in several ways.
int FindNode(const onnx::Model& model, const std::string& text) {
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const std::string& name = model.nodes[i].name;
    if (name.empty()) continue;
    if (Mentions(text, "'", name, "'") || Mentions(text, "node name: ", name, ")") ||
        Mentions(text, "Node (", name, ")") || Mentions(text, "Node:", name, " ")) {
      return static_cast<int>(i);
    }
  }
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const std::string& op = model.nodes[i].op_type;
    if (Mentions(text, "registered for ", op, " ") || Mentions(text, "op_type:", op, ",") ||
        Mentions(text, "Op (", op, ")") || Mentions(text, "implementation for ", op, "(") ||
        Mentions(text, "Op with name (", op, ")") || Mentions(text, "type '", op, "'") ||
        Mentions(text, ":", op, "(")) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

bool IsUnknownOperator(const std::string& error) {
  return error.find("No Op registered") != std::string::npos ||
         error.find("not a registered") != std::string::npos ||
         error.find("Could not find an implementation") != std::string::npos;
}

// A model of this one operator: whatever else is wrong with it, an unknown operator is said to be unknown.
bool HasOperator(const std::string& name, const std::string& domain, int64_t opset) {
  onnx::Writer node;
  node.Bytes(2, "out");
  node.Bytes(4, name);
  if (!domain.empty()) node.Bytes(7, domain);
  onnx::Writer graph;
  graph.Bytes(1, node.str());
  graph.Bytes(2, "probe");
  onnx::Writer model;
  model.Varint(1, 8);
  model.Bytes(7, graph.str());
  onnx::Writer onnx_opset;
  onnx_opset.Varint(2, static_cast<uint64_t>(opset > 0 ? opset : 1));
  model.Bytes(8, onnx_opset.str());
  if (!domain.empty()) {
    onnx::Writer own;
    own.Bytes(1, domain);
    own.Varint(2, 1);
    model.Bytes(8, own.str());
  }
  std::string error;
  if (ort::Session::Create(model.str(), ort::Purpose::kInferShapes, &error)) return true;
  return !IsUnknownOperator(error);
}

}  // namespace

Parser::Parser(INetworkDefinition& network, ILogger* logger)
    : network_(static_cast<Network&>(*network.impl())),
      reports_(logger, network.impl()->getErrorRecorder()) {}

bool Parser::Add(ParserErrorCode code, const std::string& text, int node, const std::string& name,
                 const std::string& op) {
  auto error = std::make_unique<ParserError>();
  error->error_code = code;
  error->description = text;
  error->function = "parse";
  error->node_index = node;
  error->node_name = name;
  error->node_operator = op;
  std::string line = "ModelImporter: ";
  if (node >= 0)
    line +=
        "In node " + std::to_string(node) + " with name: " + name + " and operator: " + op + ": ";
  reports_.Error(ErrorCode::kINVALID_ARGUMENT, "IParser::parse", kApiUsage,
                 line + CodeName(code) + ": " + text);
  errors_.push_back(std::move(error));
  return false;
}

bool Parser::AddForModel(const onnx::Model& model, const std::string& text) {
  const int index = FindNode(model, text);
  const bool unknown_operator = IsUnknownOperator(text);
  if (index < 0)
    return Add(
        unknown_operator ? ParserErrorCode::kUNSUPPORTED_GRAPH : ParserErrorCode::kINVALID_GRAPH,
        text);
  const onnx::Node& node = model.nodes[static_cast<size_t>(index)];
  return Add(unknown_operator ? ParserErrorCode::kUNSUPPORTED_NODE : ParserErrorCode::kINVALID_NODE,
             text, index, LayerName(node), node.op_type);
}

bool Parser::Read(std::string_view bytes, const std::string& path, ParsedModel* parsed) {
  std::string error;
  auto model = onnx::ParseModel(bytes, &error);
  if (!model) return Add(ParserErrorCode::kMODEL_DESERIALIZE_FAILED, error);
  parsed->bytes = std::string(bytes);
  if (model->HasExternalData()) {
    std::filesystem::path folder = std::filesystem::path(path).parent_path();
    if (path.empty() ||
        !onnx::EmbedExternalData(bytes, ReadExternalFile, &folder, &parsed->bytes, &error)) {
      return Add(ParserErrorCode::kINVALID_GRAPH,
                 path.empty()
                     ? "the model keeps weights in other files, but its own path is not known"
                     : "the model's external data cannot be read from '" + error + "'");
    }
    model = onnx::ParseModel(parsed->bytes, &error);
    if (!model) return Add(ParserErrorCode::kMODEL_DESERIALIZE_FAILED, error);
  }
  parsed->model = std::move(*model);
  for (const onnx::ValueInfo& input : parsed->model.inputs) {
    if (!input.is_tensor)
      return Add(ParserErrorCode::kUNSUPPORTED_GRAPH, "Input " + input.name + " is no tensor.");
    if (!ToDataType(input.element_type)) {
      return Add(ParserErrorCode::kUNSUPPORTED_GRAPH,
                 "Failed to convert ONNX data type of input " + input.name +
                     ". Unsupported ONNX data type: " + onnx::ElementTypeName(input.element_type) +
                     " (" + std::to_string(input.element_type) + ")");
    }
    if (!input.has_shape)
      return Add(ParserErrorCode::kUNSUPPORTED_GRAPH,
                 "Input " + input.name + " has no shape: TensorRT needs to know its rank.");
    if (input.dimensions.size() > static_cast<size_t>(kMaxDims))
      return Add(ParserErrorCode::kUNSUPPORTED_GRAPH,
                 "Input " + input.name + " has more than 8 dimensions.");
  }
  return CheckTypes(parsed);
}

bool Parser::CheckTypes(ParsedModel* parsed) {
  std::string error;
  if (ort::Library::Get(&error) == nullptr) return Add(ParserErrorCode::kINTERNAL_ERROR, error);
  const auto session = ort::Session::Create(parsed->bytes, ort::Purpose::kInferShapes, &error);
  if (!session) return AddForModel(parsed->model, error);
  parsed->shape_inputs = onnx::AnalyzeShapes(parsed->model).shape_inputs;
  for (const bool input : {true, false}) {
    for (const onnx::ValueInfo& info : input ? parsed->model.inputs : parsed->model.outputs) {
      std::vector<int64_t>& dimensions = parsed->dimensions[info.name];
      for (const onnx::Dimension& dimension : info.dimensions)
        dimensions.push_back(dimension.value);
      int32_t type = info.element_type;
      for (const ort::TensorType& known : input ? session->inputs() : session->outputs()) {
        if (known.name != info.name) continue;
        type = known.element_type;
        if (known.dimensions.size() >= dimensions.size()) dimensions = known.dimensions;
      }
      const auto converted = ToDataType(type);
      if (!converted) {
        return Add(ParserErrorCode::kUNSUPPORTED_GRAPH,
                   "Failed to convert ONNX data type of output " + info.name +
                       ". Unsupported ONNX data type: " + onnx::ElementTypeName(type) + " (" +
                       std::to_string(type) + ")");
      }
      if (dimensions.size() > static_cast<size_t>(kMaxDims))
        return Add(ParserErrorCode::kUNSUPPORTED_GRAPH,
                   "Output " + info.name + " has more than 8 dimensions.");
      parsed->types[info.name] = *converted;
    }
  }
  return true;
}

bool Parser::parse(void const* model, size_t size, char const* path) noexcept {
  return Guard(reports_, "IParser::parse", false, [&] {
    if (Faults::Get().Hit("parse"))
      return Add(ParserErrorCode::kINTERNAL_ERROR, "Injected fault: parse.");
    if (model == nullptr || size == 0)
      return Add(ParserErrorCode::kMODEL_DESERIALIZE_FAILED, "the model is empty");
    if (!network_.empty())
      return Add(ParserErrorCode::kINVALID_GRAPH, "the network has a model already");
    ParsedModel parsed;
    if (!Read({static_cast<const char*>(model), size}, path == nullptr ? "" : path, &parsed))
      return false;
    return network_.Adopt(std::move(parsed));
  });
}

bool Parser::parseFromFile(char const* path, int) noexcept {
  return Guard(reports_, "IParser::parseFromFile", false, [&] {
    std::ifstream file(path == nullptr ? "" : path, std::ios::binary);
    if (!file)
      return Add(ParserErrorCode::kMODEL_DESERIALIZE_FAILED,
                 std::string("Failed to open file: ") + (path == nullptr ? "(null)" : path));
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    return parse(bytes.data(), bytes.size(), path);
  });
}

void Parser::Split(const onnx::Model& model) {
  std::set<size_t> refused;
  for (const auto& error : errors_) {
    if (error->node_index < 0) continue;
    refused.insert(static_cast<size_t>(error->node_index));
  }
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const onnx::Node& node = model.nodes[i];
    if (refused.count(i) != 0 || HasOperator(node.op_type, node.domain, model.opset)) continue;
    refused.insert(i);
    (void)Add(ParserErrorCode::kUNSUPPORTED_NODE,
              "Plugin not found, are the plugin name, version, and namespace correct?",
              static_cast<int>(i), LayerName(node), node.op_type);
  }
  // Without a node to blame nothing of the model can be built.
  const bool all = refused.empty();
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const bool supported = !all && refused.count(i) == 0;
    if (subgraphs_.empty() || subgraphs_.back().second != supported)
      subgraphs_.push_back({{}, supported});
    subgraphs_.back().first.push_back(static_cast<int64_t>(i));
  }
}

bool Parser::supportsModelV2(void const* model, size_t size, char const* path) noexcept {
  return Guard(reports_, "IParser::supportsModelV2", false, [&] {
    subgraphs_.clear();
    if (model == nullptr || size == 0)
      return Add(ParserErrorCode::kMODEL_DESERIALIZE_FAILED, "the model is empty");
    ParsedModel parsed;
    const bool supported =
        Read({static_cast<const char*>(model), size}, path == nullptr ? "" : path, &parsed);
    if (!supported) {
      Split(parsed.model);
    } else if (!parsed.model.nodes.empty()) {
      std::vector<int64_t> nodes(parsed.model.nodes.size());
      std::iota(nodes.begin(), nodes.end(), int64_t{0});
      subgraphs_.emplace_back(std::move(nodes), true);
    }
    return supported;
  });
}

bool Parser::supportsModel(void const* model, size_t size, SubGraphCollection_t& subgraphs,
                           char const* path) noexcept {
  const bool supported = supportsModelV2(model, size, path);
  Guard(reports_, "IParser::supportsModel", 0, [&] {
    subgraphs.clear();
    for (const auto& [nodes, taken] : subgraphs_)
      subgraphs.push_back({{nodes.begin(), nodes.end()}, taken});
    return 0;
  });
  return supported;
}

bool Parser::supportsOperator(char const* name) const noexcept {
  return Guard(reports_, "IParser::supportsOperator", false,
               [&] { return name != nullptr && HasOperator(name, "", 17); });
}

IParserError const* Parser::getError(int index) const noexcept {
  return index >= 0 && index < getNbErrors() ? errors_[static_cast<size_t>(index)].get() : nullptr;
}

char const* const* Parser::getUsedVCPluginLibraries(int64_t& count) const noexcept {
  count = 0;
  return nullptr;
}

ITensor const* Parser::getLayerOutputTensor(char const* layer, int64_t output) noexcept {
  for (int32_t i = 0; layer != nullptr && i < network_.getNbLayers(); ++i) {
    const VLayer& found = *network_.getLayer(i)->impl();
    if (std::string_view(found.getName()) == layer && output >= 0 &&
        output < found.getNbOutputs()) {
      return found.getOutput(static_cast<int32_t>(output));
    }
  }
  return nullptr;
}

int64_t* Parser::getSubgraphNodes(int64_t index, int64_t& length) noexcept {
  length = 0;
  if (index < 0 || index >= getNbSubgraphs()) return nullptr;
  auto& nodes = subgraphs_[static_cast<size_t>(index)].first;
  length = static_cast<int64_t>(nodes.size());
  return nodes.data();
}

bool Parser::loadModelProto(void const* model, size_t size, char const* path) noexcept {
  return Guard(reports_, "IParser::loadModelProto", false, [&] {
    if (model == nullptr || size == 0)
      return Add(ParserErrorCode::kMODEL_DESERIALIZE_FAILED, "the model is empty");
    loaded_.assign(static_cast<const char*>(model), size);
    loaded_path_ = path == nullptr ? "" : path;
    return true;
  });
}

bool Parser::loadInitializer(char const* name, void const*, size_t) noexcept {
  return Guard(reports_, "IParser::loadInitializer", false, [&] {
    return Add(ParserErrorCode::kUNSUPPORTED_GRAPH,
               std::string("the trt-node CPU reference runtime takes no separate initializers: ") +
                   (name == nullptr ? "(null)" : name));
  });
}

bool Parser::parseModelProto() noexcept {
  return parse(loaded_.data(), loaded_.size(),
               loaded_path_.empty() ? nullptr : loaded_path_.c_str());
}

}  // namespace trtnode::reference
