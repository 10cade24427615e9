// IBuilderConfig: everything that a build can be told. The reference runtime records it all and acts on little of it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/plan/plan.h"
#include "reference/report.h"

namespace trtnode::reference {

class BuilderConfig final : public VBuilderConfig {
 public:
  static IBuilderConfig* Make(std::shared_ptr<Reporter> reporter);
  explicit BuilderConfig(std::shared_ptr<Reporter> reporter);

  void setAvgTimingIterations(int32_t count) noexcept override;
  int32_t getAvgTimingIterations() const noexcept override { return avg_timing_; }
  void setEngineCapability(EngineCapability capability) noexcept override {
    capability_ = capability;
  }
  EngineCapability getEngineCapability() const noexcept override { return capability_; }
  void setInt8Calibrator(IInt8Calibrator* calibrator) noexcept override {
    calibrator_ = calibrator;
  }
  IInt8Calibrator* getInt8Calibrator() const noexcept override { return calibrator_; }
  void setFlags(BuilderFlags flags) noexcept override { flags_ = flags; }
  BuilderFlags getFlags() const noexcept override { return flags_; }
  void clearFlag(BuilderFlag flag) noexcept override { flags_ &= ~Bit(flag); }
  void setFlag(BuilderFlag flag) noexcept override;
  bool getFlag(BuilderFlag flag) const noexcept override { return (flags_ & Bit(flag)) != 0; }
  void setDeviceType(ILayer const*, DeviceType) noexcept override {}
  DeviceType getDeviceType(ILayer const*) const noexcept override { return DeviceType::kGPU; }
  bool isDeviceTypeSet(ILayer const*) const noexcept override { return false; }
  void resetDeviceType(ILayer const*) noexcept override {}
  bool canRunOnDLA(ILayer const*) const noexcept override { return false; }
  void setDLACore(int32_t core) noexcept override { dla_core_ = core; }
  int32_t getDLACore() const noexcept override { return dla_core_; }
  void setDefaultDeviceType(DeviceType type) noexcept override { device_type_ = type; }
  DeviceType getDefaultDeviceType() const noexcept override { return device_type_; }
  void reset() noexcept override;
  void setProfileStream(cudaStream_t stream) noexcept override { profile_stream_ = stream; }
  cudaStream_t getProfileStream() const noexcept override { return profile_stream_; }
  int32_t addOptimizationProfile(IOptimizationProfile const* profile) noexcept override;
  int32_t getNbOptimizationProfiles() const noexcept override {
    return static_cast<int32_t>(profiles_.size());
  }
  void setProfilingVerbosity(ProfilingVerbosity verbosity) noexcept override {
    verbosity_ = verbosity;
  }
  ProfilingVerbosity getProfilingVerbosity() const noexcept override { return verbosity_; }
  void setAlgorithmSelector(IAlgorithmSelector* selector) noexcept override {
    selector_ = selector;
  }
  IAlgorithmSelector* getAlgorithmSelector() const noexcept override { return selector_; }
  bool setCalibrationProfile(IOptimizationProfile const* profile) noexcept override;
  IOptimizationProfile const* getCalibrationProfile() noexcept override {
    return calibration_profile_;
  }
  void setQuantizationFlags(QuantizationFlags flags) noexcept override { quantization_ = flags; }
  QuantizationFlags getQuantizationFlags() const noexcept override { return quantization_; }
  void clearQuantizationFlag(QuantizationFlag flag) noexcept override {
    quantization_ &= ~Bit(flag);
  }
  void setQuantizationFlag(QuantizationFlag flag) noexcept override { quantization_ |= Bit(flag); }
  bool getQuantizationFlag(QuantizationFlag flag) const noexcept override {
    return (quantization_ & Bit(flag)) != 0;
  }
  bool setTacticSources(TacticSources sources) noexcept override;
  TacticSources getTacticSources() const noexcept override { return tactics_; }
  ITimingCache* createTimingCache(void const* blob, size_t size) const noexcept override;
  bool setTimingCache(ITimingCache const& cache, bool ignore_mismatch) noexcept override;
  ITimingCache const* getTimingCache() const noexcept override { return timing_cache_; }
  void setMemoryPoolLimit(MemoryPoolType pool, size_t size) noexcept override;
  size_t getMemoryPoolLimit(MemoryPoolType pool) const noexcept override;
  void setPreviewFeature(PreviewFeature feature, bool enable) noexcept override;
  bool getPreviewFeature(PreviewFeature feature) const noexcept override;
  void setBuilderOptimizationLevel(int32_t level) noexcept override;
  int32_t getBuilderOptimizationLevel() const noexcept override { return optimization_level_; }
  void setHardwareCompatibilityLevel(HardwareCompatibilityLevel level) noexcept override;
  HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return compatibility_;
  }
  void setPluginsToSerialize(char const* const* paths, int32_t count) noexcept override;
  char const* getPluginToSerialize(int32_t index) const noexcept override;
  int32_t getNbPluginsToSerialize() const noexcept override {
    return static_cast<int32_t>(plugins_.size());
  }
  void setMaxAuxStreams(int32_t count) noexcept override { aux_streams_ = count; }
  int32_t getMaxAuxStreams() const noexcept override { return aux_streams_; }
  void setProgressMonitor(IProgressMonitor* monitor) noexcept override { monitor_ = monitor; }
  IProgressMonitor* getProgressMonitor() const noexcept override { return monitor_; }
  void setRuntimePlatform(RuntimePlatform platform) noexcept override { platform_ = platform; }
  RuntimePlatform getRuntimePlatform() const noexcept override { return platform_; }
  void setMaxNbTactics(int32_t count) noexcept override { max_tactics_ = count; }
  int32_t getMaxNbTactics() const noexcept override { return max_tactics_; }
  bool setTilingOptimizationLevel(TilingOptimizationLevel level) noexcept override;
  TilingOptimizationLevel getTilingOptimizationLevel() const noexcept override { return tiling_; }
  bool setL2LimitForTiling(int64_t size) noexcept override;
  int64_t getL2LimitForTiling() const noexcept override { return l2_limit_; }

