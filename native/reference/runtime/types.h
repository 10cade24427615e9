// Conversions between ONNX's element types and TensorRT's data types, and between Dims64 and vectors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reference/abi/types.h"

namespace trtnode::reference {

// Nothing for a type that TensorRT 10 has not, such as DOUBLE.
std::optional<DataType> ToDataType(int32_t onnx_type);

// Bytes of one element; all types that the reference runtime accepts have whole bytes.
size_t ElementSize(DataType type);

// "FP32", as in TensorRT's format descriptions.
const char* FormatName(DataType type);

// "Float", as in TensorRT's layer information.
const char* LayerTypeName(DataType type);

Dims64 ToDims(const std::vector<int64_t>& dimensions);
std::vector<int64_t> ToVector(const Dims64& dims);

// -1 while a dimension is unknown, or if the number cannot be represented.
int64_t Volume(const std::vector<int64_t>& dimensions);

inline Dims64 NoDims() { return Dims64{-1, {}}; }

}  // namespace trtnode::reference
