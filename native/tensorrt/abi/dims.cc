// Conversion of Dims.
#include "tensorrt/abi/dims.h"

#include <limits>

namespace trtnode::tensorrt::abi {
namespace {

template <typename T>
std::optional<Dims> Convert(const T& dims) {
  if (dims.nbDims < 0 || dims.nbDims > kMaxDims) return std::nullopt;
  std::int64_t values[kMaxDims];
  for (int i = 0; i < dims.nbDims; ++i) values[i] = dims.d[i];
  return Dims::From({values, static_cast<std::size_t>(dims.nbDims)});
}

}  // namespace

static_assert(Dims::kMaxRank == kMaxDims);

std::optional<Dims> FromAbi(const Dims64& dims) { return Convert(dims); }
std::optional<Dims> FromAbi(const Dims32& dims) { return Convert(dims); }

Dims64 ToDims64(const Dims& dims) {
  Dims64 result{};
  result.nbDims = dims.rank();
  for (int i = 0; i < dims.rank(); ++i) result.d[i] = dims[i];
  return result;
}

std::optional<Dims32> ToDims32(const Dims& dims) {
  Dims32 result{};
  result.nbDims = dims.rank();
  for (int i = 0; i < dims.rank(); ++i) {
    const std::int64_t d = dims[i];
    if (d < std::numeric_limits<i32>::min() || d > std::numeric_limits<i32>::max()) {
      return std::nullopt;
    }
    result.d[i] = static_cast<i32>(d);
  }
  return result;
}

}  // namespace trtnode::tensorrt::abi
