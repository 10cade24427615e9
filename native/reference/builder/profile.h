// IOptimizationProfile: the ranges of shapes and shape values that an engine is built for.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/plan/plan.h"
#include "reference/report.h"

namespace trtnode::reference {

// Profiles belong to their builder, which deletes what the application did not delete itself.
using ProfileOwner = std::set<IOptimizationProfile*>;

class OptimizationProfile final : public VOptimizationProfile {
 public:
  static IOptimizationProfile* Make(std::shared_ptr<Reporter> reporter,
                                    const std::shared_ptr<ProfileOwner>& owner);
  OptimizationProfile(std::shared_ptr<Reporter> reporter, std::shared_ptr<ProfileOwner> owner);
  ~OptimizationProfile() override;

  bool setDimensions(char const* name, OptProfileSelector select,
                     Dims64 const& dims) noexcept override;
  Dims64 getDimensions(char const* name, OptProfileSelector select) const noexcept override;
  bool setShapeValues(char const* name, OptProfileSelector select, int32_t const* values,
                      int32_t count) noexcept override;
  int32_t getNbShapeValues(char const* name) const noexcept override;
  int32_t const* getShapeValues(char const* name,
                                OptProfileSelector select) const noexcept override;
  bool setExtraMemoryTarget(float target) noexcept override;
  float getExtraMemoryTarget() const noexcept override { return profile_.extra_memory_target; }
  bool isValid() const noexcept override;
  bool setShapeValuesV2(char const* name, OptProfileSelector select, int64_t const* values,
                        int32_t count) noexcept override;
  int64_t const* getShapeValuesV2(char const* name,
                                  OptProfileSelector select) const noexcept override;

  const Profile& profile() const { return profile_; }
  // Empty if every entry is complete and min <= opt <= max; otherwise what is wrong.
  std::string Problem() const;

 private:
  const ProfileEntry* Find(char const* name, OptProfileSelector select) const;
  bool SetValues(char const* api, char const* name, OptProfileSelector select,
                 std::vector<int64_t> values);

  std::shared_ptr<Reporter> reports_;
  std::shared_ptr<ProfileOwner> owner_;
  IOptimizationProfile* handle_ = nullptr;
  Profile profile_;
  std::map<std::pair<std::string, int32_t>, std::vector<int32_t>> narrow_;  // for getShapeValues
};

}  // namespace trtnode::reference
