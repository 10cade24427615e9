// Reading the first bytes of a plan. The layout was read off plans of TensorRT 8.6.1 and 10.6.0; what is not certain stays unset.
#include "tensorrt/plan_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace trtnode::tensorrt {
namespace {

// Offsets in a TensorRT plan, little-endian.
constexpr std::size_t kFormatOffset = 0x08;   // u64: 1 in 8.6, 2 in 10.x
constexpr std::size_t kTotalOffset = 0x10;    // u64: bytes of the whole plan
constexpr std::size_t kVersionOffset = 0x18;  // u8 each: major, minor, patch, build
constexpr std::size_t kHeaderBytes = 0x1c;

constexpr std::string_view kMagic = "ftrt";
constexpr std::string_view kOldMagic = "ptrt";  // of TensorRT 8.5 and older
constexpr std::string_view kReferenceMagic = "TRTNREF1";

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// In a plan of the reference runtime (native/reference/plan/plan.h).
constexpr std::size_t kReferenceTotalOffset = 0x10;  // u64: bytes of the whole plan
constexpr std::size_t kReferenceHeaderBytes = 0x20;

// The callers have checked that the bytes are there.
template <typename T>
T Read(std::span<const std::byte> plan, std::size_t offset) {
  T value{};
  std::memcpy(&value, plan.data() + offset, sizeof(value));
  return value;
}

// A protobuf ModelProto: ir_version first (a small number), then a field that ModelProto has.
bool LooksLikeOnnx(std::span<const std::byte> bytes) {
  if (bytes.size() < 3 || bytes[0] != std::byte{0x08}) return false;
  const int ir_version = std::to_integer<int>(bytes[1]);
  if (ir_version < 1 || ir_version > 32) return false;
  constexpr std::array<int, 7> kFields = {0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42};
  return std::find(kFields.begin(), kFields.end(), std::to_integer<int>(bytes[2])) != kFields.end();
}

std::string Hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    if (!text.empty()) text += ' ';
    text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

Status NoPlan(std::span<const std::byte> bytes) {
  if (LooksLikeOnnx(bytes)) {
    return Status(ErrorCode::kInvalidPlan, "This is an ONNX model, not a TensorRT plan.",
                  "Build it first: `trt-node build --onnx=MODEL --saveEngine=PLAN`.");
  }
  if (Text(bytes).starts_with("version https://git-lfs")) {
    return Status(ErrorCode::kInvalidPlan, "This is a Git LFS pointer, not the plan itself.",
                  "Fetch the file: `git lfs pull`.");
  }
  return Status(ErrorCode::kInvalidPlan,
                "This is no TensorRT plan: it begins with the bytes " +
                    Hex(bytes.first(std::min<std::size_t>(bytes.size(), 8))) +
                    ", a plan begins with \"ftrt\".",
                "Give the file that trtexec --saveEngine or `trt-node build` wrote.");
}

// The compute capability stands behind a sequence of type tags whose place differs from version to version.
void FindComputeCapability(std::span<const std::byte> plan, PlanHeader& header) {
  constexpr std::array<unsigned char, 12> kTags = {0x12, 0x80, 0x01, 0x00, 0x10, 0x80,
                                                   0x01, 0x00, 0x07, 0x80, 0x01, 0x00};
  constexpr std::array<unsigned char, 4> kIntTag = {0x07, 0x80, 0x01, 0x00};
  const std::span<const std::byte> head = plan.first(std::min<std::size_t>(plan.size(), 512));
  const std::size_t needed = kTags.size() + 4 + kIntTag.size() + 4;
  for (std::size_t at = 0; at + needed <= head.size(); ++at) {
    const std::byte* tags = head.data() + at;
    const std::byte* second = tags + kTags.size() + 4;
    if (std::memcmp(tags, kTags.data(), kTags.size()) != 0 ||
        std::memcmp(second, kIntTag.data(), kIntTag.size()) != 0) {
      continue;
    }
    const auto major = Read<std::int32_t>(head, at + kTags.size());
    const auto minor = Read<std::int32_t>(head, at + kTags.size() + 4 + kIntTag.size());
    // Anything else is a chance likeness.
    if (major < 3 || major > 99 || minor < 0 || minor > 9) return;
    header.compute_capability_major = major;
    header.compute_capability_minor = minor;
    return;
  }
}

Status ShorterThanHeader(std::size_t given) {
  return Status(
      ErrorCode::kInvalidPlan,
      "The plan is truncated: it has " + std::to_string(given) + " bytes, fewer than its header.",
      "Check how the file was written or copied.");
}

}  // namespace

Status TruncatedPlan(std::uint64_t announced, std::uint64_t given) {
  return Status(ErrorCode::kInvalidPlan,
                "The plan is truncated: its header says " + std::to_string(announced) +
                    " bytes, there are " + std::to_string(given) + ".",
                "Check how the file was written or copied.");
}

Result<PlanHeader> ReadPlanHeader(std::span<const std::byte> plan, bool prefix) {
  if (plan.empty()) {
    return Status(ErrorCode::kInvalidPlan, "The plan is empty.",
                  "Check how the file was written or copied.");
  }
  PlanHeader header;
  const std::string_view text = Text(plan);
  if (text.starts_with(kReferenceMagic)) {
    header.kind = PlanKind::kReference;
    if (plan.size() < kReferenceHeaderBytes) return ShorterThanHeader(plan.size());
    header.total_bytes = Read<std::uint64_t>(plan, kReferenceTotalOffset);
    if (!prefix && *header.total_bytes > plan.size()) {
      return TruncatedPlan(*header.total_bytes, plan.size());
    }
    return header;
  }
  if (text.starts_with(kOldMagic)) return header;  // TensorRT says the rest
  if (!text.starts_with(kMagic)) {
    // A few bytes of a plan are a truncated plan, not something else.
    const bool cut = kMagic.starts_with(text) || kReferenceMagic.starts_with(text);
    if (!cut) return NoPlan(plan);
  }
  if (plan.size() < kHeaderBytes) return ShorterThanHeader(plan.size());
  const auto format = Read<std::uint64_t>(plan, kFormatOffset);
  if (format != 1 && format != 2) return header;  // a layout that we do not know
  header.total_bytes = Read<std::uint64_t>(plan, kTotalOffset);
  const auto version = Read<std::array<std::uint8_t, 4>>(plan, kVersionOffset);
  if (version[0] != 0) header.version = Version{version[0], version[1], version[2], version[3]};
  if (!prefix && *header.total_bytes > plan.size()) {
    return TruncatedPlan(*header.total_bytes, plan.size());
  }
  FindComputeCapability(plan, header);
  return header;
}

Status CheckPlanHeader(const PlanHeader& header, bool reference_runtime) {
  if (header.kind == PlanKind::kReference && !reference_runtime) {
    return Status(ErrorCode::kPlanRuntime,
                  "The plan was built by trt-node's CPU reference runtime; TensorRT cannot run it.",
                  "Build the plan with TensorRT, or choose the reference runtime (runtime: "
                  "'reference', TRT_NODE_RUNTIME=reference).");
  }
  if (header.kind == PlanKind::kTensorRT && reference_runtime) {
    const std::string built =
        header.version ? "TensorRT " + header.version->ToString() : std::string("TensorRT");
    return Status(
        ErrorCode::kPlanRuntime,
        "The plan was built by " + built + " for a GPU; the CPU reference runtime cannot run it.",
        "Run it with TensorRT on a GPU, or build the ONNX model again with the reference "
        "runtime.");
  }
  return Status();
}

}  // namespace trtnode::tensorrt
