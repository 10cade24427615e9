// Calls through vtables: fake objects that answer at the slots that the table says, in every major.
#include "tensorrt/abi/call.h"

#include <array>
#include <functional>

#include "tensorrt/abi/variants.h"
#include "test/check.h"
#include "test/fake_object.h"

namespace trtnode::tensorrt::abi {
namespace {

namespace m = methods;
using test::FakeObject;

struct Seen {
  std::string text;
  i64 number = 0;
  void* self = nullptr;
} g_seen;

TEST(DimsComeBackThroughTheHiddenPointer) {
  for (const int major : {10, 11}) {
    FakeObject<VCudaEngine> engine(major);
    engine.Set<m::VCudaEngine_getTensorShape>(+[](void* self, char const* name) {
      g_seen = {name, 0, self};
      return Dims64{3, {1, -1, 1LL << 40}};
    });
    const auto dims = AskDims<m::VCudaEngine_getTensorShape, m::VCudaEngine_getTensorShape_8>(
        major, engine.handle(), "x");
    CHECK(dims == (Dims{1, -1, 1LL << 40}));
    CHECK_EQ(g_seen.text, "x");
    CHECK(g_seen.self == engine.impl());
  }
  FakeObject<VCudaEngine> engine(8);
  engine.Set<m::VCudaEngine_getTensorShape_8>(
      +[](void*, char const*) { return Dims32{2, {4, 5}}; });
  const auto dims = AskDims<m::VCudaEngine_getTensorShape, m::VCudaEngine_getTensorShape_8>(
      8, engine.handle(), "x");
  CHECK(dims == (Dims{4, 5}));
}

TEST(DimsGoByValueIn8AndByReferenceSince) {
  FakeObject<VOptimizationProfile> old(8);
  old.Set<m::VOptimizationProfile_setDimensions_8>(
      +[](void*, char const* name, OptProfileSelector selector, Dims32 dims) {
        g_seen = {name, i64{10} * dims.d[1] + static_cast<i64>(selector), nullptr};
        return std::uint8_t{1};
      });
  const auto tell = [](int major, IOptimizationProfile* handle, OptProfileSelector selector,
                       const Dims& dims) {
    return TellDims<m::VOptimizationProfile_setDimensions, m::VOptimizationProfile_setDimensions_8>(
        major, handle, dims, "x", selector);
  };
  const auto accepted = tell(8, old.handle(), OptProfileSelector::kMax, Dims{3, 7});
  CHECK(accepted.ok() && accepted.value());
  CHECK_FAILS(tell(8, old.handle(), OptProfileSelector::kMax, Dims{1LL << 31}), kInvalidArgument);
  CHECK_EQ(g_seen.number, 72);

  for (const int major : {10, 11}) {
    FakeObject<VOptimizationProfile> profile(major);
    profile.Set<m::VOptimizationProfile_setDimensions>(
        +[](void*, char const* name, OptProfileSelector selector, Dims64 const& dims) {
          g_seen = {name, i64{10} * dims.d[1] + static_cast<i64>(selector), nullptr};
          return std::uint8_t{0};
        });
    CHECK(!tell(major, profile.handle(), OptProfileSelector::kOpt, Dims{3, 8}).value());
    CHECK_EQ(g_seen.number, 81);
  }
}

TEST(OnlyTheLowByteOfABoolCounts) {
  FakeObject<VExecutionContext> context(10);
  // As a library may leave it: al is 0, the rest of the register is not.
  context.SetAny<m::VExecutionContext_enqueueV3>(
      reinterpret_cast<void*>(+[](void*, CUstream_st*) -> std::uint64_t { return 0xdeadbeef00; }));
  CHECK(!Invoke<m::VExecutionContext_enqueueV3>(10, context.handle(), nullptr));
  context.SetAny<m::VExecutionContext_enqueueV3>(
      reinterpret_cast<void*>(+[](void*, CUstream_st*) -> std::uint64_t { return 0xdeadbeef01; }));
  CHECK(Invoke<m::VExecutionContext_enqueueV3>(10, context.handle(), nullptr));
}

TEST(ReferencesComeBackAsPointers) {
  FakeObject<VRuntime> runtime(11);
  static int registry = 0;
  const Version version{11, 1, 0, 0};
  // Set as returning a pointer, which is how a reference comes back; the type itself is never defined.
  runtime.SetAny<m::VRuntime_getPluginRegistry>(
      reinterpret_cast<void*>(+[](void*) -> void* { return &registry; }));
  CHECK(static_cast<void*>(
            Call<m::VRuntime_getPluginRegistry>(version, runtime.handle()).value()) == &registry);
}

TEST(AParserIsCalledThroughItsOwnVtable) {
  for (const int major : {8, 10, 11}) {
    FakeObject<IParser> parser(major);
    parser.Set<m::IParser_getNbErrors>(+[](void* self) {
      g_seen.self = self;
      return 7;
    });
    CHECK_EQ(Invoke<m::IParser_getNbErrors>(major, parser.handle()), 7);
    CHECK(g_seen.self == static_cast<void*>(parser.handle()));
  }
}

TEST(DeletionUsesTheHandlesOwnVtable) {
  for (const int major : {8, 10, 11}) {
    FakeObject<VHostMemory> memory(major);
    {
      const Owned<VHostMemory> owned(major, memory.handle());
    }
    CHECK_EQ(memory.deletions(), 1);
    FakeObject<IParser> parser(major);
    {
      Owned<IParser> owned(major, parser.handle());
      Owned<IParser> moved(std::move(owned));
      CHECK(!owned && moved);  // NOLINT(bugprone-use-after-move): what it is after the move
      owned = std::move(moved);
      CHECK_EQ(parser.deletions(), 0);
    }
    CHECK_EQ(parser.deletions(), 1);
  }
}

TEST(JunkIsNoObject) {
  auto* const junk = reinterpret_cast<IRuntime*>(0x238);
  const Owned<VRuntime> owned(10, junk);  // not deleted either
  CHECK(!owned);
  CHECK(!IsObject(nullptr));
  int real = 0;
  CHECK(IsObject(&real));
}

TEST(WhatAVersionLacksIsNamed) {
  FakeObject<VCudaEngine> engine(10);
  engine.Set<m::VCudaEngine_getEngineStat>(+[](void*, EngineStat) { return i64{5}; });
  const auto ask = [&](const Version& version) {
    return Call<m::VCudaEngine_getEngineStat>(version, engine.handle(), EngineStat{});
  };
  const Error error = CHECK_FAILS(ask({10, 6, 0, 26}), kUnsupported);
  CHECK_EQ(error.message,
           "ICudaEngine::getEngineStat needs TensorRT 10.14 or newer; this is TensorRT 10.6.0.26.");
  CHECK_CONTAINS(error.hint, "10.14");
  CHECK_FAILS(ask({10, 13, 3, 0}), kUnsupported);
  CHECK(ask({10, 14, 0, 0}).ok());
  CHECK(ask({10, 16, 1, 0}).value() == 5);
  CHECK_FAILS(ask({8, 6, 1, 0}), kUnsupported);
  CHECK_FAILS(ask({9, 3, 0, 0}), kUnsupported);
  CHECK_FAILS(ask({12, 0, 0, 0}), kUnsupported);

  FakeObject<VOptimizationProfile> profile(11);
  const Error gone = CHECK_FAILS(
      Call<m::VOptimizationProfile_setShapeValues>(Version{11, 2, 1, 0}, profile.handle(), "x",
                                                   OptProfileSelector::kMin, nullptr, 0),
      kUnsupported);
  CHECK_CONTAINS(gone.message,
                 "IOptimizationProfile::setShapeValues does not exist in TensorRT 11");
  CHECK_EQ(gone.hint, "It is in TensorRT 8 and 10.");
}

TEST(WhatOnlyDescribesHasAnAnswerEverywhere) {
  FakeObject<VCudaEngine> engine(8);
  engine.Set<m::VCudaEngine_getNbAuxStreams>(+[](void*) { return 3; });
  const auto ask = [&](const Version& version) {
    return CallOr<m::VCudaEngine_getNbAuxStreams>(version, 0, engine.handle());
  };
  CHECK_EQ(ask({8, 6, 1, 0}), 3);
  CHECK_EQ(ask({8, 5, 2, 0}), 0);
}

TEST(TheAmbiguousSlotsOf108AreNotCalled) {
  CHECK(Supports<m::VNetworkDefinition_getFlags>(Version{10, 7, 0, 0}));
  CHECK(!Supports<m::VNetworkDefinition_getFlags>(Version{10, 8, 0, 0}));
  CHECK(Supports<m::VNetworkDefinition_getFlags>(Version{10, 9, 0, 0}));
  CHECK(Supports<m::VNetworkDefinition_getNbInputs>(Version{10, 8, 0, 0}));
  FakeObject<VNetworkDefinition> network(10);
  const Error error = CHECK_FAILS(
      Call<m::VNetworkDefinition_getFlags>(Version{10, 8, 0, 43}, network.handle()), kUnsupported);
  CHECK_CONTAINS(error.message, "10.8");
}

TEST(DimsConversions) {
  CHECK(!FromAbi(Dims64{-1, {}}));
  CHECK(!FromAbi(Dims64{9, {}}));
  CHECK(!FromAbi(Dims32{-1, {}}));
  CHECK(FromAbi(Dims64{0, {}}) == Dims());
  CHECK(!ToDims32(Dims{1LL << 31}));
  CHECK(ToDims32(Dims{(1LL << 31) - 1}).has_value());
  const Dims eight{1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(FromAbi(ToDims64(eight)) == eight);
  CHECK(FromAbi(ToDims32(eight).value_or(Dims32{})) == eight);
}

}  // namespace
}  // namespace trtnode::tensorrt::abi
