// Weights that a model keeps in files beside it.
#pragma once

#include <cstdint>
#include <string>

namespace trtnode::reference {

// For onnx::EmbedExternalData. External data lies beside the model; a location that leaves its folder is refused. `context` is the
// std::filesystem::path of that folder.
bool ReadExternalFile(void* context, const std::string& location, int64_t offset, int64_t length,
                      std::string* data);

}  // namespace trtnode::reference
