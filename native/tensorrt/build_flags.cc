// The table of builder flags.
#include "tensorrt/build_flags.h"

#include <array>
#include <string>

#include "tensorrt/build_enums.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;
namespace e = abi::enums;

using O = BuildOptions;

constexpr std::array kFlags = {
    BuilderFlagOption{"fp16", &O::fp16, e::BuilderFlag_kFP16, true},
    BuilderFlagOption{"bf16", &O::bf16, e::BuilderFlag_kBF16, true},
    BuilderFlagOption{"int8", &O::int8, e::BuilderFlag_kINT8, true},
    BuilderFlagOption{"fp8", &O::fp8, e::BuilderFlag_kFP8, true},
    BuilderFlagOption{"int4", &O::int4, e::BuilderFlag_kINT4, true},
    BuilderFlagOption{"fp4", &O::fp4, e::BuilderFlag_kFP4, true},
    BuilderFlagOption{"obeyPrecisionConstraints", &O::obey_precision_constraints,
                      e::BuilderFlag_kOBEY_PRECISION_CONSTRAINTS, true},
    BuilderFlagOption{"preferPrecisionConstraints", &O::prefer_precision_constraints,
                      e::BuilderFlag_kPREFER_PRECISION_CONSTRAINTS, true},
    BuilderFlagOption{"tf32", &O::tf32, e::BuilderFlag_kTF32},
    BuilderFlagOption{"refit", &O::refit, e::BuilderFlag_kREFIT},
    BuilderFlagOption{"refitIdentical", &O::refit_identical, e::BuilderFlag_kREFIT_IDENTICAL},
    BuilderFlagOption{"stripWeights", &O::strip_weights, e::BuilderFlag_kSTRIP_PLAN},
    BuilderFlagOption{"weightStreaming", &O::weight_streaming, e::BuilderFlag_kWEIGHT_STREAMING},
    BuilderFlagOption{"versionCompatible", &O::version_compatible,
                      e::BuilderFlag_kVERSION_COMPATIBLE},
    BuilderFlagOption{"excludeLeanRuntime", &O::exclude_lean_runtime,
                      e::BuilderFlag_kEXCLUDE_LEAN_RUNTIME},
    BuilderFlagOption{"sparseWeights", &O::sparse_weights, e::BuilderFlag_kSPARSE_WEIGHTS},
    BuilderFlagOption{"strictNans", &O::strict_nans, e::BuilderFlag_kSTRICT_NANS},
    BuilderFlagOption{"directIO", &O::direct_io, e::BuilderFlag_kDIRECT_IO},
    BuilderFlagOption{"gpuFallback", &O::gpu_fallback, e::BuilderFlag_kGPU_FALLBACK},
    BuilderFlagOption{"disableTimingCache", &O::disable_timing_cache,
                      e::BuilderFlag_kDISABLE_TIMING_CACHE},
    BuilderFlagOption{"disableCompilationCache", &O::disable_compilation_cache,
                      e::BuilderFlag_kDISABLE_COMPILATION_CACHE},
    BuilderFlagOption{"errorOnTimingCacheMiss", &O::error_on_timing_cache_miss,
                      e::BuilderFlag_kERROR_ON_TIMING_CACHE_MISS},
    BuilderFlagOption{"safetyScope", &O::safety_scope, e::BuilderFlag_kSAFETY_SCOPE},
    BuilderFlagOption{"debugSynchronously", &O::debug_synchronously, e::BuilderFlag_kDEBUG},
    BuilderFlagOption{"monitorMemory", &O::monitor_memory, e::BuilderFlag_kMONITOR_MEMORY},
    BuilderFlagOption{"distributiveIndependence", &O::distributive_independence,
                      e::BuilderFlag_kDISTRIBUTIVE_INDEPENDENCE},
};

