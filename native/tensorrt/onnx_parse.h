// Parses an ONNX model into a network, and collects what the parser says against it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/entry_points.h"

namespace trtnode::tensorrt {

// Creates a parser for the objects' network.
Result<abi::Owned<abi::IParser>> CreateParser(BuildObjects& objects,
                                              const ParserEntryPoints& entry);

// All that the parser has said since its last call, in its order.
std::vector<ModelError> ParserErrors(const Version& version,
                                     const abi::nvonnxparser::IParser* parser);

// "Node 12 'conv_3' (Conv): … (kUNSUPPORTED_NODE)"
std::string Describe(const ModelError& error);

// kParse, with everything that the parser said.
Status ParseFailed(BuildObjects& objects, const abi::nvonnxparser::IParser* parser,
                   Logger::Scope& scope);

// Owns the IParser: the network uses its memory, so it must live until the plan is built.
using OnnxParser = abi::Owned<abi::IParser>;

// "Node 12 'conv_3' (Conv): … (kUNSUPPORTED_NODE)"
std::string DescribeParserError(const Version& version,
                                const abi::nvonnxparser::IParserError* error);

Result<OnnxParser> ParseOnnx(BuildObjects& objects, const ParserEntryPoints& entry,
                             std::span<const std::byte> model, const std::string& model_path);

}  // namespace trtnode::tensorrt
