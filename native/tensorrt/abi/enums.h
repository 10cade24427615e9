// TensorRT's enumerators by name, with their value in each major.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "tensorrt/abi/methods.h"

namespace trtnode::tensorrt::abi {

inline constexpr i32 kNoValue = std::numeric_limits<i32>::min();

struct EnumInfo {
  const char* enumeration;  // "BuilderFlag", "nvonnxparser::ErrorCode" with "_" for "::"
  const char* name;         // "kFP16"
  i32 values[kColumns];     // kNoValue: this major has not got it

  constexpr std::optional<i32> At(int major) const {
    const int column = ColumnOf(major);
    if (column < 0 || values[column] == kNoValue) return std::nullopt;
    return values[column];
  }
};

std::span<const EnumInfo> AllEnums();

// The first enumerator with this value ("kFP16"), or an empty text.
std::string_view EnumName(std::string_view enumeration, int major, i32 value);

namespace enums {
#define NA kNoValue
#define TRT_ENUM(enumeration, name, v8, v10, v11) \
  inline constexpr EnumInfo enumeration##_##name = {#enumeration, #name, {v8, v10, v11}};
#include "tensorrt/abi/enums.def"
#undef TRT_ENUM
#undef NA
}  // namespace enums

}  // namespace trtnode::tensorrt::abi
