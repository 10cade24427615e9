// ITensor and ILayer of a parsed network. They belong to the network; an application never deletes them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/onnx/model.h"
#include "reference/report.h"

namespace trtnode::reference {

class Tensor final : public VTensor {
 public:
  std::string name;
  DataType type = DataType::kFLOAT;
  Dims64 dimensions{-1, {}};
  bool dimensions_changed = false;
  bool input = false;
  bool output = false;
  bool shape = false;
  std::map<int32_t, std::string> dimension_names;

  explicit Tensor(std::shared_ptr<Reporter> reporter) : reports_(std::move(reporter)) {
    reporter_ = reports_.get();
  }

  void setName(char const* new_name) noexcept override;
  char const* getName() const noexcept override { return name.c_str(); }
  void setDimensions(Dims64 const& dims) noexcept override;
  Dims64 getDimensions() const noexcept override { return dimensions; }
  void setType(DataType new_type) noexcept override;
  DataType getType() const noexcept override { return type; }
  bool setDynamicRange(float min, float max) noexcept override;
  bool isNetworkInput() const noexcept override { return input; }
  bool isNetworkOutput() const noexcept override { return output; }
  void setBroadcastAcrossBatch(bool) noexcept override {}
  bool getBroadcastAcrossBatch() const noexcept override { return false; }
  TensorLocation getLocation() const noexcept override { return location_; }
  void setLocation(TensorLocation location) noexcept override { location_ = location; }
  bool dynamicRangeIsSet() const noexcept override { return has_range_; }
  void resetDynamicRange() noexcept override { has_range_ = false; }
  float getDynamicRangeMin() const noexcept override { return min_; }
  float getDynamicRangeMax() const noexcept override { return max_; }
  void setAllowedFormats(TensorFormats formats) noexcept override;
  TensorFormats getAllowedFormats() const noexcept override { return formats_; }
  bool isShapeTensor() const noexcept override { return shape; }
  bool isExecutionTensor() const noexcept override { return !shape; }
  void setDimensionName(int32_t index, char const* new_name) noexcept override;
  char const* getDimensionName(int32_t index) const noexcept override;

 private:
  std::shared_ptr<Reporter> reports_;
  TensorLocation location_ = TensorLocation::kDEVICE;
  TensorFormats formats_ = 1;  // linear
  bool has_range_ = false;
  float min_ = 0;
  float max_ = 0;
};

class Layer final : public VLayer {
 public:
  Layer(std::shared_ptr<Reporter> reporter, const onnx::Node& node, std::vector<ITensor*> inputs,
        std::vector<ITensor*> outputs);

  LayerType getType() const noexcept override { return type_; }
  void setName(char const* name) noexcept override { name_ = name == nullptr ? "" : name; }
  char const* getName() const noexcept override { return name_.c_str(); }
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(inputs_.size()); }
  ITensor* getInput(int32_t index) const noexcept override { return At(inputs_, index); }
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(outputs_.size()); }
  ITensor* getOutput(int32_t index) const noexcept override { return At(outputs_, index); }
  void setPrecision(DataType type) noexcept override;
  DataType getPrecision() const noexcept override { return precision_; }
  bool precisionIsSet() const noexcept override { return has_precision_; }
  void resetPrecision() noexcept override { has_precision_ = false; }
  void setOutputType(int32_t index, DataType type) noexcept override;
  DataType getOutputType(int32_t index) const noexcept override;
  bool outputTypeIsSet(int32_t index) const noexcept override {
    return output_types_.count(index) != 0;
  }
  void resetOutputType(int32_t index) noexcept override { output_types_.erase(index); }
  void setMetadata(char const* metadata) noexcept override {
    metadata_ = metadata == nullptr ? "" : metadata;
  }
  char const* getMetadata() const noexcept override { return metadata_.c_str(); }
  bool setNbRanks(int32_t ranks) noexcept override { return ranks == 1; }
  int32_t getNbRanks() const noexcept override { return 1; }

 private:
  static ITensor* At(const std::vector<ITensor*>& tensors, int32_t index) {
    return index >= 0 && index < static_cast<int32_t>(tensors.size())
               ? tensors[static_cast<size_t>(index)]
               : nullptr;
  }

  std::shared_ptr<Reporter> reports_;
  LayerType type_;
  std::string name_;
  std::string metadata_;
  std::vector<ITensor*> inputs_;  // null for an omitted optional operand
  std::vector<ITensor*> outputs_;
  DataType precision_ = DataType::kFLOAT;
  bool has_precision_ = false;
  std::map<int32_t, DataType> output_types_;
};

}  // namespace trtnode::reference
