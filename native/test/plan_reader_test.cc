// PlanReader: read as TensorRT reads, by slots, with small and large steps, back and forth, to host and device.
#include "tensorrt/plan_reader.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "test/check.h"

namespace trtnode::tensorrt {
namespace {

using abi::i64;

std::byte At(std::uint64_t position) {
  return static_cast<std::byte>(position * 7 + position / 251);
}

// `total` bytes that follow from their position, at most `step` at a time; fails at `fail_at`.
struct TestSource final : PlanSource {
  TestSource(std::uint64_t size, std::size_t most) : total(size), step(most) {}
  Result<std::size_t> Read(std::span<std::byte> into) override {
    if (at >= fail_at) return Status(ErrorCode::kFile, "The line went dead.");
    const auto got = static_cast<std::size_t>(
        std::min<std::uint64_t>({into.size(), step, total - at, fail_at - at}));
    for (std::size_t i = 0; i < got; ++i) into[i] = At(at + i);
    at += got;
    return got;
  }
  std::uint64_t total, at = 0, fail_at = ~std::uint64_t{0};
  std::size_t step;
};

// "Device" memory is what the test says it is.
struct TestCopy final : DeviceCopy {
  bool IsDevice(const void* address) const override { return address == device; }
  Status ToDevice(void* to, std::span<const std::byte> from, void* stream) override {
    std::memcpy(to, from.data(), from.size());
    ++copies;
    last_stream = stream;
    return {};
  }
  const void* device = nullptr;
  int copies = 0;
  void* last_stream = nullptr;
};

template <typename R, typename... A>
R CallSlot(void* object, std::size_t slot, A... arguments) {
  void* const* vtable = *static_cast<void* const* const*>(object);
  return reinterpret_cast<R (*)(void*, A...)>(vtable[slot])(object, arguments...);
}

i64 ReadV1(PlanReader& reader, void* to, i64 bytes) {
  return CallSlot<i64>(reader.v1(), 4, to, bytes);
}
i64 ReadV2(PlanReader& reader, void* to, i64 bytes, void* stream = nullptr) {
  return CallSlot<i64>(reader.v2(), 4, to, bytes, stream);
}
bool Seek(PlanReader& reader, i64 offset, int position) {
  return CallSlot<bool>(reader.v2(), 5, offset, position);
}

bool Right(const std::vector<std::byte>& bytes, std::uint64_t position) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != At(position + i)) return false;
  }
  return true;
}

