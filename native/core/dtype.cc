// DataType: sizes and names.
#include "core/dtype.h"

#include <array>

namespace trtnode {
namespace {

struct Row {
  std::string_view name;
  int bits;
};

// By TensorRT's own number.
constexpr std::array<Row, 12> kTypes = {{
    {"float32", 32},
    {"float16", 16},
    {"int8", 8},
    {"int32", 32},
    {"bool", 8},
    {"uint8", 8},
    {"fp8", 8},
    {"bfloat16", 16},
    {"int64", 64},
    {"int4", 4},
    {"fp4", 4},
    {"e8m0", 8},
}};

const Row* Find(DataType type) noexcept {
  const auto index = static_cast<std::int32_t>(type);
  if (index < 0 || index >= static_cast<std::int32_t>(kTypes.size())) return nullptr;
  return &kTypes[static_cast<std::size_t>(index)];
}

}  // namespace

int BitsPerElement(DataType type) noexcept {
  const Row* row = Find(type);
  return row != nullptr ? row->bits : 0;
}

std::string_view DataTypeName(DataType type) noexcept {
  const Row* row = Find(type);
  return row != nullptr ? row->name : "unknown";
}

std::optional<DataType> DataTypeFromName(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].name == name) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ByteSize(DataType type, std::int64_t elements) noexcept {
  const int bits = BitsPerElement(type);
  if (bits == 0 || elements < 0) return std::nullopt;
  const auto count = static_cast<std::uint64_t>(elements);
  if (bits < 8) return count / 2 + count % 2;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(bits / 8), &bytes)) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace trtnode
