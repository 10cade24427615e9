// Graph analysis: which inputs are shape tensors, and which outputs have a size that depends on data.
#pragma once

#include <set>
#include <string>

#include "reference/onnx/model.h"

namespace trtnode::reference::onnx {

struct ShapeFlow {
  // int32 and int64 inputs of rank 0 or 1 whose values are used as shapes: TensorRT wants those in host memory.
  std::set<std::string> shape_inputs;
  // Outputs downstream of an operator such as NonZero, or of a shape that was computed from data.
  std::set<std::string> data_dependent_outputs;
};

ShapeFlow AnalyzeShapes(const Model& model);

}  // namespace trtnode::reference::onnx
