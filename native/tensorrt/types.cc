// Version as text.
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

std::string Version::ToString() const {
  std::string text =
      std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  if (build != 0) text += "." + std::to_string(build);
  return text;
}

}  // namespace trtnode::tensorrt
