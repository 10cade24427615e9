// Plan headers: of the versions at hand, truncated at every length, mutated at random.
#include "tensorrt/plan_header.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tensorrt/plan_refusal.h"
#include "test/check.h"

namespace trtnode::tensorrt {
namespace {

using Bytes = std::vector<std::byte>;

void Append(Bytes& bytes, std::initializer_list<int> values) {
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
}

void Append(Bytes& bytes, std::string_view text) {
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
}

void AppendU64(Bytes& bytes, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
}

// As TensorRT 10.6.0.26 writes it for a GPU of compute capability 9.0.
Bytes Plan106(std::size_t total = 600) {
  Bytes bytes;
  Append(bytes, "ftrt");
  Append(bytes, {0, 0, 0, 0});
  AppendU64(bytes, 2);
  AppendU64(bytes, total);
  Append(bytes, {10, 6, 0, 26});
  Append(bytes, "rtrt");
  bytes.resize(0x84);
  Append(bytes, {0x12, 0x80, 1, 0, 0x10, 0x80, 1, 0, 7, 0x80, 1, 0, 9, 0, 0, 0});
  Append(bytes, {7, 0x80, 1, 0, 0, 0, 0, 0});
  bytes.resize(total);
  return bytes;
}

Bytes Text(std::string_view text) {
  Bytes bytes;
  Append(bytes, text);
  return bytes;
}

TEST(APlanOf106) {
  const Bytes plan = Plan106();
  const auto header = ReadPlanHeader(plan);
  REQUIRE_OK(header);
  CHECK(header.value().kind == PlanKind::kTensorRT);
  CHECK(header.value().version == (Version{10, 6, 0, 26}));
  CHECK(header.value().total_bytes == 600U);
  CHECK(header.value().compute_capability_major == 9);
  CHECK(header.value().compute_capability_minor == 0);
  CHECK_OK(CheckPlanHeader(header.value(), false));
  const Error error = CHECK_FAILS(CheckPlanHeader(header.value(), true), kPlanRuntime);
  CHECK_CONTAINS(error.message, "TensorRT 10.6.0.26");
}

TEST(ALongerFileIsFine) {
  Bytes plan = Plan106();
  plan.resize(plan.size() + 100);
  CHECK_OK(ReadPlanHeader(plan));
}

TEST(EveryTruncationIsRefused) {
  const Bytes plan = Plan106();
  for (std::size_t length = 0; length < plan.size(); ++length) {
    const auto header = ReadPlanHeader(std::span(plan).first(length));
    const Error error = CHECK_FAILS(header, kInvalidPlan);
    if (length >= 0x1c) {
      CHECK_CONTAINS(error.message, "600 bytes, there are " + std::to_string(length));
    }
  }
}

TEST(MutationsNeverCrash) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    Bytes plan = Plan106(200);
    const auto mutations = random() % 8 + 1;
    for (unsigned i = 0; i < mutations; ++i) {
      plan[random() % plan.size()] = static_cast<std::byte>(random() & 0xff);
    }
    plan.resize(random() % 201);
    plan.shrink_to_fit();  // so that AddressSanitizer sees one byte too far
    const auto header = ReadPlanHeader(plan);
    if (header.ok()) {
      static_cast<void>(CheckPlanHeader(header.value(), false));
    } else {
      CHECK_EQ(header.error().code, ErrorCode::kInvalidPlan);
      CHECK(!header.error().message.empty());
    }
  }
}

TEST(OtherFilesAreNamed) {
  CHECK_CONTAINS(CHECK_FAILS(ReadPlanHeader({}), kInvalidPlan).message, "empty");
  Bytes onnx;
  Append(onnx, {0x08, 0x08, 0x12, 0x07});
  Append(onnx, "pytorch");
  const Error error = CHECK_FAILS(ReadPlanHeader(onnx), kInvalidPlan);
  CHECK_CONTAINS(error.message, "ONNX model");
  CHECK_CONTAINS(error.hint, "build");
  CHECK_CONTAINS(
      CHECK_FAILS(ReadPlanHeader(Text("version https://git-lfs.github.com/spec/v1")), kInvalidPlan)
          .message,
      "Git LFS");
  CHECK_CONTAINS(CHECK_FAILS(ReadPlanHeader(Text("PK\x03\x04")), kInvalidPlan).message,
                 "50 4b 03 04");
  CHECK_CONTAINS(CHECK_FAILS(ReadPlanHeader(Text("{")), kInvalidPlan).message, "no TensorRT plan");
}

