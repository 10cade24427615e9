// The callback objects, called as TensorRT would call them: by slot, in the layouts of all majors.
#include <cstring>
#include <set>
#include <thread>

#include "tensorrt/build_progress.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/layer_profiler.h"
#include "tensorrt/logger.h"
#include "tensorrt/output_allocator_adapter.h"
#include "test/check.h"

namespace trtnode::tensorrt {
namespace {

using abi::i32;
using abi::i64;
using abi::u32;
using abi::u64;

// What a caller that knows nothing but the vtable does.
template <typename R, typename... A>
R CallSlot(void* object, std::size_t slot, A... arguments) {
  void* const* vtable = *static_cast<void* const* const*>(object);
  return reinterpret_cast<R (*)(void*, A...)>(vtable[slot])(object, arguments...);
}

TEST(LoggerIsCalledInBothLayouts) {
  for (const int major : {8, 10, 11}) {
    std::vector<std::string> lines;
    Logger logger(major, Severity::kWarning, [&](Severity severity, std::string_view line) {
      lines.push_back(std::to_string(static_cast<int>(severity)) + std::string(line));
    });
    const std::size_t slot = major == 11 ? 4 : 0;
    Logger::Scope scope(logger);
    CallSlot<void, i32, char const*>(logger.abi_object(), slot, 1, "broken");
    CallSlot<void, i32, char const*>(logger.abi_object(), slot, 2, "odd");
    CallSlot<void, i32, char const*>(logger.abi_object(), slot, 3, "chatter");
    CallSlot<void, i32, char const*>(logger.abi_object(), slot, 1, nullptr);
    CHECK_EQ(lines.size(), 2U);
    CHECK_EQ(lines.front(), "1broken");
    const auto kept = scope.Take();
    REQUIRE(kept.size() == 2);
    CHECK_EQ(kept[0], "[E] broken");
    CHECK_EQ(kept[1], "[W] odd");
    CHECK(scope.has_errors());
    CHECK(scope.Take().empty());
  }
}

TEST(ProfilerIsCalledInBothLayouts) {
  for (const int major : {8, 10, 11}) {
    LayerProfiler profiler;
    profiler.Listen(true);
    CallSlot<void, char const*, float>(profiler.abi_object(major), major == 11 ? 4 : 0, "conv",
                                       1.5F);
    CallSlot<void, char const*, float>(profiler.abi_object(major), major == 11 ? 4 : 0, nullptr,
                                       2.F);
    const auto times = profiler.Take();
    REQUIRE(times.size() == 2);
    CHECK_EQ(times[0].name, "conv");
    CHECK_EQ(times[0].milliseconds, 1.5F);
    CHECK(profiler.Take().empty());
  }
}

void LogOnThread(Logger& logger, const char* text) {
  std::thread([&] { CallSlot<void, i32, char const*>(logger.abi_object(), 0, 1, text); }).join();
}

TEST(ScopesKeepTheirThreadsLines) {
  Logger logger(10, Severity::kInternalError, nullptr);
  Logger other(10, Severity::kInternalError, nullptr);
  Logger::Scope mine(logger);
  Logger::Scope all(logger, true);
  LogOnThread(logger, "elsewhere");
  CallSlot<void, i32, char const*>(other.abi_object(), 0, 1, "another logger");
  CallSlot<void, i32, char const*>(logger.abi_object(), 0, 1, "here");
  {
    Logger::Scope inner(logger);
    CallSlot<void, i32, char const*>(logger.abi_object(), 0, 1, "inside");
    CHECK_EQ(inner.Take().size(), 1U);
  }
  const auto kept = mine.Take();
  REQUIRE(kept.size() == 2);
  CHECK_EQ(kept[1], "[E] inside");
  CHECK_EQ(all.Take().size(), 3U);
}

TEST(ScopesKeepTheFirstLines) {
  Logger logger(10, Severity::kInternalError, nullptr);
  Logger::Scope scope(logger);
  for (int i = 0; i < 100; ++i) {
    logger.Log(Severity::kError, "line " + std::to_string(i) + ".");
  }
  logger.Log(Severity::kError, "line 0.");
  const auto kept = scope.Take();
  CHECK_EQ(kept.size(), 64U);
  CHECK_EQ(kept.front(), "[E] line 0.");
}

TEST(AClosedLoggersObjectStaysCallable) {
  void* object = nullptr;
  {
    Logger logger(10, Severity::kVerbose, [](Severity, std::string_view) {});
    object = logger.abi_object();
  }
  CallSlot<void, i32, char const*>(object, 0, 1, "nobody hears this");
  // Never as another layout's.
  Logger eleven(11, Severity::kError, nullptr);
  CHECK(eleven.abi_object() != object);
  // They are used again, or a process that opens sessions all day would grow.
  std::set<void*> objects;
  for (int i = 0; i < 1000; ++i) {
    Logger ten(10, Severity::kError, nullptr);
    objects.insert(ten.abi_object());
  }
  CHECK(objects.size() < 10);
}

TEST(ASinkThatThrowsIsContained) {
  Logger logger(10, Severity::kVerbose, [](Severity, std::string_view) { throw 1; });
  CallSlot<void, i32, char const*>(logger.abi_object(), 0, 1, "x");
  logger.Log(Severity::kError, "y");
}

TEST(TensorRTsWarningOfASecondLoggerIsDropped) {
  int lines = 0;
  Logger logger(10, Severity::kVerbose, [&](Severity, std::string_view) { ++lines; });
  logger.Log(Severity::kWarning,
             "The logger passed into createInferRuntime differs from one already provided for an "
             "existing builder, runtime, or refitter. Uses of the global logger, returned by "
             "nvinfer1::getLogger(), will return the existing value.");
  CHECK_EQ(lines, 0);
}

TEST(ErrorRecorderKeepsAndForwards) {
  Logger logger(10, Severity::kInternalError, nullptr);
  ErrorRecorder recorder(logger);
  void* object = recorder.abi_object();
  Logger::Scope scope(logger);
  CHECK_EQ((CallSlot<i32>(object, 10)), 1);
  CHECK(CallSlot<bool>(object, 9, static_cast<abi::ErrorCode>(5), "no memory"));
  CHECK(
      CallSlot<bool>(object, 9, static_cast<abi::ErrorCode>(3), static_cast<char const*>(nullptr)));
  CHECK_EQ((CallSlot<i32>(object, 4)), 2);
  CHECK_EQ(static_cast<i32>(CallSlot<abi::ErrorCode>(object, 5, 0)), 5);
  CHECK_EQ(std::string(CallSlot<char const*>(object, 6, 0)), "no memory");
  CHECK_EQ(std::string(CallSlot<char const*>(object, 6, 99)), "");
  CHECK_EQ(std::string(CallSlot<char const*>(object, 6, -1)), "");
  CHECK_EQ(scope.error_code(), 3);
  CHECK_EQ(scope.Take().front(), "[E] no memory");
  const std::string huge(5000, 'x');
  for (int i = 0; i < 40; ++i) {
    CallSlot<bool>(object, 9, static_cast<abi::ErrorCode>(1), huge.c_str());
  }
  CHECK(CallSlot<bool>(object, 7));
  CHECK_EQ((CallSlot<i32>(object, 4)), 16);
  CallSlot<void>(object, 8);
  CHECK_EQ((CallSlot<i32>(object, 4)), 0);
  CHECK(!CallSlot<bool>(object, 7));
  CHECK_EQ((CallSlot<i32>(object, 11)), 0);
}

TEST(ErrorRecorderTakesErrorsOfManyThreads) {
  Logger logger(10, Severity::kInternalError, nullptr);
  ErrorRecorder recorder(logger);
  Logger::Scope scope(logger, true);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&recorder, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string text =
            "thread " + std::to_string(t) + " error " + std::to_string(i) + ".";
        recorder.reportError(static_cast<abi::ErrorCode>(1), text.c_str());
        if (i % 7 == 0) recorder.clear();
        static_cast<void>(std::strlen(recorder.getErrorDesc(i % 16)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(scope.Take().size(), 64U);
}

struct FakeAllocator final : OutputAllocator {
  void* Reallocate(const char* tensor, void* current, std::uint64_t size, std::uint64_t alignment,
                   void* stream) override {
    if (std::strcmp(tensor, "throws") == 0) throw std::bad_alloc();
    if (std::strcmp(tensor, "refuses") == 0) return nullptr;
    last = {current, stream};
    sizes = {size, alignment};
    return this;
  }
  void NotifyShape(const char*, const Dims& dims) override { shape = dims; }

  std::pair<void*, void*> last;
  std::pair<std::uint64_t, std::uint64_t> sizes;
  Dims shape;
};

TEST(OutputAllocatorIsCalledThroughItsVtable) {
  const auto target = std::make_shared<FakeAllocator>();
  OutputAllocatorAdapter adapter(target);
  void* object = adapter.abi_object(10);
  int stream = 0;
  auto* const handle = reinterpret_cast<abi::CUstream_st*>(&stream);
  const auto reallocate = [&](const char* tensor) {
    return CallSlot<void*, char const*, void*, u64, u64, abi::CUstream_st*>(
        object, 5, tensor, &stream, 100, 256, handle);
  };
  CHECK(reallocate("y") == target.get());
  CHECK(target->last.first == &stream);
  CHECK(target->last.second == &stream);
  CHECK((target->sizes == std::pair<std::uint64_t, std::uint64_t>(100, 256)));
  CHECK(!adapter.TakeFailure());
  CHECK((CallSlot<void*, char const*, void*, u64, u64>(object, 4, "y", nullptr, 1, 1)) ==
        target.get());
  CHECK(target->last.second == nullptr);
  CHECK(reallocate("throws") == nullptr);
  CHECK(adapter.TakeFailure());
  CHECK(!adapter.TakeFailure());
  CHECK(reallocate("refuses") == nullptr);
  CHECK(adapter.TakeFailure());

  abi::Dims64 dims{2, {3, 5}};
  CallSlot<void, char const*, abi::Dims64 const&>(object, 6, "y", dims);
  CHECK(target->shape == (Dims{3, 5}));
  dims.nbDims = -1;
  CallSlot<void, char const*, abi::Dims64 const&>(object, 6, "y", dims);
  CHECK(adapter.TakeFailure());
}

TEST(ProgressReportsAndCancels) {
  std::vector<std::string> seen;
  bool go_on = true;
  BuildProgress progress([&](const BuildStep& step) {
    CHECK(step.elapsed_ms >= 0);
    seen.push_back(std::string(step.phase) + "<" + step.parent + " " + std::to_string(step.step) +
                   "/" + std::to_string(step.steps));
    return go_on;
  });
  void* object = progress.abi_object();
  CallSlot<void, char const*, char const*, i32>(object, 4, "Build", nullptr, 2);
  CallSlot<void, char const*, char const*, i32>(object, 4, "Tactics", "Build", 3);
  CHECK((CallSlot<bool, char const*, i32>(object, 5, "Tactics", 0)));
  go_on = false;
  CHECK(!(CallSlot<bool, char const*, i32>(object, 5, "Tactics", 1)));
  CallSlot<void, char const*>(object, 6, "Tactics");
  CHECK(progress.cancelled());
  REQUIRE(seen.size() == 4);
  CHECK_EQ(seen[0], "Build< 0/2");
  CHECK_EQ(seen[1], "Tactics<Build 0/3");
  CHECK_EQ(seen[2], "Tactics<Build 1/3");
  CHECK_EQ(seen[3], "Tactics<Build 2/3");

  BuildProgress thrower([](const BuildStep&) -> bool { throw 1; });
  CHECK(!(CallSlot<bool, char const*, i32>(thrower.abi_object(), 5, "x", 0)));
  CHECK(thrower.cancelled());
}

}  // namespace
}  // namespace trtnode::tensorrt
