// The ABI table as data, and the words for a method that the running version has not got.
#include "tensorrt/abi/methods.h"

#include "tensorrt/abi/call.h"

namespace trtnode::tensorrt::abi {
namespace {

constexpr MethodInfo kMethods[] = {
#define TRT_VARIANT(interface, id, ...) methods::interface##_##id::kInfo,
#define TRT_METHOD(interface, name, ...) methods::interface##_##name::kInfo,
#include "tensorrt/abi/methods.def"
#undef TRT_METHOD
#undef TRT_VARIANT
};

std::string VersionText(int since) {
  std::string text = std::to_string(since / 10000) + "." + std::to_string(since / 100 % 100);
  if (since % 100 != 0) text += "." + std::to_string(since % 100);
  return text;
}

// "VCudaEngine" is TensorRT's private name; its users know ICudaEngine.
std::string PublicName(const MethodInfo& method) {
  std::string name = method.interface;
  if (name.front() == 'V') name.front() = 'I';
  return name + "::" + method.name;
}

}  // namespace

std::span<const MethodInfo> AllMethods() { return kMethods; }

Status Unsupported(const MethodInfo& method, const Version& version) {
  const int column = ColumnOf(version.major);
  std::string message = PublicName(method);
  std::string hint;
  if (internal::IsAmbiguous(method, version)) {
    message += " is not called in TensorRT 10.8, where its place is not certain";
    hint = "Use another TensorRT 10 or 11.";
  } else if (column >= 0 && method.slots[column].slot >= 0) {
    const std::string since = VersionText(method.slots[column].since);
    message += " needs TensorRT " + since + " or newer";
    hint = "Install TensorRT " + since + " or newer.";
  } else {
    message += " does not exist in TensorRT " + std::to_string(version.major);
    std::string others;
    for (int c = 0; c < kColumns; ++c) {
      if (method.slots[c].slot < 0) continue;
      if (!others.empty()) others += " and ";
      others += std::to_string(kColumnMajors[c]);
      // "from" only where it came after the major's first version.
      if (method.slots[c].since % 10000 != 0 && kColumnMajors[c] != 8) {
        others += " (from " + VersionText(method.slots[c].since) + ")";
      }
    }
    hint = "It is in TensorRT " + others + ".";
  }
  return Status(trtnode::ErrorCode::kUnsupported,
                message + "; this is TensorRT " + version.ToString() + ".", std::move(hint));
}

}  // namespace trtnode::tensorrt::abi
