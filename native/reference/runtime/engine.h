// ICudaEngine: what an engine tells about its tensors, profiles and layers, and the objects it makes.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/runtime/engine_core.h"

namespace trtnode::reference {

class Engine final : public VCudaEngine {
 public:
  static ICudaEngine* Make(std::shared_ptr<EngineCore> core, IErrorRecorder* recorder);
  Engine(std::shared_ptr<EngineCore> core, IErrorRecorder* recorder);

  ICudaEngine* getPImpl() noexcept override { return handle_; }
  int32_t getNbLayers() const noexcept override;
  IHostMemory* serialize() const noexcept override;
  ISerializationConfig* createSerializationConfig() noexcept override;
  IHostMemory* serializeWithConfig(ISerializationConfig& config) const noexcept override;
  IExecutionContext* createExecutionContext(
      ExecutionContextAllocationStrategy strategy) noexcept override;
  IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept override;
  IExecutionContext* createExecutionContextWithRuntimeConfig(
      IRuntimeConfig* config) noexcept override;
  IRuntimeConfig* createRuntimeConfig() noexcept override;
  IEngineInspector* createEngineInspector() const noexcept override;
  size_t getDeviceMemorySize() const noexcept override;
  size_t getDeviceMemorySizeForProfile(int32_t profile) const noexcept override;
  int64_t getDeviceMemorySizeV2() const noexcept override;
  int64_t getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept override;
  bool isRefittable() const noexcept override { return core_->refittable(); }
  IRefitter* createRefitter(ILogger& logger) noexcept override;
  char const* getName() const noexcept override { return core_->plan().name.c_str(); }
  int32_t getNbOptimizationProfiles() const noexcept override;
  int32_t const* getProfileTensorValues(char const* name, int32_t profile,
                                        OptProfileSelector select) const noexcept override;
  int64_t const* getProfileTensorValuesV2(char const* name, int32_t profile,
                                          OptProfileSelector select) const noexcept override;
  EngineCapability getEngineCapability() const noexcept override {
    return EngineCapability::kSTANDARD;
  }
  void setErrorRecorder(IErrorRecorder* recorder) noexcept override {
    reports_.SetRecorder(recorder);
  }
  IErrorRecorder* getErrorRecorder() const noexcept override { return reports_.recorder(); }
  bool hasImplicitBatchDimension() const noexcept override { return false; }
  TacticSources getTacticSources() const noexcept override { return 0; }
  ProfilingVerbosity getProfilingVerbosity() const noexcept override;
  HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override;
  int32_t getNbAuxStreams() const noexcept override { return 0; }

  int32_t getNbIOTensors() const noexcept override;
  char const* getIOTensorName(int32_t index) const noexcept override;
  Dims64 getTensorShape(char const* name) const noexcept override;
  DataType getTensorDataType(char const* name) const noexcept override;
  TensorLocation getTensorLocation(char const* name) const noexcept override;
  bool isShapeInferenceIO(char const* name) const noexcept override;
  TensorIOMode getTensorIOMode(char const* name) const noexcept override;
  Dims64 getProfileShape(char const* name, int32_t profile,
                         OptProfileSelector select) const noexcept override;
  char const* getAliasedInputTensor(char const*) const noexcept override { return nullptr; }

  // Nothing here is vectorized: -1, as TensorRT answers then.
  int32_t getTensorBytesPerComponent(char const* name) const noexcept override;
  int32_t getTensorComponentsPerElement(char const* name) const noexcept override;
  int32_t getTensorVectorizedDim(char const* name) const noexcept override;
  TensorFormat getTensorFormat(char const* name) const noexcept override;
  char const* getTensorFormatDesc(char const* name) const noexcept override;
  int32_t getTensorBytesPerComponentV2(char const* name, int32_t profile) const noexcept override;
  int32_t getTensorComponentsPerElementV2(char const* name,
                                          int32_t profile) const noexcept override;
  int32_t getTensorVectorizedDimV2(char const* name, int32_t profile) const noexcept override;
  TensorFormat getTensorFormatV2(char const* name, int32_t profile) const noexcept override;
  char const* getTensorFormatDescV2(char const* name, int32_t profile) const noexcept override;

  bool setWeightStreamingBudget(int64_t budget) noexcept override;
  int64_t getWeightStreamingBudget() const noexcept override { return core_->budget(); }
  int64_t getMinimumWeightStreamingBudget() const noexcept override { return 0; }
  int64_t getStreamableWeightsSize() const noexcept override { return core_->StreamableBytes(); }
  bool setWeightStreamingBudgetV2(int64_t budget) noexcept override;
  int64_t getWeightStreamingBudgetV2() const noexcept override { return core_->budget(); }
  // A figure between the two ends, so that tests can tell it from both.
  int64_t getWeightStreamingAutomaticBudget() const noexcept override {
    return core_->StreamableBytes() / 2;
  }
  int64_t getWeightStreamingScratchMemorySize() const noexcept override {
    return core_->ScratchBytes();
  }
  bool isDebugTensor(char const* name) const noexcept override;
  int64_t getEngineStat(EngineStat stat) const noexcept override;

  const std::shared_ptr<EngineCore>& core() const { return core_; }

 private:
  bool Fail(char const* api, const std::string& text) const;
  const TensorSpec* FindTensor(char const* api, char const* name) const;
  bool CheckProfile(char const* api, int32_t profile) const;
  // The input's index, or -1 with the complaint logged.
  int FindProfileTensor(char const* api, char const* name, int32_t profile) const;

  std::shared_ptr<EngineCore> core_;
  ICudaEngine* handle_ = nullptr;
  Reporter reports_;
  // Profile values as int32, for the call that gives them out so; built once, as pointers into them are given out.
  std::map<const std::vector<int64_t>*, std::vector<int32_t>> narrow_values_;
};

}  // namespace trtnode::reference