TEST(ReferencePlans) {
  Bytes plan = Text("TRTNREF1");
  CHECK_CONTAINS(CHECK_FAILS(ReadPlanHeader(plan), kInvalidPlan).message, "it has 8 bytes");
  plan.resize(40);
  plan[16] = std::byte{41};  // the whole plan's size
  CHECK_CONTAINS(CHECK_FAILS(ReadPlanHeader(plan), kInvalidPlan).message, "says 41 bytes");
  plan[16] = std::byte{40};
  const auto header = ReadPlanHeader(plan);
  REQUIRE_OK(header);
  CHECK(header.value().kind == PlanKind::kReference);
  CHECK_OK(CheckPlanHeader(header.value(), true));
  const Error error = CHECK_FAILS(CheckPlanHeader(header.value(), false), kPlanRuntime);
  CHECK_CONTAINS(error.hint, "TRT_NODE_RUNTIME=reference");
}

TEST(AnUnknownLayoutIsLeftToTensorRT) {
  Bytes plan = Plan106();
  plan[8] = std::byte{3};
  const auto header = ReadPlanHeader(plan);
  REQUIRE_OK(header);
  CHECK(!header.value().version);
  CHECK(!header.value().total_bytes);
  CHECK_OK(ReadPlanHeader(Text("ptrt of TensorRT 8.5 or older")));
}

Error Refused(std::vector<std::string> log) {
  Error error;
  error.code = ErrorCode::kDeserialize;
  error.message = "TensorRT refused the plan.";
  error.log = std::move(log);
  return error;
}

TEST(RefusalsAreExplained) {
  const PlanHeader header = ReadPlanHeader(Plan106()).value();
  const Version eleven{11, 2, 1, 2};
  const auto explain = [&](const char* line, const Version& running,
                           Flavor flavor = Flavor::kFull) {
    Error error = Refused({line});
    ExplainRefusal(header, running, flavor, error);
    return error;
  };
  const char* const tag =
      "[E] IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion "
      "stdVersionRead == kSERIALIZATION_VERSION failed.Version tag does not match. Note: Current "
      "Version: 245, Serialized Engine Version: 239)";
  Error error = explain(tag, eleven);
  CHECK_EQ(error.code, ErrorCode::kPlanVersion);
  CHECK_CONTAINS(error.message, "built with TensorRT 10.6.0.26, this is TensorRT 11.2.1.2");
  CHECK_CONTAINS(error.hint, "Rebuild");

  error = explain(
      "[E] 6: The engine plan file is not compatible with this version of TensorRT, expecting "
      "library version 8.6.1.6 got 8.5.2.2, please rebuild.",
      {8, 6, 1, 6});
  CHECK_EQ(error.code, ErrorCode::kPlanVersion);

  error = explain(
      "[E] 6: The engine plan file is generated on an incompatible device, expecting "
      "compute 8.6 got compute 7.5, please rebuild.",
      {10, 6, 0, 26});
  CHECK_EQ(error.code, ErrorCode::kPlanDevice);
  CHECK_CONTAINS(error.message, "compute capability 9.0");

  error = explain("[E] Error Code 4: bad magic", {10, 6, 0, 26});
  CHECK_EQ(error.code, ErrorCode::kDeserialize);

  error = explain(tag, {10, 6, 0, 26}, Flavor::kLean);
  CHECK_EQ(error.code, ErrorCode::kPlanVersion);
  CHECK_CONTAINS(error.hint, "excludeLeanRuntime");
}

// The plans of a folder, where there are some: TRT_NODE_TEST_PLANS=DIR.
TEST(RealPlans) {
  const char* const folder = std::getenv("TRT_NODE_TEST_PLANS");
  if (folder == nullptr) return;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".plan") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto header = ReadPlanHeader(Text(text));
    REQUIRE_OK(header);
    std::cout << entry.path().filename().string() << ": "
              << header.value().version.value_or(Version()).ToString() << ", "
              << header.value().total_bytes.value_or(0) << " of " << text.size()
              << " bytes, compute capability "
              << header.value().compute_capability_major.value_or(-1) << "."
              << header.value().compute_capability_minor.value_or(-1) << "\n";
    CHECK(header.value().version.has_value());
    CHECK(header.value().total_bytes == text.size());
    CHECK(header.value().compute_capability_major.has_value());
    CHECK_FAILS(ReadPlanHeader(Text(std::string_view(text).substr(0, text.size() - 1))),
                kInvalidPlan);
  }
}

}  // namespace
}  // namespace trtnode::tensorrt
