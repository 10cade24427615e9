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

}  // namespace

std::string DescribeParserError(const Version& version,
                                const abi::nvonnxparser::IParserError* error) {
  std::string text;
  const int major = version.major;
  const int node = abi::Invoke<m::IParserError_node>(major, error);
  // TensorRT 8's parser tells a node by its number alone.
  const std::string name = Text(abi::CallOr<m::IParserError_nodeName>(version, nullptr, error));
  const std::string op = Text(abi::CallOr<m::IParserError_nodeOperator>(version, nullptr, error));
  if (node >= 0) text += "Node " + std::to_string(node);
  if (!name.empty()) text += (text.empty() ? "Node '" : " '") + name + "'";
  if (!op.empty()) text += (text.empty() ? "(" : " (") + op + ")";
  if (!text.empty()) text += ": ";
  text += Text(abi::Invoke<m::IParserError_desc>(major, error));
  const auto code = static_cast<abi::i32>(abi::Invoke<m::IParserError_code>(major, error));
  const std::string_view code_name = abi::EnumName("nvonnxparser_ErrorCode", major, code);
  text += " (" + (code_name.empty() ? std::to_string(code) : std::string(code_name)) + ")";
  return text;
}

namespace {

std::vector<std::string> Errors(const Version& version, const abi::nvonnxparser::IParser* parser) {
  std::vector<std::string> errors;
  const int major = version.major;
  const int count = abi::Invoke<m::IParser_getNbErrors>(major, parser);
  for (int i = 0; i < count; ++i) {
    const auto* error = abi::Invoke<m::IParser_getError>(major, parser, i);
    if (abi::IsObject(error)) errors.push_back(DescribeParserError(version, error));
  }
  return errors;
}

Status ParseFailed(BuildObjects& objects, const abi::nvonnxparser::IParser* parser,
                   Logger::Scope& scope) {
  const std::vector<std::string> errors = Errors(objects.version, parser);
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
  objects.recorder.clear();
  return Status(std::move(error));
}

}  // namespace

Result<OnnxParser> ParseOnnx(BuildObjects& objects, const ParserEntryPoints& entry,
                             std::span<const std::byte> model, const std::string& model_path) {
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
  const bool parsed = abi::Invoke<m::IParser_parse>(
      objects.major(), parser.get(), static_cast<void const*>(model.data()), model.size(),
      model_path.empty() ? nullptr : model_path.c_str());
  if (!parsed) return ParseFailed(objects, parser.get(), scope);
  return parser;
}

}  // namespace trtnode::tensorrt
