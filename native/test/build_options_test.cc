// Each build option reaches the right call with the right number, in the layouts of TensorRT 8, 10 and 11; what a version has not
// got, and what contradicts itself, is refused before anything is created.
#include <functional>

#include "tensorrt/abi/enums.h"
#include "tensorrt/build_config.h"
#include "tensorrt/build_flags.h"
#include "tensorrt/config_settings.h"
#include "tensorrt/network_settings.h"
#include "test/check.h"
#include "test/fake_config.h"

namespace trtnode::tensorrt {
namespace {

std::string Show(const Calls& calls) {
  std::string text;
  for (const std::string& call : calls) text += "[" + call + "]";
  return text;
}

using Change = std::function<void(BuildOptions&)>;

BuildOptions With(const Change& change) {
  BuildOptions options;
  change(options);
  return options;
}

void CheckCalls(const Version& version, const Change& change, const Calls& expected) {
  Fake fake(version);
  auto told = fake.Tell(With(change));
  REQUIRE_OK(told);
  CHECK_EQ(Show(told.value()), Show(expected));
}

// `on10` and `on11` where the numbers differ; nothing expected: the version refuses it.
struct FlagCase {
  const char* option;
  int on8, on10, on11;
};
constexpr int kNone = -1;

TEST(EveryFlagHasItsNumber) {
  const std::vector<FlagCase> cases = {
      {"fp16", 0, 0, kNone},
      {"bf16", kNone, 17, kNone},
      {"int8", 1, 1, kNone},
      {"fp8", 17, 15, kNone},
      {"int4", kNone, 22, kNone},
      {"fp4", kNone, 26, kNone},
      {"obeyPrecisionConstraints", 10, 9, kNone},
      {"preferPrecisionConstraints", 11, 10, kNone},
      {"refit", 5, 4, 4},
      {"refitIdentical", kNone, 20, 19},
      {"stripWeights", kNone, 19, 18},
      {"versionCompatible", 15, 13, 12},
      {"sparseWeights", 8, 7, 7},
      {"strictNans", kNone, 24, 23},
      {"directIO", 12, 11, 11},
      {"disableTimingCache", 6, 5, 5},
      {"disableCompilationCache", kNone, 18, 17},
      {"errorOnTimingCacheMiss", kNone, 16, 15},
      {"safetyScope", 9, 8, 8},
      {"debugSynchronously", 2, 2, 2},
      {"monitorMemory", kNone, 25, 24},
      {"distributiveIndependence", kNone, 28, 27},
  };
  for (const FlagCase& flag_case : cases) {
    const BuilderFlagOption* flag = nullptr;
    for (const BuilderFlagOption& option : BuilderFlagOptions()) {
      if (std::string_view(option.option) == flag_case.option) flag = &option;
    }
    REQUIRE(flag != nullptr);
    for (const auto& [version, number] :
         {std::pair{k8, flag_case.on8}, {k10, flag_case.on10}, {k11, flag_case.on11}}) {
      BuildOptions options;
      options.*flag->member = true;
      options.config.ignore_parsed_plugins = true;
      Fake fake(version);
      auto told = fake.Tell(options);
      if (number == kNone) {
        CHECK_CONTAINS(CHECK_FAILS(told, kUnsupported).message, flag_case.option);
      } else {
        REQUIRE_OK(told);
        CHECK_EQ(Show(told.value()), "[setFlag " + std::to_string(number) + "]");
      }
    }
  }
}

TEST(FlagsThatNeedOthers) {
  const Change weights = [](BuildOptions& options) {
    options.weight_streaming = options.strongly_typed = true;
    options.tf32 = false;
  };
  CheckCalls(k10, weights, {"clearFlag 6", "setFlag 21"});
  CheckCalls(k11, [](BuildOptions& options) { options.weight_streaming = true; }, {"setFlag 20"});
  const Change portable = [](BuildOptions& options) {
    options.version_compatible = options.exclude_lean_runtime = true;
    options.tf32 = false;
  };
  CheckCalls(k8, portable, {"clearFlag 7", "setFlag 15", "setFlag 16"});
  CheckCalls(k10, portable, {"clearFlag 6", "setFlag 13", "setFlag 14"});
  CheckCalls(k11, portable, {"clearFlag 6", "setFlag 12", "setFlag 13"});
}

TEST(PoolsSourcesAndFeaturesByName) {
  const Change pools = [](BuildOptions& options) {
    options.config.memory_pools = {{"kWORKSPACE", 100},
                                   {"kDLA_MANAGED_SRAM", 1},
                                   {"kDLA_LOCAL_DRAM", 2},
                                   {"kDLA_GLOBAL_DRAM", 3},
                                   {"kTACTIC_DRAM", 4}};
  };
  const Calls told = {"setMemoryPoolLimit 3 3", "setMemoryPoolLimit 2 2", "setMemoryPoolLimit 1 1",
                      "setMemoryPoolLimit 4 4", "setMemoryPoolLimit 0 100"};
  for (const Version& version : {k8, k10, k11}) CheckCalls(version, pools, told);
  const Change shared = [](BuildOptions& options) {
    options.config.memory_pools = {{"kTACTIC_SHARED_MEMORY", 48 << 10}};
  };
  CheckCalls(k10, shared, {"setMemoryPoolLimit 5 49152"});
  Fake eight(k8);
  CHECK_CONTAINS(CHECK_FAILS(eight.Tell(With(shared)), kUnsupported).hint, "TensorRT 10 and 11");

  const Change sources = [](BuildOptions& options) {
    options.config.tactic_sources = {{"kJIT_CONVOLUTIONS", false}, {"kCUBLAS", true}};
  };
  CheckCalls(k8, sources, {"setTacticSources 9"});
  CheckCalls(k10, sources, {"setTacticSources 9"});
  Fake eleven(k11);
  Error error = CHECK_FAILS(eleven.Tell(With(sources)), kUnsupported);
  CHECK_CONTAINS(error.message,
                 "tacticSources (TacticSource::kCUBLAS) does not exist in TensorRT 11");
  CHECK_EQ(error.hint, "TensorRT 8 and 10 have it.");
  // Bit 1 is what was bit 4: the default 0x18 of the fake keeps its other bits.
  CheckCalls(
      k11,
      [](BuildOptions& options) { options.config.tactic_sources = {{"kJIT_CONVOLUTIONS", true}}; },
      {"setTacticSources 26"});
  eleven.accepts = false;
  CHECK_FAILS(eleven.Tell(With([](BuildOptions& options) {
    options.config.tactic_sources = {{"kEDGE_MASK_CONVOLUTIONS", true}};
  })),
              kInvalidArgument);

  const Change resize = [](BuildOptions& options) {
    options.config.preview_features = {{"kRUNTIME_ACTIVATION_RESIZE_10_10", true},
                                       {"kALIASED_PLUGIN_IO_10_03", false}};
  };
  CheckCalls(k10, resize, {"setPreviewFeature 1 0", "setPreviewFeature 2 1"});
  CheckCalls(k11, resize, {"setPreviewFeature 0 0", "setPreviewFeature 1 1"});
  Fake six(Version{10, 6, 0, 26});
  error = CHECK_FAILS(six.Tell(With(resize)), kUnsupported);
  CHECK_CONTAINS(error.hint, "TensorRT 10.10 and later of that major and 11 have it.");
  CheckCalls(k8,
             [](BuildOptions& options) {
               options.config.preview_features = {{"kPROFILE_SHARING_0806", true}};
             },
             {"setPreviewFeature 2 1"});
}

TEST(LevelsAndLimits) {
  const Change common = [](BuildOptions& options) {
    options.optimization_level = 5;
    options.max_aux_streams = 0;
    options.profiling_verbosity = 2;
    options.hardware_compatibility_level = 1;
    options.config.avg_timing_iterations = 8;
  };
  const Calls told = {"setBuilderOptimizationLevel 5", "setMaxAuxStreams 0",
                      "setProfilingVerbosity 2", "setHardwareCompatibilityLevel 1",
                      "setAvgTimingIterations 8"};
  for (const Version& version : {k8, k10, k11}) CheckCalls(version, common, told);
  const Change newer = [](BuildOptions& options) {
    options.config.max_tactics = 3;
    options.config.tiling_optimization_level = 2;
    options.config.l2_limit_for_tiling = i64{1} << 33;
    options.config.runtime_platform = "kWINDOWS_AMD64";
    options.config.plugins_to_serialize = {"a.so", "b.so"};
  };
  const Calls told_newer = {"setMaxNbTactics 3",
                            "setTilingOptimizationLevel 2",
                            "setL2LimitForTiling 8589934592",
                            "setRuntimePlatform 1",
                            "a.so",
                            "b.so"};
  for (const Version& version : {k10, k11}) CheckCalls(version, newer, told_newer);
  CheckCalls(k11, [](BuildOptions& options) { options.config.build_route = "-conv=on"; },
             {"-conv=on"});
}

TEST(WhatIsNewerThanTheVersionIsRefused) {
  const Version six{10, 6, 0, 26};
  const Version old{8, 5, 2, 2};
  const std::vector<std::tuple<Version, Change, std::string>> cases = {
      {six, [](BuildOptions& o) { o.config.tiling_optimization_level = 1; }, "10.8 or newer"},
      {six, [](BuildOptions& o) { o.config.l2_limit_for_tiling = 1; }, "10.8 or newer"},
      {six, [](BuildOptions& o) { o.distributive_independence = true; },
       "distributiveIndependence"},
      {six, [](BuildOptions& o) { o.hardware_compatibility_level = 2; },
       "hardwareCompatibilityLevel"},
      {six, [](BuildOptions& o) { o.network.unfused_debug_tensors = true; }, "10.12 or newer"},
      {k10, [](BuildOptions& o) { o.config.build_route = "r"; }, "TensorRT 11 (from 11.1)"},
      {k8, [](BuildOptions& o) { o.strongly_typed = true; }, "stronglyTyped"},
      {k8, [](BuildOptions& o) { o.config.max_tactics = 1; }, "setMaxNbTactics"},
      {k8, [](BuildOptions& o) { o.config.runtime_platform = "kWINDOWS_AMD64"; },
       "RuntimePlatform"},
      {k8, [](BuildOptions& o) { o.network.debug_tensors = {"h"}; }, "markDebug"},
      {k8, [](BuildOptions& o) { o.hardware_compatibility_level = 2; },
       "hardwareCompatibilityLevel"},
      {old, [](BuildOptions& o) { o.version_compatible = true; }, "versionCompatible"},
      {old, [](BuildOptions& o) { o.optimization_level = 1; }, "8.6 or newer"},
      {old, [](BuildOptions& o) { o.max_aux_streams = 1; }, "8.6 or newer"},
      {old, [](BuildOptions& o) { o.hardware_compatibility_level = 1; }, "8.6 or newer"},
      {old, [](BuildOptions& o) { o.config.plugins_to_serialize = {"p"}; }, "8.6 or newer"},
      {old, [](BuildOptions& o) { o.network.layer_metadata = {{"*", "t"}}; }, "8.6 or newer"},
  };
  for (const auto& [version, change, text] : cases) {
    Fake fake(version);
    const Error error = CHECK_FAILS(fake.Tell(With(change)), kUnsupported);
    CHECK_CONTAINS(error.message + " " + error.hint, text);
    CHECK(fake.calls.empty());
  }
}

TEST(ContradictionsAreFoundFirst) {
  const std::vector<std::pair<Change, std::string>> cases = {
      {[](BuildOptions& o) { o.fp8 = o.int8 = true; }, "fp8 and int8"},
      {[](BuildOptions& o) { o.fp16 = o.strongly_typed = true; }, "fp16 and stronglyTyped"},
      {[](BuildOptions& o) { o.exclude_lean_runtime = true; }, "without versionCompatible"},
      {[](BuildOptions& o) { o.refit = o.refit_identical = true; }, "refitIdentical"},
      {[](BuildOptions& o) { o.weight_streaming = true; }, "strongly typed"},
      {[](BuildOptions& o) { o.disable_timing_cache = o.error_on_timing_cache_miss = true; },
       "miss"},
      {[](BuildOptions& o) {
         o.disable_timing_cache = true;
         o.timing_cache = "file";
       },
       "timing cache file"},
      {[](BuildOptions& o) {
         o.obey_precision_constraints = o.prefer_precision_constraints = true;
       },
       "obeyed or preferred"},
      {[](BuildOptions& o) { o.gpu_fallback = true; }, "gpuFallback was given without dlaCore"},
      {[](BuildOptions& o) { o.config.dla_standalone = true; }, "dlaStandalone was given without"},
      {[](BuildOptions& o) { o.config.dla_core = 0; }, "needs fp16 or int8"},
      {[](BuildOptions& o) {
         o.config.dla_core = 0;
         o.fp16 = o.gpu_fallback = o.config.dla_standalone = true;
       },
       "exclude each other"},
      {[](BuildOptions& o) { o.network.layer_precisions = {{"*", DataType::kHalf}}; }, "no effect"},
      {[](BuildOptions& o) {
         o.network.layer_output_types = {{"*", {DataType::kHalf}}};
         o.strongly_typed = true;
       },
       "layerOutputTypes and stronglyTyped"},
      {[](BuildOptions& o) { o.config.tiling_optimization_level = 4; }, "0 to 3"},
      {[](BuildOptions& o) { o.config.memory_pools["kNOTHING"] = 1; },
       "no MemoryPoolType::kNOTHING"},
  };
  for (const auto& [change, text] : cases) {
    Fake fake(k10);
    CHECK_CONTAINS(CHECK_FAILS(fake.Tell(With(change)), kInvalidArgument).message, text);
    CHECK(fake.calls.empty());
  }
  Fake eleven(k11);
  const Error error = CHECK_FAILS(eleven.Tell(With([](BuildOptions& o) {
    o.network.layer_precisions = {{"*", DataType::kHalf}};
  })),
                                  kUnsupported);
  CHECK_CONTAINS(error.hint, "AutoCast");
}

TEST(DlaAsTrtexecDoesIt) {
  const Change dla = [](BuildOptions& options) {
    options.fp16 = true;
    options.config.dla_core = 1;
  };
  CheckCalls(k8, dla,
             {"setFlag 0", "setDefaultDeviceType 1", "setDLACore 1", "setFlag 12", "setFlag 11"});
  CheckCalls(k10, dla,
             {"setFlag 0", "setDefaultDeviceType 1", "setDLACore 1", "setFlag 11", "setFlag 10"});
  CheckCalls(k11,
             [](BuildOptions& options) {
               options.config.dla_core = 0;
               options.gpu_fallback = true;
             },
             {"setFlag 3", "setDefaultDeviceType 1", "setDLACore 0"});
  CheckCalls(k11,
             [](BuildOptions& options) {
               options.config.dla_core = 0;
               options.config.dla_standalone = true;
             },
             {"setDefaultDeviceType 1", "setDLACore 0", "setEngineCapability 2", "setFlag 11"});
  Fake fake(k10);
  fake.dla_cores = 1;
  CHECK_CONTAINS(CHECK_FAILS(fake.Tell(With(dla)), kInvalidArgument).message, "below 1");
  fake.dla_cores = 0;
  CHECK_CONTAINS(CHECK_FAILS(fake.Tell(With(dla)), kInvalidArgument).message, "has no DLA");
}

TEST(FormatsAndTypesOfInputsAndOutputs) {
  const Change half = [](BuildOptions& options) {
    options.network.input_formats = {{"x", {DataType::kHalf, {0, 5}}}};
    options.network.output_formats = {{"*", {std::nullopt, {9}}}};
  };
  for (const Version& version : {k8, k10}) {
    CheckCalls(version, half, {"setType 1", "setAllowedFormats 33", "setAllowedFormats 512"});
  }
  Fake eleven(k11);
  CHECK_CONTAINS(CHECK_FAILS(eleven.Tell(With(half)), kInvalidArgument).message,
                 "The type of input 'x' cannot be float16");
  const Change own = [](BuildOptions& options) {
    options.network.input_formats = {{"*", {DataType::kFloat, {0}}}};
  };
  CheckCalls(k11, own, {"setAllowedFormats 1"});
  Fake ten(k10);
  CHECK_CONTAINS(CHECK_FAILS(ten.Tell(With([&](BuildOptions& options) {
                   own(options);
                   options.network.input_formats["z"] = {};
                 })),
                             kUnknownTensor)
                     .message,
                 "There is: 'x'");
}

TEST(SettingsOfLayers) {
  // A full name goes before patterns, of which the last holds; a pattern leaves out layers that compute no numbers, a full name does not.
  const Change types = [](BuildOptions& options) {
    options.obey_precision_constraints = true;
    options.network.layer_precisions = {{"a/conv", DataType::kFloat}, {"*", DataType::kHalf}};
    options.network.layer_output_types = {{"*", {DataType::kHalf}},
                                          {"b/shape", {DataType::kInt32}}};
  };
  CheckCalls(k8, types, {"setFlag 10", "setPrecision 0", "setOutputType 0 1", "setOutputType 0 3"});
  CheckCalls(k10, types, {"setFlag 9", "setPrecision 0", "setOutputType 0 1", "setOutputType 0 3"});
  const Change others = [](BuildOptions& options) {
    options.network.layer_device_types = {{"a*", 1}};
    options.network.layer_metadata = {{"*shape", "of mine"}};
  };
  for (const Version& version : {k8, k10, k11}) {
    CheckCalls(version, others, {"setDeviceType conv 1", "of mine"});
  }
  const Change debug = [](BuildOptions& options) {
    options.network.debug_tensors = {"h"};
    options.network.unfused_debug_tensors = true;
  };
  for (const Version& version : {k10, k11})
    CheckCalls(version, debug, {"markDebug h", "markUnfused"});
  Fake fake(k10);
  fake.accepts = false;
  CHECK_FAILS(fake.Tell(With(debug)), kInvalidArgument);
  Error error = CHECK_FAILS(fake.Tell(With([](BuildOptions& options) {
    options.network.layer_metadata = {{"c*", "t"}};
  })),
                            kInvalidArgument);
  CHECK_CONTAINS(error.message, "no layer of the network matches 'c*'");
  CHECK_EQ(error.hint, "Layers are 'a/conv', 'b/shape'.");
  CHECK_FAILS(fake.Tell(With([](BuildOptions& options) { options.network.debug_tensors = {"q"}; })),
              kUnknownTensor);
  CHECK_FAILS(fake.Tell(With([](BuildOptions& options) {
    options.prefer_precision_constraints = true;
    options.network.layer_output_types = {{"a/conv", {DataType::kHalf, DataType::kFloat}}};
  })),
              kInvalidArgument);
}

TEST(PatternsHaveOneStar) {
  CHECK(MatchesPattern("conv", "conv"));
  CHECK(!MatchesPattern("conv", "conv1"));
  CHECK(MatchesPattern("*", ""));
  CHECK(MatchesPattern("conv*", "conv1"));
  CHECK(MatchesPattern("*1", "conv1"));
  CHECK(MatchesPattern("c*1", "c1"));
  CHECK(!MatchesPattern("ab*bc", "abc"));
}

TEST(APortablePlanTakesItsPluginsAlong) {
  const Change portable = [](BuildOptions& options) {
    options.version_compatible = true;
    options.config.plugins_to_serialize = {"mine.so"};
  };
  CheckCalls(k8, portable, {"setFlag 15", "mine.so", "parsed.so"});
  CheckCalls(k10, portable, {"setFlag 13", "mine.so", "parsed.so"});
  CheckCalls(k11, portable, {"setFlag 12", "mine.so", "parsed.so"});
  CheckCalls(k10,
             [](BuildOptions& options) {
               options.version_compatible = true;
               options.config.ignore_parsed_plugins = true;
             },
             {"setFlag 13"});
  CheckCalls(k10,
             [](BuildOptions& options) {
               options.version_compatible = true;
               options.exclude_lean_runtime = true;
             },
             {"setFlag 13", "setFlag 14"});
}

}  // namespace
}  // namespace trtnode::tensorrt
