// What a build may be told beyond its model, profiles and BuilderFlags: settings of IBuilderConfig, and of tensors and layers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"

namespace trtnode::tensorrt {

// Enumerators are given by TensorRT's own names ("kWORKSPACE"), as their numbers differ between majors.
struct ConfigSettings {
  std::map<std::string, std::uint64_t> memory_pools;  // bytes by MemoryPoolType
  std::map<std::string, bool> tactic_sources;         // on or off by TacticSource
  std::map<std::string, bool> preview_features;       // on or off by PreviewFeature
  std::string runtime_platform;                       // of RuntimePlatform; empty: the default
  std::optional<int> avg_timing_iterations;           // TensorRT's default is 1
  std::optional<int> max_tactics;                     // -1: TensorRT decides
  std::optional<int> tiling_optimization_level;       // kNONE 0 to kFULL 3
  std::optional<std::int64_t> l2_limit_for_tiling;    // bytes
  std::vector<std::string> plugins_to_serialize;      // paths
  bool ignore_parsed_plugins = false;                 // see AddPluginsToSerialize
  std::optional<int> dla_core;
  bool dla_standalone = false;
  std::string build_route;  // empty: none
};

// Type and allowed formats of an input or output.
struct IoFormat {
  std::optional<DataType> type;
  std::vector<int> formats;  // of TensorFormat, whose numbers never moved; empty: as they are
};

// What is said of the layers whose name matches `pattern`, which may have one "*".
template <typename T>
struct LayerSetting {
  std::string pattern;
  T value{};
};

struct NetworkSettings {
  std::map<std::string, IoFormat> input_formats, output_formats;  // by name; "*": all others
  // Of several that match a layer the one with its full name holds, else the last.
  std::vector<LayerSetting<DataType>> layer_precisions;
  std::vector<LayerSetting<std::vector<DataType>>> layer_output_types;  // one, or one an output
  std::vector<LayerSetting<int>> layer_device_types;  // DeviceType: kGPU 0, kDLA 1
  std::vector<LayerSetting<std::string>> layer_metadata;
  std::vector<std::string> debug_tensors;
  bool unfused_debug_tensors = false;

  bool SaysNothingOfLayers() const {
    return layer_precisions.empty() && layer_output_types.empty() && layer_device_types.empty() &&
           layer_metadata.empty() && debug_tensors.empty() && !unfused_debug_tensors;
  }
};

}  // namespace trtnode::tensorrt
