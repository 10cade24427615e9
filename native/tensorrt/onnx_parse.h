// Parses an ONNX model into a network, and collects what the parser says against it.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/entry_points.h"

namespace trtnode::tensorrt {

// Owns the IParser: the network uses its memory, so it must live until the plan is built.
using OnnxParser = abi::Owned<abi::IParser>;

// "Node 12 'conv_3' (Conv): … (kUNSUPPORTED_NODE)"
std::string DescribeParserError(const Version& version,
                                const abi::nvonnxparser::IParserError* error);

Result<OnnxParser> ParseOnnx(BuildObjects& objects, const ParserEntryPoints& entry,
                             std::span<const std::byte> model, const std::string& model_path);

}  // namespace trtnode::tensorrt
