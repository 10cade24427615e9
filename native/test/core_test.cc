// core/: Dims, DataType, Status.
#include <limits>
#include <set>

#include "core/dims.h"
#include "core/dtype.h"
#include "core/status.h"
#include "test/check.h"

namespace trtnode {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(DimsText) {
  CHECK_EQ(Dims().ToString(), "()");
  CHECK_EQ((Dims{1, 3, -1}).ToString(), "(1, 3, -1)");
  CHECK_EQ((Dims{7}).ToString(), "(7)");
}

TEST(DimsVolume) {
  CHECK(Dims().Volume() == 1);
  CHECK((Dims{2, 3, 4}).Volume() == 24);
  CHECK(!(Dims{2, -1}).Volume());
  CHECK(!(Dims{kMax, 2}).Volume());
  CHECK((Dims{kMax, 1}).Volume() == kMax);
  CHECK((Dims{kMax, kMax, 0}).Volume() == 0);
  CHECK(!(Dims{0, -1}).Volume());
}

TEST(DimsRank) {
  const std::vector<std::int64_t> nine(9, 1);
  CHECK(!Dims::From(nine));
  const auto eight = Dims::From(std::span(nine).first(8));
  CHECK(eight && eight->rank() == 8);
  CHECK(Dims::From({}) == Dims());
  CHECK_EQ((Dims{1, 1, 1, 1, 1, 1, 1, 1, 1}).rank(), 8);
}

TEST(DimsEquality) {
  CHECK((Dims{1, 2}) == (Dims{1, 2}));
  CHECK(!((Dims{1, 2}) == (Dims{1, 2, 3})));
  CHECK(!((Dims{1, 2}) == (Dims{2, 1})));
  Dims a{1, 2};
  a[5] = 9;  // beyond the rank: does not count
  CHECK(a == (Dims{1, 2}));
}

TEST(DimsConcrete) {
  CHECK(Dims().IsConcrete());
  CHECK((Dims{0, 5}).IsConcrete());
  CHECK(!(Dims{1, -1}).IsConcrete());
}

TEST(DataTypeSizes) {
  CHECK_EQ(BitsPerElement(DataType::kFloat), 32);
  CHECK_EQ(BitsPerElement(DataType::kInt64), 64);
  CHECK_EQ(BitsPerElement(DataType::kInt4), 4);
  CHECK_EQ(BitsPerElement(static_cast<DataType>(12)), 0);
  CHECK_EQ(BitsPerElement(static_cast<DataType>(-1)), 0);
}

TEST(DataTypeNames) {
  std::set<std::string_view> names;
  for (int i = 0; i < 12; ++i) {
    const std::string_view name = DataTypeName(static_cast<DataType>(i));
    names.insert(name);
    CHECK(DataTypeFromName(name) == static_cast<DataType>(i));
  }
  CHECK_EQ(names.size(), 12U);
  CHECK(!DataTypeFromName("float64"));
  CHECK(!DataTypeFromName(""));
  CHECK_EQ(DataTypeName(static_cast<DataType>(99)), "unknown");
}

TEST(ByteSizes) {
  CHECK(ByteSize(DataType::kFloat, 3) == 12U);
  CHECK(ByteSize(DataType::kBool, 0) == 0U);
  CHECK(ByteSize(DataType::kInt4, 3) == 2U);
  CHECK(ByteSize(DataType::kFp4, 4) == 2U);
  CHECK(!ByteSize(DataType::kFloat, -1));
  CHECK(!ByteSize(DataType::kInt64, kMax));
  CHECK(ByteSize(DataType::kInt4, kMax) == static_cast<std::uint64_t>(kMax) / 2 + 1);
  CHECK(!ByteSize(static_cast<DataType>(50), 1));
}

TEST(ErrorCodeNames) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const std::string name = ErrorCodeName(static_cast<ErrorCode>(i));
    CHECK(name.starts_with("ERR_TRT_"));
    names.insert(name);
  }
  CHECK_EQ(names.size(), static_cast<std::size_t>(ErrorCode::kInternal) + 1);
}

Result<int> Half(int value) {
  if (value % 2 != 0) return Status(ErrorCode::kInvalidArgument, "odd", "give an even number");
  return value / 2;
}

Status Quarter(int value, int& out) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  ASSIGN_OR_RETURN(out, Half(half));
  RETURN_IF_ERROR(Status());
  return Status();
}

TEST(StatusMacros) {
  int out = 0;
  CHECK_OK(Quarter(8, out));
  CHECK_EQ(out, 2);
  const Error error = CHECK_FAILS(Quarter(6, out), kInvalidArgument);
  CHECK_EQ(error.message, "odd");
  CHECK_EQ(error.hint, "give an even number");
}

TEST(ResultTakesMoveOnlyValues) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  REQUIRE(result.ok());
  CHECK_EQ(*result.Take(), 5);
  Result<std::unique_ptr<int>> failed(Status(ErrorCode::kCuda, "no"));
  CHECK(!failed.ok());
  CHECK(failed.TakeStatus().error().code == ErrorCode::kCuda);
}

}  // namespace
}  // namespace trtnode
