// Asking the parser for subgraphs.
#include "tensorrt/model_capability.h"

#include <algorithm>
#include <utility>

#include "tensorrt/onnx_parse.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;

// From 10.1 on.
Result<bool> AskV2(BuildObjects& objects, abi::nvonnxparser::IParser* parser,
                   std::span<const std::byte> model, const char* path,
                   std::vector<ModelSubgraph>& subgraphs) {
  const Version& version = objects.version;
  ASSIGN_OR_RETURN(
      const bool supported,
      abi::Call<m::IParser_supportsModelV2>(version, parser, static_cast<void const*>(model.data()),
                                            model.size(), path));
  ASSIGN_OR_RETURN(const abi::i64 count, abi::Call<m::IParser_getNbSubgraphs>(version, parser));
  for (abi::i64 i = 0; i < count; ++i) {
    ModelSubgraph subgraph;
    ASSIGN_OR_RETURN(subgraph.supported,
                     abi::Call<m::IParser_isSubgraphSupported>(version, parser, i));
    abi::i64 length = 0;
    ASSIGN_OR_RETURN(const abi::i64* const nodes,
                     abi::Call<m::IParser_getSubgraphNodes>(version, parser, i, length));
    if (nodes != nullptr && length > 0) subgraph.nodes.assign(nodes, nodes + length);
    subgraphs.push_back(std::move(subgraph));
  }
  return supported;
}

// TensorRT 8 and 10.0.
Result<bool> AskV1(BuildObjects& objects, abi::nvonnxparser::IParser* parser,
                   std::span<const std::byte> model, const char* path,
                   std::vector<ModelSubgraph>& subgraphs) {
  abi::SubGraphCollection_t collection;
  ASSIGN_OR_RETURN(const bool supported,
                   abi::Call<m::IParser_supportsModel>(objects.version, parser,
                                                       static_cast<void const*>(model.data()),
                                                       model.size(), collection, path));
  for (const auto& [nodes, taken] : collection) {
    subgraphs.push_back({taken, {nodes.begin(), nodes.end()}});
  }
  return supported;
}

}  // namespace

bool IsAboutNodes(const std::vector<ModelError>& errors) {
  return std::any_of(errors.begin(), errors.end(), [](const ModelError& error) {
    return error.node >= 0 || error.code.starts_with("kUNSUPPORTED");
  });
}

Result<ModelCapability> AskCapability(BuildObjects& objects, const ParserEntryPoints& entry,
                                      std::span<const std::byte> model,
                                      const std::string& model_path) {
  ASSIGN_OR_RETURN(const OnnxParser parser, CreateParser(objects, entry));
  Logger::Scope scope(objects.logger);
  const char* path = model_path.empty() ? nullptr : model_path.c_str();
  ModelCapability capability;
  const bool has_v2 = abi::Supports<m::IParser_supportsModelV2>(objects.version);
  ASSIGN_OR_RETURN(capability.supported, (has_v2 ? AskV2 : AskV1)(objects, parser.get(), model,
                                                                  path, capability.subgraphs));
  capability.errors = ParserErrors(objects.version, parser.get());
  objects.recorder.clear();
  if (!capability.supported && capability.subgraphs.empty() && !IsAboutNodes(capability.errors)) {
    return ParseFailed(objects, parser.get(), scope);
  }
  return capability;
}

}  // namespace trtnode::tensorrt
