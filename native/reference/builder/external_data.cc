// Reads files beside a model.
#include "reference/builder/external_data.h"

#include <filesystem>
#include <fstream>

namespace trtnode::reference {

bool ReadExternalFile(void* context, const std::string& location, int64_t offset, int64_t length,
                      std::string* data) {
  const std::filesystem::path relative(location);
  if (location.empty() || relative.is_absolute()) return false;
  for (const auto& part : relative) {
    if (part == "..") return false;
  }
  const auto* folder = static_cast<const std::filesystem::path*>(context);
  std::ifstream file(*folder / relative, std::ios::binary | std::ios::ate);
  if (!file) return false;
  const auto size = static_cast<int64_t>(file.tellg());
  if (offset > size || (length >= 0 && length > size - offset)) return false;
  data->resize(static_cast<size_t>(length >= 0 ? length : size - offset));
  file.seekg(offset);
  return static_cast<bool>(file.read(data->data(), static_cast<std::streamsize>(data->size())));
}

}  // namespace trtnode::reference
