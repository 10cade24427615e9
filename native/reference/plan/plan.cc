// Writes and reads plans. Every length is checked before it is used, as a plan may be any file.
#include "reference/plan/plan.h"

#include <cstring>
#include <limits>

namespace trtnode::reference {
namespace {

constexpr size_t kSizeOffset = 16;
constexpr size_t kChecksumOffset = 24;
constexpr uint32_t kMaxProfiles = 4096;
constexpr uint32_t kMaxEntries = 65536;
constexpr uint32_t kMaxValues = 1U << 20;

// Every step is a bijection of the state for a given word and of the word for a given state, so no single changed word
// goes unnoticed.
uint64_t Checksum(std::string_view bytes) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15U;
  uint64_t state = bytes.size();
  const auto mix = [&](uint64_t word) {
    state = (state ^ word) * kMultiplier;
    state ^= state >> 29;
  };
  while (bytes.size() >= sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof(word));
    mix(word);
    bytes.remove_prefix(sizeof(word));
  }
  uint64_t word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
  mix(word);
  return state;
}

uint64_t PlanChecksum(std::string_view plan) {
  return Checksum(plan.substr(0, kChecksumOffset)) * 31 + Checksum(plan.substr(kPlanHeaderSize));
}

class Output {
 public:
  template <typename T>
  void Number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Text(std::string_view text) {
    Number<uint64_t>(text.size());
    bytes_.append(text);
  }
  void Numbers(const std::vector<int64_t>& values) {
    Number(static_cast<uint32_t>(values.size()));
    for (const int64_t value : values) Number(value);
  }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T Number() {
    T value{};
    if (rest_.size() < sizeof(value)) {
      ok_ = false;
      rest_ = {};
    } else {
      std::memcpy(&value, rest_.data(), sizeof(value));
      rest_.remove_prefix(sizeof(value));
    }
    return value;
  }
  // A number of things that follow; more than `limit` cannot be.
  uint32_t Count(uint32_t limit) {
    const auto count = Number<uint32_t>();
    if (count > limit) ok_ = false;
    return ok_ ? count : 0;
  }
  std::string Text() {
    const auto size = Number<uint64_t>();
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    std::string text(rest_.substr(0, static_cast<size_t>(size)));
    rest_.remove_prefix(static_cast<size_t>(size));
    return text;
  }
  std::vector<int64_t> Numbers() {
    const uint32_t count = Count(kMaxValues);
    if (count > rest_.size() / sizeof(int64_t)) ok_ = false;
    std::vector<int64_t> values;
    for (uint32_t i = 0; ok_ && i < count; ++i) values.push_back(Number<int64_t>());
    return values;
  }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

void WriteProfile(const Profile& profile, Output* out) {
  out->Number(profile.extra_memory_target);
  out->Number(static_cast<uint32_t>(profile.entries.size()));
  for (const auto& [name, entry] : profile.entries) {
    out->Text(name);
    for (size_t i = 0; i < entry.dimensions.size(); ++i) {
      out->Number<uint8_t>(entry.has_dimensions[i]);
      out->Numbers(entry.dimensions[i]);
      out->Number<uint8_t>(entry.has_values[i]);
      out->Numbers(entry.values[i]);
    }
  }
}

void ReadProfile(Input* in, Profile* profile) {
  profile->extra_memory_target = in->Number<float>();
  const uint32_t count = in->Count(kMaxEntries);
  for (uint32_t e = 0; in->ok() && e < count; ++e) {
    ProfileEntry& entry = profile->entries[in->Text()];
    for (size_t i = 0; i < entry.dimensions.size(); ++i) {
      entry.has_dimensions[i] = in->Number<uint8_t>() != 0;
      entry.dimensions[i] = in->Numbers();
      entry.has_values[i] = in->Number<uint8_t>() != 0;
      entry.values[i] = in->Numbers();
    }
  }
}

template <typename T>
T NumberAt(std::string_view bytes, size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

bool BeginsWith(std::string_view bytes, std::string_view start) {
  return bytes.substr(0, start.size()) == start;
}

}  // namespace

std::string SerializePlan(const Plan& plan) {
  Output out;
  out.bytes().append(kPlanMagic, kPlanMagicSize);
  out.Number(kPlanVersion);
  out.Number<uint32_t>(0);
  out.Number<uint64_t>(0);  // size and checksum follow below
  out.Number<uint64_t>(0);
  out.Text(plan.name);
  out.Number(plan.builder_flags);
  out.Number(plan.network_flags);
  out.Number(plan.profiling_verbosity);
  out.Number(plan.hardware_compatibility);
  out.Number(static_cast<uint32_t>(plan.profiles.size()));
  for (const Profile& profile : plan.profiles) WriteProfile(profile, &out);
  out.Text(plan.model);
  if (!plan.debug_tensors.empty()) {
    out.Number(static_cast<uint32_t>(plan.debug_tensors.size()));
    for (const std::string& name : plan.debug_tensors) out.Text(name);
  }
  std::string bytes = std::move(out.bytes());
  const uint64_t size = bytes.size();
  std::memcpy(bytes.data() + kSizeOffset, &size, sizeof(size));
  const uint64_t checksum = PlanChecksum(bytes);
  std::memcpy(bytes.data() + kChecksumOffset, &checksum, sizeof(checksum));
  return bytes;
}

uint64_t AnnouncedSize(std::string_view header) {
  if (header.size() < kPlanHeaderSize || !BeginsWith(header, {kPlanMagic, kPlanMagicSize}))
    return 0;
  return NumberAt<uint64_t>(header, kSizeOffset);
}

bool ParsePlan(std::string_view bytes, Plan* plan, std::string* error) {
  if (bytes.empty()) {
    *error = "The plan is empty.";
    return false;
  }
  if (BeginsWith(bytes, "ftrt")) {
    *error =
        "This is a plan of TensorRT for a GPU. The trt-node CPU reference runtime only runs plans "
        "that it built itself "
        "(they begin with TRTNREF1): build one from the ONNX model, or load this plan with "
        "TensorRT.";
    return false;
  }
  if (!BeginsWith(bytes, std::string_view(kPlanMagic, kPlanMagicSize).substr(0, bytes.size()))) {
    *error =
        "Magic tag does not match: this is no plan of the trt-node CPU reference runtime (those "
        "begin with TRTNREF1).";
    return false;
  }
  if (bytes.size() < kPlanHeaderSize) {
    *error = "The plan is truncated: it ends within its header, after " +
             std::to_string(bytes.size()) + " bytes.";
    return false;
  }
  if (const auto version = NumberAt<uint32_t>(bytes, kPlanMagicSize); version != kPlanVersion) {
    *error = "Version tag does not match. Note: Current Version: " + std::to_string(kPlanVersion) +
             ", Serialized Engine Version: " + std::to_string(version);
    return false;
  }
  if (const uint64_t size = AnnouncedSize(bytes); size != bytes.size()) {
    *error = std::string("The plan is ") +
             (size > bytes.size() ? "truncated" : "longer than it says") +
             ": its header announces " + std::to_string(size) + " bytes, but there are " +
             std::to_string(bytes.size()) + ".";
    return false;
  }
  if (NumberAt<uint64_t>(bytes, kChecksumOffset) != PlanChecksum(bytes)) {
    *error = "The plan is damaged: its checksum does not match its content.";
    return false;
  }
  Input in(bytes.substr(kPlanHeaderSize));
  plan->name = in.Text();
  plan->builder_flags = in.Number<uint32_t>();
  plan->network_flags = in.Number<uint32_t>();
  plan->profiling_verbosity = in.Number<int32_t>();
  plan->hardware_compatibility = in.Number<int32_t>();
  const uint32_t profiles = in.Count(kMaxProfiles);
  for (uint32_t i = 0; in.ok() && i < profiles; ++i)
    ReadProfile(&in, &plan->profiles.emplace_back());
  plan->model = in.Text();
  const uint32_t debug_tensors = in.ok() && !in.done() ? in.Count(kMaxEntries) : 0;
  for (uint32_t i = 0; in.ok() && i < debug_tensors; ++i) plan->debug_tensors.push_back(in.Text());
  if (!in.done()) {
    *error = "The plan is damaged: its content cannot be read.";
    return false;
  }
  return true;
}

}  // namespace trtnode::reference
