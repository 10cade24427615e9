// nvonnxparser::IParser: reads an ONNX model into a network, with ONNX Runtime as the judge of what can run.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/abi/parser.h"
#include "reference/builder/network.h"

namespace trtnode::reference {

class ParserError final : public IParserError {
 public:
  ParserErrorCode error_code = ParserErrorCode::kINTERNAL_ERROR;
  std::string description;
  std::string function;
  int node_index = -1;
  std::string node_name;
  std::string node_operator;

  ParserErrorCode code() const noexcept override { return error_code; }
  char const* desc() const noexcept override { return description.c_str(); }
  char const* file() const noexcept override { return "reference"; }
  int line() const noexcept override { return 0; }
  char const* func() const noexcept override { return function.c_str(); }
  int node() const noexcept override { return node_index; }
  char const* nodeName() const noexcept override { return node_name.c_str(); }
  char const* nodeOperator() const noexcept override { return node_operator.c_str(); }
  char const* const* localFunctionStack() const noexcept override { return nullptr; }
  int32_t localFunctionStackSize() const noexcept override { return 0; }
};

class Parser final : public IParser {
 public:
  Parser(INetworkDefinition& network, ILogger* logger);

  bool parse(void const* model, size_t size, char const* path) noexcept override;
  bool parseFromFile(char const* path, int verbosity) noexcept override;
  bool supportsModel(void const* model, size_t size, SubGraphCollection_t& subgraphs,
                     char const* path) noexcept override;
  bool parseWithWeightDescriptors(void const* model, size_t size) noexcept override {
    return parse(model, size, nullptr);
  }
  bool supportsOperator(char const* name) const noexcept override;
  int getNbErrors() const noexcept override { return static_cast<int>(errors_.size()); }
  IParserError const* getError(int index) const noexcept override;
  void clearErrors() noexcept override { errors_.clear(); }
  char const* const* getUsedVCPluginLibraries(int64_t& count) const noexcept override;
  void setFlags(OnnxParserFlags flags) noexcept override { flags_ = flags; }
  OnnxParserFlags getFlags() const noexcept override { return flags_; }
  void clearFlag(OnnxParserFlag flag) noexcept override { flags_ &= ~Bit(flag); }
  void setFlag(OnnxParserFlag flag) noexcept override { flags_ |= Bit(flag); }
  bool getFlag(OnnxParserFlag flag) const noexcept override { return (flags_ & Bit(flag)) != 0; }
  ITensor const* getLayerOutputTensor(char const* layer, int64_t output) noexcept override;
  bool supportsModelV2(void const* model, size_t size, char const* path) noexcept override;
  int64_t getNbSubgraphs() noexcept override { return static_cast<int64_t>(subgraphs_.size()); }
  bool isSubgraphSupported(int64_t index) noexcept override {
    return index >= 0 && index < getNbSubgraphs() && subgraphs_[static_cast<size_t>(index)].second;
  }
  int64_t* getSubgraphNodes(int64_t index, int64_t& length) noexcept override;
  bool loadModelProto(void const* model, size_t size, char const* path) noexcept override;
  bool loadInitializer(char const* name, void const* data, size_t size) noexcept override;
  bool parseModelProto() noexcept override;
  bool setBuilderConfig(IBuilderConfig const*) noexcept override { return true; }

 private:
  static OnnxParserFlags Bit(OnnxParserFlag flag) { return 1U << static_cast<unsigned>(flag); }

  // Reads and checks a model; on failure an error was added. `path` is where external data is looked for, may be empty.
  bool Read(std::string_view bytes, const std::string& path, ParsedModel* parsed);
  bool CheckTypes(ParsedModel* parsed);
  bool Add(ParserErrorCode code, const std::string& text, int node = -1,
           const std::string& name = "", const std::string& op = "");
  // Adds an error for every node whose operator ONNX Runtime has not, and parts the nodes into what can be built and what cannot.
  void Split(const onnx::Model& model);
  bool AddForModel(const onnx::Model& model, const std::string& text);

  Network& network_;
  Reporter reports_;
  std::vector<std::unique_ptr<ParserError>> errors_;
  OnnxParserFlags flags_ = 1;  // native instance normalization, TensorRT 10's default
  std::vector<std::pair<std::vector<int64_t>, bool>>
      subgraphs_;  // nodes, and whether they can be built
  std::string loaded_;
  std::string loaded_path_;
};

}  // namespace trtnode::reference
