// IOptimizationProfile.
#include "reference/builder/profile.h"

#include <algorithm>

#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

bool ValidSelector(OptProfileSelector select) {
  return select >= OptProfileSelector::kMIN && select <= OptProfileSelector::kMAX;
}

// Whether min <= opt <= max, element by element.
bool Ordered(const std::array<std::vector<int64_t>, 3>& ranges) {
  for (size_t i = 0; i + 1 < ranges.size(); ++i) {
    if (ranges[i].size() != ranges[i + 1].size()) return false;
    for (size_t d = 0; d < ranges[i].size(); ++d) {
      if (ranges[i][d] > ranges[i + 1][d]) return false;
    }
  }
  return true;
}

std::string Describe(const std::string& name, const std::array<std::vector<int64_t>, 3>& ranges) {
  return name + ": kMIN is " + ToString(ToDims(ranges[0])) + ", kOPT is " +
         ToString(ToDims(ranges[1])) + ", kMAX is " + ToString(ToDims(ranges[2]));
}

}  // namespace

IOptimizationProfile* OptimizationProfile::Make(std::shared_ptr<Reporter> reporter,
                                                const std::shared_ptr<ProfileOwner>& owner) {
  auto profile = std::make_unique<OptimizationProfile>(std::move(reporter), owner);
  OptimizationProfile& self = *profile;
  // The builder deletes it, or the application through slot 1 of the handle's own vtable.
  self.handle_ = std::make_unique<IOptimizationProfile>(std::move(profile)).release();
  owner->insert(self.handle_);
  return self.handle_;
}

OptimizationProfile::OptimizationProfile(std::shared_ptr<Reporter> reporter,
                                         std::shared_ptr<ProfileOwner> owner)
    : reports_(std::move(reporter)), owner_(std::move(owner)) {
  reporter_ = reports_.get();
}

OptimizationProfile::~OptimizationProfile() { owner_->erase(handle_); }

bool OptimizationProfile::setDimensions(char const* name, OptProfileSelector select,
                                        Dims64 const& dims) noexcept {
  constexpr char kApi[] = "IOptimizationProfile::setDimensions";
  return Guard(*reports_, kApi, false, [&] {
    if (name == nullptr || !ValidSelector(select) || dims.nbDims < 0 || dims.nbDims > kMaxDims ||
        std::any_of(dims.d, dims.d + dims.nbDims,
                    [](int64_t dimension) { return dimension < 0; })) {
      reports_->Error(ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage,
                      std::string("Parameter check failed, condition: all dimensions are "
                                  "non-negative. Dimensions of ") +
                          (name == nullptr ? "(null)" : name) + " are " + ToString(dims) + ".");
      return false;
    }
    ProfileEntry& entry = profile_.entries[name];
    for (size_t i = 0; i < entry.dimensions.size(); ++i) {
      if (entry.has_dimensions[i] && entry.dimensions[i].size() != static_cast<size_t>(dims.nbDims))
        return false;
    }
    entry.dimensions[static_cast<size_t>(select)] = ToVector(dims);
    entry.has_dimensions[static_cast<size_t>(select)] = true;
    return true;
  });
}

const ProfileEntry* OptimizationProfile::Find(char const* name, OptProfileSelector select) const {
  if (name == nullptr || !ValidSelector(select)) return nullptr;
  const auto found = profile_.entries.find(name);
  return found == profile_.entries.end() ? nullptr : &found->second;
}

Dims64 OptimizationProfile::getDimensions(char const* name,
                                          OptProfileSelector select) const noexcept {
  const ProfileEntry* entry = Find(name, select);
  if (entry == nullptr || !entry->has_dimensions[static_cast<size_t>(select)]) return NoDims();
  return ToDims(entry->dimensions[static_cast<size_t>(select)]);
}

