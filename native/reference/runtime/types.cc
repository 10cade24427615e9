// Tables of types.
#include "reference/runtime/types.h"

#include <algorithm>
#include <limits>

#include "reference/onnx/model.h"

namespace trtnode::reference {

std::optional<DataType> ToDataType(int32_t onnx_type) {
  switch (onnx_type) {
    case onnx::kFloat:
      return DataType::kFLOAT;
    case onnx::kFloat16:
      return DataType::kHALF;
    case onnx::kBfloat16:
      return DataType::kBF16;
    case onnx::kInt8:
      return DataType::kINT8;
    case onnx::kUint8:
      return DataType::kUINT8;
    case onnx::kInt32:
      return DataType::kINT32;
    case onnx::kInt64:
      return DataType::kINT64;
    case onnx::kBool:
      return DataType::kBOOL;
    default:
      return std::nullopt;
  }
}

size_t ElementSize(DataType type) {
  switch (type) {
    case DataType::kINT64:
      return 8;
    case DataType::kFLOAT:
    case DataType::kINT32:
      return 4;
    case DataType::kHALF:
    case DataType::kBF16:
      return 2;
    default:
      return 1;
  }
}

const char* FormatName(DataType type) {
  switch (type) {
    case DataType::kFLOAT:
      return "FP32";
    case DataType::kHALF:
      return "FP16";
    case DataType::kBF16:
      return "BF16";
    case DataType::kINT8:
      return "INT8";
    case DataType::kUINT8:
      return "UINT8";
    case DataType::kINT32:
      return "INT32";
    case DataType::kINT64:
      return "INT64";
    case DataType::kBOOL:
      return "BOOL";
    default:
      return "UNKNOWN";
  }
}

const char* LayerTypeName(DataType type) {
  switch (type) {
    case DataType::kFLOAT:
      return "Float";
    case DataType::kHALF:
      return "Half";
    case DataType::kBF16:
      return "BFloat16";
    case DataType::kINT8:
      return "Int8";
    case DataType::kUINT8:
      return "UInt8";
    case DataType::kINT32:
      return "Int32";
    case DataType::kINT64:
      return "Int64";
    case DataType::kBOOL:
      return "Bool";
    default:
      return "Unknown";
  }
}

Dims64 ToDims(const std::vector<int64_t>& dimensions) {
  Dims64 dims{static_cast<int32_t>(std::min<size_t>(dimensions.size(), kMaxDims)), {}};
  std::copy_n(dimensions.begin(), dims.nbDims, dims.d);
  return dims;
}

std::vector<int64_t> ToVector(const Dims64& dims) {
  const int32_t rank = std::clamp(dims.nbDims, 0, kMaxDims);
  return {dims.d, dims.d + rank};
}

int64_t Volume(const std::vector<int64_t>& dimensions) {
  int64_t volume = 1;
  for (const int64_t dimension : dimensions) {
    if (dimension < 0) return -1;
    if (dimension != 0 && volume > std::numeric_limits<int64_t>::max() / dimension) return -1;
    volume *= dimension;
  }
  return volume;
}

}  // namespace trtnode::reference
