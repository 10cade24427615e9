// Small ONNX models made in code, for cases that have no fixture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reference/onnx/model.h"
#include "reference/onnx/wire.h"

namespace trtnode::reference::test {

class ModelMaker {
 public:
  // A dimension of -1 is dynamic, with a symbol of its own.
  ModelMaker& Input(const std::string& name, int32_t type, const std::vector<int64_t>& dimensions);
  ModelMaker& Output(const std::string& name, int32_t type, const std::vector<int64_t>& dimensions);
  ModelMaker& OutputWithoutShape(const std::string& name, int32_t type);
  ModelMaker& Integers(const std::string& name,
                       const std::vector<int64_t>& values);  // an int64 initializer
  ModelMaker& Floats(const std::string& name, const std::vector<int64_t>& dimensions, float value);
  ModelMaker& External(const std::string& name, const std::vector<int64_t>& dimensions,
                       const std::string& location);
  ModelMaker& Node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs, const std::string& name = "");
  // Adds an integer attribute to the node added last.
  ModelMaker& With(const std::string& attribute, int64_t value);
  std::string Make(int64_t opset = 17) const;

 private:
  std::string ValueInfo(const std::string& name, int32_t type,
                        const std::vector<int64_t>* dimensions);

  std::vector<std::string> nodes_;
  std::vector<std::string> inputs_;
  std::vector<std::string> outputs_;
  std::vector<std::string> initializers_;
  int symbols_ = 0;
};

}  // namespace trtnode::reference::test
