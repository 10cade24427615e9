// The words that TensorRT uses when it refuses a plan, and ours.
#include "tensorrt/plan_refusal.h"

#include <initializer_list>
#include <string_view>

namespace trtnode::tensorrt {
namespace {

bool Mentions(const Error& error, std::initializer_list<std::string_view> words) {
  for (const std::string& line : error.log) {
    for (const std::string_view word : words) {
      if (line.find(word) != std::string::npos) return true;
    }
  }
  return false;
}

bool SaysVersion(const Error& error) {
  return Mentions(error, {"ersion tag does not match", "kSERIALIZATION_VERSION",
                          "is not compatible with this version of TensorRT",
                          "expecting library version", "Version tag mismatch"});
}

bool SaysDevice(const Error& error) {
  return Mentions(
      error, {"generated on an incompatible device", "compute capability", "Compute Capability",
              "incompatible with the current device", "platform for which the engine was created",
              "engine plan file is generated on", "plan file platform"});
}

}  // namespace

void ExplainRefusal(const PlanHeader& header, const Version& running, Flavor flavor, Error& error) {
  if (error.code == ErrorCode::kOutOfMemory) return;
  const std::string here = "TensorRT " + running.ToString() +
                           (flavor == Flavor::kLean       ? " (lean runtime)"
                            : flavor == Flavor::kDispatch ? " (dispatch runtime)"
                                                          : "");
  const bool other_version = header.version && (header.version->major != running.major ||
                                                header.version->minor != running.minor ||
                                                header.version->patch != running.patch);
  // Device before version: the text about devices never talks of versions, while the other way round is not certain.
  if (SaysDevice(error)) {
    error.code = ErrorCode::kPlanDevice;
    std::string built = "another GPU";
    if (header.compute_capability_major && header.compute_capability_minor) {
      built = "a GPU of compute capability " + std::to_string(*header.compute_capability_major) +
              "." + std::to_string(*header.compute_capability_minor);
    }
    error.message = "The plan was built on " + built + ". " + error.message;
    error.hint =
        "Build the plan on this kind of GPU, or with hardware compatibility "
        "(--hardwareCompatibilityLevel).";
    return;
  }
  // A plan of another major never loads, whatever the words: 10.6 says of an 8.6 plan "Using old deserialization call".
  const bool other_major = header.version && header.version->major != running.major;
  if (SaysVersion(error) || other_major || (error.log.empty() && other_version)) {
    error.code = ErrorCode::kPlanVersion;
    const std::string built =
        header.version ? "TensorRT " + header.version->ToString() : "another version of TensorRT";
    error.message = "The plan was built with " + built + ", this is " + here + ". " + error.message;
    error.hint = "Rebuild the plan with TensorRT " + running.ToString() +
                 ", build it version-compatible (--versionCompatible), or load the TensorRT that "
                 "built it (TRT_NODE_LIBRARY).";
    if (header.version && *header.version == running && flavor != Flavor::kFull) {
      error.hint =
          "The lean runtime loads only version-compatible plans that were built without "
          "the lean runtime in them (--versionCompatible --excludeLeanRuntime).";
    }
    return;
  }
  if (Mentions(error, {"EngineHostCodeAllowed", "engine host code", "host code"})) {
    error.hint =
        "The plan carries host code (a lean runtime). If you trust its origin, allow it: "
        "engineHostCodeAllowed: true.";
  } else if (Mentions(error, {"lugin"})) {
    error.hint = "The plan uses a plugin that is not loaded: name its library in `plugins`.";
  }
}

}  // namespace trtnode::tensorrt