  const std::vector<Profile>& profiles() const { return profiles_; }

 private:
  // False, with TensorRT's words in the log, unless `condition` (which `text` says) holds.
  bool Check(bool condition, const char* api, const char* text) const noexcept;

  template <typename Flag>
  static uint32_t Bit(Flag flag) {
    return static_cast<uint32_t>(flag) < 32 ? 1U << static_cast<uint32_t>(flag) : 0;
  }

  static constexpr BuilderFlags kDefaultFlags = 1U << static_cast<unsigned>(BuilderFlag::kTF32);

  std::shared_ptr<Reporter> reports_;
  int32_t avg_timing_ = 1;
  EngineCapability capability_ = EngineCapability::kSTANDARD;
  IInt8Calibrator* calibrator_ = nullptr;
  BuilderFlags flags_ = kDefaultFlags;
  int32_t dla_core_ = 0;
  DeviceType device_type_ = DeviceType::kGPU;
  cudaStream_t profile_stream_ = nullptr;
  std::vector<Profile> profiles_;  // copies: the profile may change or go afterwards
  ProfilingVerbosity verbosity_ = ProfilingVerbosity::kLAYER_NAMES_ONLY;
  IAlgorithmSelector* selector_ = nullptr;
  IOptimizationProfile const* calibration_profile_ = nullptr;
  QuantizationFlags quantization_ = 0;
  TacticSources tactics_ = 0x18;  // edge mask and JIT convolutions, TensorRT 10's default
  ITimingCache const* timing_cache_ = nullptr;
  std::map<MemoryPoolType, size_t> pools_;
  std::map<PreviewFeature, bool> features_{{PreviewFeature::kPROFILE_SHARING_0806, true}};
  int32_t optimization_level_ = 3;
  HardwareCompatibilityLevel compatibility_ = HardwareCompatibilityLevel::kNONE;
  std::vector<std::string> plugins_;
  int32_t aux_streams_ = -1;
  IProgressMonitor* monitor_ = nullptr;
  RuntimePlatform platform_ = RuntimePlatform::kSAME_AS_BUILD;
  int32_t max_tactics_ = -1;
  TilingOptimizationLevel tiling_ = TilingOptimizationLevel::kNONE;
  int64_t l2_limit_ = -1;
};

}  // namespace trtnode::reference
