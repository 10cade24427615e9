// nvonnxparser::IParser.
#include "tensorrt/onnx_parse.h"

#include <utility>
#include <vector>

#include "tensorrt/abi/enums.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;

constexpr std::size_t kErrorsInMessage = 8;

std::string Text(const char* text) { return text != nullptr ? text : ""; }

ModelError ReadError(const Version& version, const abi::nvonnxparser::IParserError* error) {
  const int major = version.major;
  ModelError read;
  const auto code = static_cast<abi::i32>(abi::Invoke<m::IParserError_code>(major, error));
  const std::string_view code_name = abi::EnumName("nvonnxparser_ErrorCode", major, code);
  read.code = code_name.empty() ? std::to_string(code) : std::string(code_name);
  read.description = Text(abi::Invoke<m::IParserError_desc>(major, error));
  read.node = abi::Invoke<m::IParserError_node>(major, error);
  read.file = Text(abi::Invoke<m::IParserError_file>(major, error));
  read.line = abi::Invoke<m::IParserError_line>(major, error);
  read.function = Text(abi::Invoke<m::IParserError_func>(major, error));
  // TensorRT 8's parser tells a node by its number alone.
  read.node_name = Text(abi::CallOr<m::IParserError_nodeName>(version, nullptr, error));
  read.node_operator = Text(abi::CallOr<m::IParserError_nodeOperator>(version, nullptr, error));
  const abi::i32 depth = abi::CallOr<m::IParserError_localFunctionStackSize>(version, 0, error);
  char const* const* stack =
      abi::CallOr<m::IParserError_localFunctionStack>(version, nullptr, error);
  for (abi::i32 i = 0; stack != nullptr && i < depth; ++i) {
    read.local_functions.push_back(Text(stack[i]));
  }
  return read;
}

}  // namespace

std::vector<ModelError> ParserErrors(const Version& version,
                                     const abi::nvonnxparser::IParser* parser) {
  std::vector<ModelError> errors;
  const int count = abi::Invoke<m::IParser_getNbErrors>(version.major, parser);
  for (int i = 0; i < count; ++i) {
    const auto* error = abi::Invoke<m::IParser_getError>(version.major, parser, i);
    if (abi::IsObject(error)) errors.push_back(ReadError(version, error));
  }
  return errors;
}

std::string Describe(const ModelError& error) {
  std::string text;
  if (error.node >= 0) text += "Node " + std::to_string(error.node);
  if (!error.node_name.empty()) {
    text += (text.empty() ? "Node '" : " '") + error.node_name + "'";
  }
  if (!error.node_operator.empty()) {
    text += (text.empty() ? "(" : " (") + error.node_operator + ")";
  }
  if (!error.local_functions.empty()) {
    text += " in function " + error.local_functions.back();
  }
  if (!text.empty()) text += ": ";
  return text + error.description + " (" + error.code + ")";
}

std::string DescribeParserError(const Version& version,
                                const abi::nvonnxparser::IParserError* error) {
  return Describe(ReadError(version, error));
}

Status ParseFailed(BuildObjects& objects, const abi::nvonnxparser::IParser* parser,
                   Logger::Scope& scope) {
  std::vector<ModelError> said = ParserErrors(objects.version, parser);
  std::vector<std::string> errors;
  for (const ModelError& one : said) errors.push_back(Describe(one));
  // What the parser itself counted says more than the log, so the log's first line is not put behind the message.
  Error error;
  error.code = ErrorCode::kParse;
  error.call = "IParser::parse";
  error.message =
      "The ONNX parser of TensorRT " + objects.version.ToString() + " refused the model";
  if (errors.size() > 1) error.message += " (" + std::to_string(errors.size()) + " errors)";
  error.log = scope.Take();
  if (errors.empty()) {
    const std::string first = FirstError(error.log);
    error.message += first.empty() ? "." : ": " + first;
  } else {
    for (std::size_t i = 0; i < errors.size() && i < kErrorsInMessage; ++i) {
      error.message += (i == 0 ? ": " : "; ") + errors[i];
    }
    if (errors.size() > kErrorsInMessage) {
      error.message += "; and " + std::to_string(errors.size() - kErrorsInMessage) + " more";
    }
    // All of them, for whoever needs the rest.
    for (const std::string& text : errors) error.log.push_back("[E] " + text);
  }
  error.hint =
      "Check the model with onnx.checker; operators that TensorRT lacks need a plugin, or "
      "a model exported otherwise.";
  error.model_errors = std::move(said);
  objects.recorder.clear();
  return Status(std::move(error));
}

Result<OnnxParser> CreateParser(BuildObjects& objects, const ParserEntryPoints& entry) {
  Logger::Scope scope(objects.logger);
  const std::int32_t version =
      entry.getNvOnnxParserVersion != nullptr ? entry.getNvOnnxParserVersion() : 0;
  OnnxParser parser(
      objects.major(),
      entry.createNvOnnxParser(objects.network.get(), objects.logger.abi_object(), version));
  if (!parser) {
    return objects.Failed(ErrorCode::kBuild, "createNvOnnxParser",
                          "TensorRT could not create an ONNX parser.", scope);
  }
  return parser;
}

Result<OnnxParser> ParseOnnx(BuildObjects& objects, const ParserEntryPoints& entry,
                             std::span<const std::byte> model, const std::string& model_path) {
  ASSIGN_OR_RETURN(OnnxParser parser, CreateParser(objects, entry));
  Logger::Scope scope(objects.logger);
  const bool parsed = abi::Invoke<m::IParser_parse>(
      objects.major(), parser.get(), static_cast<void const*>(model.data()), model.size(),
      model_path.empty() ? nullptr : model_path.c_str());
  if (!parsed) return ParseFailed(objects, parser.get(), scope);
  return parser;
}

}  // namespace trtnode::tensorrt