Status CheckPrecision(const Version& version, const BuildOptions& options,
                      const BuilderFlagOption& precision) {
  if (version.major >= 11) {
    return Status(
        ErrorCode::kUnsupported,
        std::string(precision.option) + " cannot be asked for in TensorRT " + version.ToString() +
            ": from TensorRT 11 on every network is strongly typed, its types are those of the "
            "ONNX model.",
        "Convert the model itself, for example to float16 with AutoCast of NVIDIA's ModelOpt, or "
        "quantize it (Q/DQ nodes) with ModelOpt; or build with TensorRT 10.");
  }
  RETURN_IF_ERROR(EnumeratorFor(precision.flag, version, precision.option).TakeStatus());
  if (!options.strongly_typed) return Status();
  return Status(
      ErrorCode::kInvalidArgument,
      std::string(precision.option) +
          " and stronglyTyped exclude each other: a strongly typed network takes its types from "
          "the ONNX model.",
      "Leave out one of the two.");
}

Status Contradiction(std::string message, std::string hint) {
  return Status(ErrorCode::kInvalidArgument, std::move(message), std::move(hint));
}

Status CheckCombinations(const Version& version, const BuildOptions& options) {
  if (options.fp8 && options.int8) {
    return Contradiction("fp8 and int8 exclude each other.", "Choose one of the two.");
  }
  if (options.obey_precision_constraints && options.prefer_precision_constraints) {
    return Contradiction("Precision constraints are either obeyed or preferred.",
                         "Choose one of the two.");
  }
  if (options.exclude_lean_runtime && !options.version_compatible) {
    return Contradiction(
        "excludeLeanRuntime was given without versionCompatible: only a version-compatible plan "
        "carries a lean runtime.",
        "Add versionCompatible, or leave out excludeLeanRuntime.");
  }
  if (options.refit && options.refit_identical) {
    return Contradiction(
        "refit and refitIdentical exclude each other: a plan takes other weights, or the same "
        "ones back.",
        "Choose one of the two.");
  }
  if (options.weight_streaming && !IsStronglyTyped(version, options)) {
    return Contradiction("weightStreaming needs a strongly typed network.",
                         "Add stronglyTyped; the model's own types hold then.");
  }
  if (options.disable_timing_cache && !options.timing_cache.empty()) {
    return Contradiction("disableTimingCache was given beside a timing cache file.",
                         "Leave out one of the two.");
  }
  if (options.disable_timing_cache && options.error_on_timing_cache_miss) {
    return Contradiction(
        "errorOnTimingCacheMiss was given beside disableTimingCache: every timing would miss.",
        "Leave out one of the two.");
  }
  return Status();
}

}  // namespace

bool IsStronglyTyped(const Version& version, const BuildOptions& options) {
  return options.strongly_typed || version.major >= 11;
}

std::span<const BuilderFlagOption> BuilderFlagOptions() { return kFlags; }

Status CheckBuilderFlags(const Version& version, const BuildOptions& options) {
  for (const BuilderFlagOption& flag : kFlags) {
    if (!(options.*flag.member)) continue;
    if (flag.is_precision) {
      RETURN_IF_ERROR(CheckPrecision(version, options, flag));
    } else {
      RETURN_IF_ERROR(EnumeratorFor(flag.flag, version, flag.option).TakeStatus());
    }
  }
  return CheckCombinations(version, options);
}

Status ApplyBuilderFlags(BuildObjects& objects, const BuildOptions& options) {
  for (const BuilderFlagOption& flag : kFlags) {
    const bool on = options.*flag.member;
    // TensorRT 10 has TF32 on by default, and nothing else.
    const bool is_default_on = flag.member == &BuildOptions::tf32;
    if (on == is_default_on) continue;
    ASSIGN_OR_RETURN(const abi::i32 number, EnumeratorFor(flag.flag, objects.version, flag.option));
    const auto bit = static_cast<abi::BuilderFlag>(number);
    if (on) {
      RETURN_IF_ERROR(
          abi::Call<m::VBuilderConfig_setFlag>(objects.version, objects.config.get(), bit));
    } else {
      RETURN_IF_ERROR(
          abi::Call<m::VBuilderConfig_clearFlag>(objects.version, objects.config.get(), bit));
    }
  }
  return Status();
}

}  // namespace trtnode::tensorrt
