// Build: ONNX model and options to a plan, through IBuilder, the ONNX parser and IBuilderConfig.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/build_settings.h"
#include "tensorrt/engine.h"
#include "tensorrt/library.h"
#include "tensorrt/logger.h"

namespace trtnode::tensorrt {

struct BuildOptions {
  std::vector<std::map<std::string, ProfileShape>>
      profiles;  // by input name; empty: static shapes only
  // A BuilderFlag each: build_flags.cc. The first lines are kUnsupported on 11 (strongly typed).
  bool fp16 = false, bf16 = false, int8 = false, fp8 = false, int4 = false, fp4 = false;
  bool obey_precision_constraints = false, prefer_precision_constraints = false;
  bool tf32 = true;
  bool refit = false, refit_identical = false, strip_weights = false, weight_streaming = false;
  bool version_compatible = false, exclude_lean_runtime = false;
  bool sparse_weights = false, strict_nans = false, direct_io = false, gpu_fallback = false;
  bool disable_timing_cache = false, disable_compilation_cache = false;
  bool error_on_timing_cache_miss = false, safety_scope = false;
  bool debug_synchronously = false, monitor_memory = false, distributive_independence = false;
  bool strongly_typed = false;
  std::optional<int> optimization_level;  // 0 to 5; TensorRT's default is 3
  std::optional<int> max_aux_streams;
  int profiling_verbosity = 0;           // kLAYER_NAMES_ONLY 0, kNONE 1, kDETAILED 2
  int hardware_compatibility_level = 0;  // kNONE 0, kAMPERE_PLUS 1, kSAME_COMPUTE_CAPABILITY 2
  std::string engine_name;               // empty: the parser's own
  std::string timing_cache;              // file; empty: none
  ConfigSettings config;
  NetworkSettings network;
  Severity log_severity = Severity::kWarning;
  LogSink log_sink;
  // Phase, its parent (or empty), step and number of steps. Returns false to cancel. From TensorRT's threads.
  std::function<bool(const char* phase, const char* parent, int step, int steps)> progress;
};

// Blocks for seconds to minutes, on the current CUDA device. `model_path` (may be empty) is where external weights are looked for.
// Errors: kUnsupported (lean library), kParse (every parser error with node and operator), kBuild, kAborted (progress said no).
Result<std::unique_ptr<HostMemory>> BuildFromOnnx(const std::shared_ptr<Library>& library,
                                                  std::span<const std::byte> model,
                                                  const std::string& model_path,
                                                  const BuildOptions& options);

}  // namespace trtnode::tensorrt
