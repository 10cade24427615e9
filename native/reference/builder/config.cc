// IBuilderConfig: the settings that need more than an assignment.
#include "reference/builder/config.h"

#include <new>

#include "reference/builder/profile.h"
#include "reference/builder/timing_cache.h"
#include "reference/cuda/machine.h"

namespace trtnode::reference {

IBuilderConfig* BuilderConfig::Make(std::shared_ptr<Reporter> reporter) {
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  return std::make_unique<IBuilderConfig>(std::make_unique<BuilderConfig>(std::move(reporter)))
      .release();
}

BuilderConfig::BuilderConfig(std::shared_ptr<Reporter> reporter) : reports_(std::move(reporter)) {
  reporter_ = reports_.get();
}

void BuilderConfig::reset() noexcept {
  const std::shared_ptr<Reporter> reporter = reports_;
  // Back to a new one, in place: handles and pointers to this object stay good.
  this->~BuilderConfig();
  new (this) BuilderConfig(reporter);  // NOLINT
}

bool BuilderConfig::Check(bool condition, const char* api, const char* text) const noexcept {
  if (condition) return true;
  return Guard(*reports_, api, false, [&] {
    reports_->Error(ErrorCode::kINVALID_ARGUMENT, api, kApiUsage,
                    std::string("Parameter check failed, condition: ") + text + ".");
    return false;
  });
}

// The limits are those of TensorRT 10.6, whatever enumerators came later.
void BuilderConfig::setFlag(BuilderFlag flag) noexcept {
  if (Check(static_cast<int32_t>(flag) >= 0 && flag <= BuilderFlag::kMONITOR_MEMORY,
            "IBuilderConfig::setFlag", "builderFlag is a BuilderFlag")) {
    flags_ |= Bit(flag);
  }
}

void BuilderConfig::setAvgTimingIterations(int32_t count) noexcept {
  if (Check(count >= 1, "IBuilderConfig::setAvgTimingIterations", "avgTiming >= 1"))
    avg_timing_ = count;
}

void BuilderConfig::setBuilderOptimizationLevel(int32_t level) noexcept {
  if (Check(level >= 0 && level <= 5, "IBuilderConfig::setBuilderOptimizationLevel",
            "level >= 0 && level <= 5")) {
    optimization_level_ = level;
  }
}

void BuilderConfig::setHardwareCompatibilityLevel(HardwareCompatibilityLevel level) noexcept {
  if (Check(level == HardwareCompatibilityLevel::kNONE ||
                level == HardwareCompatibilityLevel::kAMPERE_PLUS,
            "IBuilderConfig::setHardwareCompatibilityLevel",
            "hardwareCompatibilityLevel is a HardwareCompatibilityLevel")) {
    compatibility_ = level;
  }
}

int32_t BuilderConfig::addOptimizationProfile(IOptimizationProfile const* profile) noexcept {
  constexpr char kApi[] = "IBuilderConfig::addOptimizationProfile";
  return Guard(*reports_, kApi, int32_t{-1}, [&]() -> int32_t {
    if (profile == nullptr) {
      reports_->Error(ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage,
                      "Parameter check failed, condition: profile != nullptr.");
      return -1;
    }
    const auto& added = static_cast<const OptimizationProfile&>(*profile->impl());
    const std::string problem = added.Problem();
    if (!problem.empty()) {
      reports_->Error(
          ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage,
          "Parameter check failed, condition: profile->isValid(). Invalid optimization profile: " +
              problem + ".");
      return -1;
    }
    profiles_.push_back(added.profile());
    return static_cast<int32_t>(profiles_.size()) - 1;
  });
}

bool BuilderConfig::setCalibrationProfile(IOptimizationProfile const* profile) noexcept {
  calibration_profile_ = profile;
  return true;
}

bool BuilderConfig::setTacticSources(TacticSources sources) noexcept {
  tactics_ = sources;
  return true;
}

ITimingCache* BuilderConfig::createTimingCache(void const* blob, size_t size) const noexcept {
  constexpr char kApi[] = "IBuilderConfig::createTimingCache";
  return Guard(*reports_, kApi, static_cast<ITimingCache*>(nullptr), [&] {
    ITimingCache* cache = TimingCache::Make(blob, size);
    if (cache == nullptr) {
      reports_->Error(ErrorCode::kUNSPECIFIED_ERROR, kApi, kSerialization,
                      "This is no timing cache of the trt-node CPU reference runtime.");
    }
    return cache;
  });
}

bool BuilderConfig::setTimingCache(ITimingCache const& cache, bool) noexcept {
  timing_cache_ = &cache;
  return true;
}

void BuilderConfig::setMemoryPoolLimit(MemoryPoolType pool, size_t size) noexcept {
  Guard(*reports_, "IBuilderConfig::setMemoryPoolLimit", 0, [&] {
    pools_[pool] = size;
    return 0;
  });
}

size_t BuilderConfig::getMemoryPoolLimit(MemoryPoolType pool) const noexcept {
  const auto found = pools_.find(pool);
  if (found != pools_.end()) return found->second;
  // The workspace is limited by the device's memory only, unless told otherwise.
  return pool == MemoryPoolType::kWORKSPACE || pool == MemoryPoolType::kTACTIC_DRAM
             ? Machine::Get().total_memory()
             : 0;
}

void BuilderConfig::setPreviewFeature(PreviewFeature feature, bool enable) noexcept {
  Guard(*reports_, "IBuilderConfig::setPreviewFeature", 0, [&] {
    features_[feature] = enable;
    return 0;
  });
}

bool BuilderConfig::getPreviewFeature(PreviewFeature feature) const noexcept {
  const auto found = features_.find(feature);
  return found != features_.end() && found->second;
}

void BuilderConfig::setPluginsToSerialize(char const* const* paths, int32_t count) noexcept {
  Guard(*reports_, "IBuilderConfig::setPluginsToSerialize", 0, [&] {
    plugins_.clear();
    for (int32_t i = 0; i < count; ++i) plugins_.emplace_back(paths[i] == nullptr ? "" : paths[i]);
    return 0;
  });
}

char const* BuilderConfig::getPluginToSerialize(int32_t index) const noexcept {
  return index >= 0 && index < getNbPluginsToSerialize()
             ? plugins_[static_cast<size_t>(index)].c_str()
             : nullptr;
}

bool BuilderConfig::setTilingOptimizationLevel(TilingOptimizationLevel level) noexcept {
  tiling_ = level;
  return true;
}

bool BuilderConfig::setL2LimitForTiling(int64_t size) noexcept {
  l2_limit_ = size;
  return true;
}

}  // namespace trtnode::reference
