// IRefitter: exchanges the weights of an engine.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/report.h"
#include "reference/runtime/engine_core.h"

namespace trtnode::reference {

class Refitter final : public VRefitter {
 public:
  // Null (and logged) for an engine that is not refittable.
  static IRefitter* Make(std::shared_ptr<EngineCore> core, ILogger* logger);
  Refitter(std::shared_ptr<EngineCore> core, ILogger* logger);

  IRefitter* getPImpl() noexcept override { return handle_; }
  bool refitCudaEngine() noexcept override;
  bool refitCudaEngineAsync(cudaStream_t stream) noexcept override;
  bool setNamedWeights(char const* name, Weights weights) noexcept override;
  bool setNamedWeightsWithLocation(char const* name, Weights weights,
                                   TensorLocation location) noexcept override;
  Weights getNamedWeights(char const* name) const noexcept override;
  TensorLocation getWeightsLocation(char const* name) const noexcept override;
  bool unsetNamedWeights(char const* name) noexcept override;
  Weights getWeightsPrototype(char const* name) const noexcept override;
  int32_t getMissingWeights(int32_t size, char const** names) noexcept override;
  int32_t getAllWeights(int32_t size, char const** names) noexcept override;
  void setWeightsValidation(bool validation) noexcept override { validation_ = validation; }
  bool getWeightsValidation() const noexcept override { return validation_; }
  void setErrorRecorder(IErrorRecorder* recorder) noexcept override {
    reports_->SetRecorder(recorder);
  }
  IErrorRecorder* getErrorRecorder() const noexcept override { return reports_->recorder(); }
  ILogger* getLogger() const noexcept override { return reports_->logger(); }
  bool setMaxThreads(int32_t threads) noexcept override;
  int32_t getMaxThreads() const noexcept override { return max_threads_; }

 private:
  struct Given {
    Weights weights{};
    TensorLocation location = TensorLocation::kHOST;
  };
  struct Source;
  static bool Refit(EngineCore& core, const Reporter& reporter, char const* api,
                    const std::vector<Source>& sources);
  std::vector<Source> Sources() const;
  bool Fail(char const* api, const std::string& text) const;
  const RefittableWeight* Find(char const* api, char const* name) const;
  bool CheckComplete(char const* api);

  std::shared_ptr<EngineCore> core_;
  std::shared_ptr<Reporter> reports_;
  IRefitter* handle_ = nullptr;
  std::map<std::string, Given> given_;
  bool validation_ = true;
  int32_t max_threads_ = 1;
};

}  // namespace trtnode::reference
