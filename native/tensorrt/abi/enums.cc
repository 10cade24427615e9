// The enumerators as data.
#include "tensorrt/abi/enums.h"

namespace trtnode::tensorrt::abi {
namespace {

constexpr EnumInfo kEnums[] = {
#define TRT_ENUM(enumeration, name, v8, v10, v11) enums::enumeration##_##name,
#include "tensorrt/abi/enums.def"
#undef TRT_ENUM
};

}  // namespace

std::span<const EnumInfo> AllEnums() { return kEnums; }

std::string_view EnumName(std::string_view enumeration, int major, i32 value) {
  for (const EnumInfo& entry : kEnums) {
    if (entry.enumeration == enumeration && entry.At(major) == value) return entry.name;
  }
  return {};
}

}  // namespace trtnode::tensorrt::abi
