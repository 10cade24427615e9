// What TensorRT objects tell of themselves, as plain values: versions, tensor and profile descriptions, enumerations.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/dims.h"
#include "core/dtype.h"

namespace trtnode::tensorrt {

struct Version {
  int major = 0, minor = 0, patch = 0, build = 0;
  auto operator<=>(const Version&) const = default;
  std::string ToString() const;  // "10.6.0.26"; without the build when it is 0
};

enum class Flavor : std::uint8_t { kFull, kLean, kDispatch };
enum class Severity : std::int32_t {
  kInternalError = 0,
  kError = 1,
  kWarning = 2,
  kInfo = 3,
  kVerbose = 4
};
enum class TensorIOMode : std::int32_t { kNone = 0, kInput = 1, kOutput = 2 };
enum class TensorLocation : std::int32_t { kDevice = 0, kHost = 1 };
enum class AllocationStrategy : std::int32_t {
  kStatic = 0,
  kOnProfileChange = 1,
  kUserManaged = 2
};
enum class OptProfileSelector : std::int32_t { kMin = 0, kOpt = 1, kMax = 2 };
enum class InspectorFormat : std::int32_t { kOneline = 0, kJson = 1 };

// One optimization profile's say on one input.
struct ProfileShape {
  Dims min, opt, max;
  // Shape tensors only: the allowed values, element by element.
  std::vector<std::int64_t> min_values, opt_values, max_values;
};

struct TensorInfo {
  std::string name;
  TensorIOMode mode = TensorIOMode::kNone;
  DataType dtype = DataType::kFloat;
  Dims shape;  // -1 where dynamic
  TensorLocation location = TensorLocation::kDevice;
  bool is_shape_inference_io = false;
  bool is_debug = false;
  // Per profile, as formats may differ between profiles; index = profile.
  struct Layout {
    int format = 0;                   // TensorFormat
    std::string format_desc;          // "Row major linear FP32 format (kLINEAR)"
    int bytes_per_component = -1;     // -1: not vectorized
    int components_per_element = -1;  // -1: not vectorized
    int vectorized_dim = -1;          // -1: not vectorized
  };
  std::vector<Layout> layouts;
  std::vector<ProfileShape> profiles;  // inputs only; index = profile
};

struct EngineInfo {
  std::string name;
  std::vector<TensorInfo> tensors;  // in the engine's own order
  int num_profiles = 0;
  int num_layers = 0;
  int num_aux_streams = 0;
  int capability = 0;                    // EngineCapability
  int profiling_verbosity = 0;           // ProfilingVerbosity
  int hardware_compatibility_level = 0;  // HardwareCompatibilityLevel
  bool refittable = false;
  std::int64_t device_memory_bytes = 0;  // max over all profiles
  std::vector<std::int64_t> device_memory_bytes_per_profile;
  std::int64_t streamable_weights_bytes = 0;
};

struct LayerTime {
  std::string name;
  float milliseconds = 0;
};

}  // namespace trtnode::tensorrt
