// What of a model the ONNX parser could build: IParser::supportsModelV2 and its subgraphs; before TensorRT 10.1, supportsModel.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/builder.h"
#include "tensorrt/entry_points.h"

namespace trtnode::tensorrt {

// On the objects' network, which must be empty, and is of no use afterwards. kParse: the bytes are no model.
Result<ModelCapability> AskCapability(BuildObjects& objects, const ParserEntryPoints& entry,
                                      std::span<const std::byte> model,
                                      const std::string& model_path);

// True if nodes are to blame, not the file: only then is there anything to be asked.
bool IsAboutNodes(const std::vector<ModelError>& errors);

}  // namespace trtnode::tensorrt
