// INetworkDefinition, filled by the ONNX parser: inputs, outputs, tensors and layers of the model that it holds.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/onnx/model.h"
#include "reference/report.h"

namespace trtnode::reference {

// What the parser hands over: the model's bytes, complete in themselves, and what was learned about it.
struct ParsedModel {
  std::string bytes;
  onnx::Model model;
  std::set<std::string> shape_inputs;
  std::map<std::string, DataType> types;  // of inputs and outputs
  std::map<std::string, std::vector<int64_t>>
      dimensions;  // of inputs and outputs, -1 where unknown
};

class Network final : public VNetworkDefinition {
 public:
  static INetworkDefinition* Make(IBuilder& builder, std::shared_ptr<Reporter> reporter,
                                  NetworkDefinitionCreationFlags flags);
  Network(IBuilder& builder, std::shared_ptr<Reporter> reporter,
          NetworkDefinitionCreationFlags flags);

  // False if the network has a model already.
  bool Adopt(ParsedModel parsed);
  bool empty() const { return parsed_.bytes.empty(); }
  const ParsedModel& parsed() const { return parsed_; }
  // The input's dimensions, as the application may have changed them.
  std::vector<int64_t> InputDimensions(const std::string& name) const;
  bool DimensionsChanged() const;
  size_t layer_count() const { return layers_.size(); }

  int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(layers_.size()); }
  ILayer* getLayer(int32_t index) const noexcept override;
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(inputs_.size()); }
  ITensor* getInput(int32_t index) const noexcept override;
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(outputs_.size()); }
  ITensor* getOutput(int32_t index) const noexcept override;
  void setName(char const* name) noexcept override { name_ = name == nullptr ? "" : name; }
  char const* getName() const noexcept override { return name_.c_str(); }
  bool hasImplicitBatchDimension() const noexcept override { return false; }
  void setErrorRecorder(IErrorRecorder* recorder) noexcept override {
    reports_->SetRecorder(recorder);
  }
  IErrorRecorder* getErrorRecorder() const noexcept override { return reports_->recorder(); }
  IBuilder& getBuilder() const noexcept override { return builder_; }
  NetworkDefinitionCreationFlags getFlags() const noexcept override { return flags_; }
  bool getFlag(NetworkDefinitionCreationFlag flag) const noexcept override;
  bool markDebug(ITensor& tensor) noexcept override;
  bool unmarkDebug(ITensor& tensor) noexcept override;
  bool isDebugTensor(ITensor const& tensor) const noexcept override;
  // Names, in the order in which they were marked.
  const std::vector<std::string>& debug_tensors() const { return debug_tensors_; }
  bool areWeightsMarkedRefittable(char const*) const noexcept override { return false; }

  ITensor* FindTensor(const std::string& name) const;

 private:
  ITensor* AddTensor(const std::string& name);

  IBuilder& builder_;
  std::shared_ptr<Reporter> reports_;
  NetworkDefinitionCreationFlags flags_;
  std::string name_ = "Unnamed Network 0";
  ParsedModel parsed_;
  std::map<std::string, std::unique_ptr<ITensor>> tensors_;
  std::vector<ITensor*> inputs_;
  std::vector<ITensor*> outputs_;
  std::vector<std::unique_ptr<ILayer>> layers_;
  std::vector<std::string> debug_tensors_;
};

}  // namespace trtnode::reference