bool OptimizationProfile::SetValues(char const* api, char const* name, OptProfileSelector select,
                                    std::vector<int64_t> values) {
  if (name == nullptr || !ValidSelector(select)) {
    reports_->Error(ErrorCode::kINVALID_ARGUMENT, api, kApiUsage,
                    "Parameter check failed, condition: inputName != nullptr && select is valid.");
    return false;
  }
  ProfileEntry& entry = profile_.entries[name];
  for (size_t i = 0; i < entry.values.size(); ++i) {
    if (entry.has_values[i] && entry.values[i].size() != values.size()) return false;
  }
  auto& narrow = narrow_[{name, static_cast<int32_t>(select)}];
  narrow.clear();
  for (const int64_t value : values)
    narrow.push_back(static_cast<int32_t>(std::clamp<int64_t>(value, INT32_MIN, INT32_MAX)));
  entry.values[static_cast<size_t>(select)] = std::move(values);
  entry.has_values[static_cast<size_t>(select)] = true;
  return true;
}

bool OptimizationProfile::setShapeValues(char const* name, OptProfileSelector select,
                                         int32_t const* values, int32_t count) noexcept {
  constexpr char kApi[] = "IOptimizationProfile::setShapeValues";
  return Guard(*reports_, kApi, false, [&] {
    if (values == nullptr || count < 0) return false;
    return SetValues(kApi, name, select, {values, values + count});
  });
}

bool OptimizationProfile::setShapeValuesV2(char const* name, OptProfileSelector select,
                                           int64_t const* values, int32_t count) noexcept {
  constexpr char kApi[] = "IOptimizationProfile::setShapeValuesV2";
  return Guard(*reports_, kApi, false, [&] {
    if (values == nullptr || count < 0) return false;
    return SetValues(kApi, name, select, {values, values + count});
  });
}

int32_t OptimizationProfile::getNbShapeValues(char const* name) const noexcept {
  const ProfileEntry* entry = Find(name, OptProfileSelector::kMIN);
  if (entry == nullptr) return -1;
  for (size_t i = 0; i < entry->values.size(); ++i) {
    if (entry->has_values[i]) return static_cast<int32_t>(entry->values[i].size());
  }
  return -1;
}

int32_t const* OptimizationProfile::getShapeValues(char const* name,
                                                   OptProfileSelector select) const noexcept {
  if (name == nullptr) return nullptr;
  const auto found = narrow_.find({name, static_cast<int32_t>(select)});
  return found == narrow_.end() ? nullptr : found->second.data();
}

int64_t const* OptimizationProfile::getShapeValuesV2(char const* name,
                                                     OptProfileSelector select) const noexcept {
  const ProfileEntry* entry = Find(name, select);
  if (entry == nullptr || !entry->has_values[static_cast<size_t>(select)]) return nullptr;
  return entry->values[static_cast<size_t>(select)].data();
}

bool OptimizationProfile::setExtraMemoryTarget(float target) noexcept {
  if (!(target >= 0.0F && target <= 1.0F)) return false;
  profile_.extra_memory_target = target;
  return true;
}

std::string OptimizationProfile::Problem() const {
  for (const auto& [name, entry] : profile_.entries) {
    const auto complete = [](const std::array<bool, 3>& has) { return has[0] && has[1] && has[2]; };
    const auto absent = [](const std::array<bool, 3>& has) {
      return !has[0] && !has[1] && !has[2];
    };
    if (!complete(entry.has_dimensions) && !absent(entry.has_dimensions))
      return name + ": not all of kMIN, kOPT and kMAX dimensions are set";
    if (!complete(entry.has_values) && !absent(entry.has_values))
      return name + ": not all of kMIN, kOPT and kMAX shape values are set";
    if (!Ordered(entry.dimensions))
      return "dimensions are not kMIN <= kOPT <= kMAX for " + Describe(name, entry.dimensions);
    if (!Ordered(entry.values))
      return "shape values are not kMIN <= kOPT <= kMAX for " + Describe(name, entry.values);
  }
  return {};
}

bool OptimizationProfile::isValid() const noexcept {
  return Guard(*reports_, "IOptimizationProfile::isValid", false,
               [&] { return Problem().empty(); });
}

}  // namespace trtnode::reference
