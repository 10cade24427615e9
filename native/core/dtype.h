// DataType: TensorRT's element types by their own numbers (DataType never changes a value between majors), with sizes and names.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace trtnode {

enum class DataType : std::int32_t {
  kFloat = 0,
  kHalf = 1,
  kInt8 = 2,
  kInt32 = 3,
  kBool = 4,
  kUint8 = 5,
  kFp8 = 6,
  kBf16 = 7,
  kInt64 = 8,
  kInt4 = 9,
  kFp4 = 10,
  kE8m0 = 11,
};

// Bits of an element: 4 for int4 and fp4 (two share a byte), else a multiple of 8. 0 for a value this enum has not.
int BitsPerElement(DataType type) noexcept;

// The name used in JavaScript: "float32", "float16", "int8", "int32", "bool", "uint8", "fp8", "bfloat16", "int64", "int4", "fp4", "e8m0".
std::string_view DataTypeName(DataType type) noexcept;
std::optional<DataType> DataTypeFromName(std::string_view name) noexcept;

// Bytes of `elements` elements, rounded up to whole bytes; null on overflow or a negative count.
std::optional<std::uint64_t> ByteSize(DataType type, std::int64_t elements) noexcept;

}  // namespace trtnode
