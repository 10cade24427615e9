// IBuilder: makes networks, profiles and configurations, and of them a plan.
#pragma once

#include <memory>
#include <string>

#include "reference/abi/handles.h"
#include "reference/builder/profile.h"
#include "reference/plan/plan.h"
#include "reference/report.h"

namespace trtnode::reference {

class BuilderConfig;
class Network;

class Builder final : public VBuilder {
 public:
  static IBuilder* Make(ILogger* logger);
  explicit Builder(ILogger* logger);
  ~Builder() override;

  bool platformHasFastFp16() const noexcept override { return false; }
  bool platformHasFastInt8() const noexcept override { return false; }
  bool platformHasTf32() const noexcept override { return false; }
  int32_t getMaxDLABatchSize() const noexcept override { return 0; }
  int32_t getNbDLACores() const noexcept override { return 0; }
  void setGpuAllocator(IGpuAllocator*) noexcept override {}  // building takes no device memory
  IBuilderConfig* createBuilderConfig() noexcept override;
  INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags flags) noexcept override;
  IOptimizationProfile* createOptimizationProfile() noexcept override;
  void setErrorRecorder(IErrorRecorder* recorder) noexcept override {
    reports_->SetRecorder(recorder);
  }
  IErrorRecorder* getErrorRecorder() const noexcept override { return reports_->recorder(); }
  void reset() noexcept override {}
  IHostMemory* buildSerializedNetwork(INetworkDefinition& network,
                                      IBuilderConfig& config) noexcept override;
  bool isNetworkSupported(INetworkDefinition const& network,
                          IBuilderConfig const& config) const noexcept override;
  ILogger* getLogger() const noexcept override { return reports_->logger(); }
  bool setMaxThreads(int32_t threads) noexcept override;
  int32_t getMaxThreads() const noexcept override { return max_threads_; }
  IPluginRegistry& getPluginRegistry() noexcept override;
  ICudaEngine* buildEngineWithConfig(INetworkDefinition& network,
                                     IBuilderConfig& config) noexcept override;
  bool buildSerializedNetworkToStream(INetworkDefinition& network, IBuilderConfig& config,
                                      IStreamWriter& writer) noexcept override;
  IHostMemory* buildSerializedNetworkWithKernelText(INetworkDefinition& network,
                                                    IBuilderConfig& config,
                                                    IHostMemory*& text) noexcept override;

 private:
  bool Fail(const std::string& text) const;
  bool Check(const Network& network, const BuilderConfig& config) const;
  bool CheckInput(const Network& network, const std::string& name, const Profile& profile,
                  size_t index) const;
  // Enters every layer into the timing cache; false if one was missing and must not be.
  bool UseTimingCache(const Network& network, const BuilderConfig& config) const;
  bool ReportProgress(const Network& network, const BuilderConfig& config) const;
  // Empty if the build failed; the reason was reported.
  std::string Build(INetworkDefinition& network, IBuilderConfig& config);

  IBuilder* handle_ = nullptr;
  std::shared_ptr<Reporter> reports_;
  std::shared_ptr<ProfileOwner> profiles_ = std::make_shared<ProfileOwner>();
  int32_t max_threads_ = 1;
};

}  // namespace trtnode::reference