TEST(ReadsOnInWholePieces) {
  for (const std::size_t step : {1U, 10U, 4096U}) {
    TestSource source(10'000, step);
    TestCopy copy;
    PlanReader reader(source, copy);
    const auto head = reader.Peek(512);
    REQUIRE_OK(head);
    CHECK_EQ(head.value().size(), std::size_t{512});
    std::uint64_t position = 0;
    for (const std::size_t size : {4U, 28U, 1000U, 8000U}) {
      std::vector<std::byte> bytes(size);
      CHECK_EQ(ReadV1(reader, bytes.data(), static_cast<i64>(size)), static_cast<i64>(size));
      CHECK(Right(bytes, position));
      position += size;
    }
    CHECK(!reader.ended_early());
    std::vector<std::byte> rest(5000);
    CHECK_EQ(ReadV1(reader, rest.data(), 5000), 10'000 - static_cast<i64>(position));
    CHECK(reader.ended_early());
    CHECK_EQ(ReadV1(reader, rest.data(), 1), 0);
    CHECK_EQ(reader.bytes_read(), std::uint64_t{10'000});
    CHECK(reader.Drain().ok());
    CHECK_EQ(copy.copies, 0);
  }
}

TEST(AShortSourceIsSeenWhole) {
  TestSource source(100, 7);
  TestCopy copy;
  PlanReader reader(source, copy);
  const auto head = reader.Peek(512);
  REQUIRE_OK(head);
  CHECK_EQ(head.value().size(), std::size_t{100});
}

TEST(SeeksForwardsAndALittleBack) {
  constexpr std::uint64_t kTotal = std::uint64_t{20} << 20;
  TestSource source(kTotal, 100'000);
  TestCopy copy;
  PlanReader reader(source, copy);
  REQUIRE_OK(reader.Peek(512));
  reader.SetTotal(kTotal);
  reader.KeepWindow();
  std::vector<std::byte> bytes(1000);
  CHECK_EQ(ReadV2(reader, bytes.data(), 1000), 1000);
  CHECK(Seek(reader, 0, 0));
  CHECK_EQ(ReadV2(reader, bytes.data(), 1000), 1000);
  CHECK(Right(bytes, 0));
  CHECK(Seek(reader, 5'000'000, 1));
  CHECK_EQ(ReadV2(reader, bytes.data(), 1000), 1000);
  CHECK(Right(bytes, 5'001'000));
  CHECK(Seek(reader, -3'000'000, 1));
  CHECK_EQ(ReadV2(reader, bytes.data(), 1000), 1000);
  CHECK(Right(bytes, 2'002'000));
  // Over the border between what is kept and what is new.
  std::vector<std::byte> large(4'000'000);
  CHECK_EQ(ReadV2(reader, large.data(), 4'000'000), 4'000'000);
  CHECK(Right(large, 2'003'000));
  CHECK(Seek(reader, -1000, 2));
  CHECK_EQ(ReadV2(reader, bytes.data(), 1000), 1000);
  CHECK(Right(bytes, kTotal - 1000));
  CHECK(!reader.failed());
  // Too far back: told when it is read.
  CHECK(Seek(reader, 0, 0));
  CHECK_EQ(ReadV2(reader, bytes.data(), 1), -1);
  const Status failure = reader.TakeFailure();
  CHECK_CONTAINS(CHECK_FAILS(failure, kUnsupported).message, "went back to byte 0");
}

TEST(RefusesSeeksThatCannotBe) {
  TestSource source(1000, 1000);
  TestCopy copy;
  PlanReader reader(source, copy);
  CHECK(!Seek(reader, -1, 0));
  CHECK(!Seek(reader, -1, 1));
  CHECK(!Seek(reader, 0, 2));  // nobody knows the end
  CHECK(!Seek(reader, 0, 7));
  reader.SetTotal(1000);
  CHECK(Seek(reader, 10, 2));
  CHECK(!Seek(reader, std::numeric_limits<i64>::max(), 2));
  std::vector<std::byte> bytes(10);
  CHECK_EQ(ReadV2(reader, bytes.data(), 10), 0);  // behind the end
  CHECK(reader.ended_early());
  CHECK_EQ(ReadV2(reader, nullptr, 10), -1);
  CHECK_EQ(ReadV2(reader, bytes.data(), -1), -1);
}

TEST(CopiesToTheDeviceInTheStream) {
  constexpr std::size_t kSize = std::size_t{3} << 20;
  TestSource source(kSize, 4096);
  TestCopy copy;
  PlanReader reader(source, copy);
  std::vector<std::byte> device(kSize);
  copy.device = device.data();
  int stream = 0;
  CHECK_EQ(ReadV2(reader, device.data(), static_cast<i64>(kSize), &stream),
           static_cast<i64>(kSize));
  CHECK(Right(device, 0));
  CHECK(copy.copies >= 3);
  CHECK(copy.last_stream == &stream);
}

TEST(TheSourcesFailureIsKept) {
  TestSource source(10'000, 10'000);
  source.fail_at = 700;
  TestCopy copy;
  PlanReader reader(source, copy);
  REQUIRE_OK(reader.Peek(512));
  std::vector<std::byte> bytes(1000);
  CHECK_EQ(ReadV1(reader, bytes.data(), 1000), -1);
  CHECK_EQ(ReadV1(reader, bytes.data(), 1), -1);
  CHECK(reader.failed());
  const Status failure = reader.TakeFailure();
  CHECK_CONTAINS(CHECK_FAILS(failure, kFile).message, "went dead");
}

TEST(CollectsWhatIsLeft) {
  for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{300}, std::uint64_t{3} << 20}) {
    for (const bool known : {true, false}) {
      TestSource source(total, 100'000);
      TestCopy copy;
      PlanReader reader(source, copy);
      REQUIRE_OK(reader.Peek(512));
      // A header may promise anything.
      auto bytes = reader.Collect(known ? std::optional(total) : std::optional(~std::uint64_t{0}));
      REQUIRE_OK(bytes);
      CHECK_EQ(bytes.value().size(), static_cast<std::size_t>(total));
      CHECK(Right(bytes.value(), 0));
    }
  }
}

}  // namespace
}  // namespace trtnode::tensorrt
