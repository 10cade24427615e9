// PlanHeader: what the first bytes of a plan tell before anything is deserialized.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/status.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

enum class PlanKind : std::uint8_t { kTensorRT, kReference };

struct PlanHeader {
  PlanKind kind = PlanKind::kTensorRT;
  std::optional<Version> version;  // of the TensorRT that built it, where the header tells
  std::optional<std::uint64_t> total_bytes;  // what the header says; more than given: truncated
  std::optional<int> compute_capability_major,
      compute_capability_minor;  // of the GPU it was built on, where found
};

// kInvalidPlan: empty, too short, no plan at all (an ONNX file is named as such), truncated (with both sizes).
// `prefix`: these are the first bytes only, and more may come.
Result<PlanHeader> ReadPlanHeader(std::span<const std::byte> plan, bool prefix = false);
// kInvalidPlan, with both sizes.
Status TruncatedPlan(std::uint64_t announced, std::uint64_t given);

// Refuses, before TensorRT sees the bytes, what cannot work: kPlanRuntime, kPlanVersion (a version-compatible plan cannot be told
// from the header: then TensorRT decides).
Status CheckPlanHeader(const PlanHeader& header, bool reference_runtime);

}  // namespace trtnode::tensorrt
