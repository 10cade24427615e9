// The reference runtime's plan: what it holds, and its bytes.
//
//   0  8  "TRTNREF1"
//   8  4  version of the format (little-endian, as everything below)
//  12  4  reserved, 0
//  16  8  size of the whole plan: a shorter or longer file is refused
//  24  8  checksum of all other bytes
//  32     engine name, flags, profiles, the ONNX model, each length-prefixed; then the names of debug tensors, if there are any
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace trtnode::reference {

inline constexpr char kPlanMagic[] = "TRTNREF1";
inline constexpr size_t kPlanMagicSize = 8;
inline constexpr size_t kPlanHeaderSize = 32;
inline constexpr uint32_t kPlanVersion = 1;

// One input's range in a profile, indexed by OptProfileSelector.
struct ProfileEntry {
  std::array<std::vector<int64_t>, 3> dimensions;
  std::array<std::vector<int64_t>, 3> values;  // of a shape tensor
  std::array<bool, 3> has_dimensions{};
  std::array<bool, 3> has_values{};
};

struct Profile {
  std::map<std::string, ProfileEntry> entries;
  float extra_memory_target = 1.0F;
};

struct Plan {
  std::string name;
  uint32_t builder_flags = 0;
  uint32_t network_flags = 0;
  int32_t profiling_verbosity = 0;
  int32_t hardware_compatibility = 0;
  std::vector<Profile> profiles;
  std::string model;
  std::vector<std::string> debug_tensors;
};

std::string SerializePlan(const Plan& plan);

// The size that a plan's header announces; 0 if these (at least kPlanHeaderSize) bytes begin no plan of ours.
uint64_t AnnouncedSize(std::string_view header);

// False with the reason in `error`, in a form that says what to do when the bytes are a plan of another kind.
bool ParsePlan(std::string_view bytes, Plan* plan, std::string* error);

}  // namespace trtnode::reference
