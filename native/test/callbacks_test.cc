// The callback interfaces: slots, signatures and kinds against the facts, then called as TensorRT would call them.
#include "tensorrt/abi/callbacks.h"

#include <cstring>
#include <map>
#include <set>
#include <thread>

#include "tensorrt/build_progress.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/layer_profiler.h"
#include "tensorrt/logger.h"
#include "tensorrt/output_allocator_adapter.h"
#include "test/check.h"
#include "test/facts.h"

namespace trtnode::tensorrt {
namespace {

using abi::i32;
using abi::i64;
using abi::u32;
using abi::u64;
using test::BareName;
using test::ReadFacts;
using test::Row;

// --- names of types, as the facts write them
template <typename T>
struct Name;
#define NAME(type, text)                       \
  template <>                                  \
  struct Name<type> {                          \
    static constexpr const char* kText = text; \
  }
NAME(void, "void");
NAME(bool, "bool");
NAME(i32, "i32");
NAME(i64, "i64");
NAME(u32, "u32");
NAME(u64, "u64");
NAME(float, "f32");
NAME(void*, "void*");
NAME(void const*, "void const*");
NAME(char const*, "char const*");
NAME(abi::CUstream_st*, "CUstream_st*");
NAME(abi::Dims64 const&, "Dims64 const&");
NAME(abi::Dims32 const&, "Dims32 const&");
NAME(abi::InterfaceInfo, "InterfaceInfo");
NAME(abi::ErrorCode, "ErrorCode");
NAME(abi::SeekPosition, "SeekPosition");
NAME(TensorLocation, "TensorLocation");
NAME(DataType, "DataType");
#undef NAME

template <typename... A>
std::string Arguments() {
  std::string text;
  ((text += (text.empty() ? "" : ",") + std::string(Name<A>::kText)), ...);
  return "(" + text + ")";
}

// Slot and signature of a virtual method, from a pointer to it.
struct Slot {
  std::size_t slot;
  std::string signature;
};

template <typename F>
std::size_t SlotOf(F method) {
  // Itanium C++ ABI: {1 + offset in the vtable, adjustment of this}. On arm64 the mark is in the adjustment instead.
  std::ptrdiff_t words[2];
  static_assert(sizeof(words) == sizeof(method));
  std::memcpy(words, &method, sizeof(words));
#if defined(__aarch64__)
  return static_cast<std::size_t>(words[0]) / sizeof(void*);
#else
  return static_cast<std::size_t>(words[0] - 1) / sizeof(void*);
#endif
}

template <typename C, typename R, typename... A>
Slot Describe(R (C::*method)(A...) noexcept) {
  return {SlotOf(method), Name<R>::kText + Arguments<A...>()};
}
template <typename C, typename R, typename... A>
Slot Describe(R (C::*method)(A...) const noexcept) {
  return {SlotOf(method), Name<R>::kText + Arguments<A...>() + " const"};
}

struct Ours {
  const char* interface;
  int major;  // 0: 10 and 11, not 8
  const char* method;
  Slot slot;
};

#define OURS(interface, major, type, method) \
  {#interface, major, #method, Describe(&abi::type::method)}

const std::vector<Ours>& OurMethods() {
  static const std::vector<Ours> methods = {
      OURS(ILogger, 8, Logger10, log),
      OURS(IProfiler, 8, Profiler10, reportLayerTime),
      OURS(IErrorRecorder, 8, ErrorRecorder8, getNbErrors),
      OURS(IErrorRecorder, 8, ErrorRecorder8, getErrorCode),
      OURS(IErrorRecorder, 8, ErrorRecorder8, getErrorDesc),
      OURS(IErrorRecorder, 8, ErrorRecorder8, hasOverflowed),
      OURS(IErrorRecorder, 8, ErrorRecorder8, clear),
      OURS(IErrorRecorder, 8, ErrorRecorder8, reportError),
      OURS(IErrorRecorder, 8, ErrorRecorder8, incRefCount),
      OURS(IErrorRecorder, 8, ErrorRecorder8, decRefCount),
      OURS(IOutputAllocator, 8, OutputAllocator8, getInterfaceVersion),
      OURS(IOutputAllocator, 8, OutputAllocator8, reallocateOutput),
      OURS(IOutputAllocator, 8, OutputAllocator8, notifyShape),
      OURS(IGpuAllocator, 8, GpuAllocator8, allocate),
      OURS(IGpuAllocator, 8, GpuAllocator8, free),
      OURS(IGpuAllocator, 8, GpuAllocator8, reallocate),
      OURS(IGpuAllocator, 8, GpuAllocator8, deallocate),
      OURS(ILogger, 10, Logger10, log),
      OURS(ILogger, 11, Logger11, log),
      OURS(ILogger, 11, Logger11, getInterfaceInfo),
      OURS(ILogger, 11, Logger11, getAPILanguage),
      OURS(IProfiler, 10, Profiler10, reportLayerTime),
      OURS(IProfiler, 11, Profiler11, reportLayerTime),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, getAPILanguage),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, getInterfaceInfo),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, getNbErrors),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, getErrorCode),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, getErrorDesc),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, hasOverflowed),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, clear),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, reportError),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, incRefCount),
      OURS(IErrorRecorder, 0, ErrorRecorderInterface, decRefCount),
      OURS(IOutputAllocator, 0, OutputAllocatorInterface, reallocateOutput),
      OURS(IOutputAllocator, 0, OutputAllocatorInterface, reallocateOutputAsync),
      OURS(IOutputAllocator, 0, OutputAllocatorInterface, notifyShape),
      OURS(IGpuAllocator, 0, GpuAllocatorInterface, allocate),
      OURS(IGpuAllocator, 0, GpuAllocatorInterface, reallocate),
      OURS(IGpuAllocator, 0, GpuAllocatorInterface, deallocate),
      OURS(IGpuAllocator, 0, GpuAllocatorInterface, allocateAsync),
      OURS(IGpuAllocator, 0, GpuAllocatorInterface, deallocateAsync),
      OURS(IGpuAsyncAllocator, 0, GpuAllocatorInterface, allocate),
      OURS(IGpuAsyncAllocator, 0, GpuAllocatorInterface, reallocate),
      OURS(IGpuAsyncAllocator, 0, GpuAllocatorInterface, deallocate),
      OURS(IGpuAsyncAllocator, 0, GpuAllocatorInterface, allocateAsync),
      OURS(IGpuAsyncAllocator, 0, GpuAllocatorInterface, deallocateAsync),
      OURS(IProgressMonitor, 0, ProgressMonitorInterface, phaseStart),
      OURS(IProgressMonitor, 0, ProgressMonitorInterface, stepComplete),
      OURS(IProgressMonitor, 0, ProgressMonitorInterface, phaseFinish),
      OURS(IDebugListener, 0, DebugListenerInterface, processDebugTensor),
      OURS(IStreamReaderV2, 0, StreamReaderV2Interface, read),
      OURS(IStreamReaderV2, 0, StreamReaderV2Interface, seek),
      OURS(IStreamWriter, 0, StreamWriterInterface, write),
  };
  return methods;
}

// A fact's signature with enumerations that we take as plain numbers.
std::string Plain(std::string signature) {
  for (const char* name : {"ILogger::Severity", "APILanguage"}) {
    if (const auto at = signature.find(name); at != std::string::npos) {
      signature.replace(at, std::strlen(name), "i32");
    }
  }
  return signature;
}

TEST(CallbackSlotsAndSignaturesAgreeWithTheFacts) {
  std::size_t compared = 0;
  for (const auto& version : test::FactVersions()) {
    std::map<std::string, const Row*> facts;
    std::map<std::string, int> counts;
    const std::vector<Row> rows = ReadFacts(std::string("methods-") + version.name + ".tsv");
    for (const Row& row : rows) {
      facts[BareName(row.at("interface")) + "." + row.at("method")] = &row;
      ++counts[BareName(row.at("interface"))];
    }
    for (const Ours& ours : OurMethods()) {
      if (ours.major == 0 ? version.major == 8 : ours.major != version.major) continue;
      const std::string name = std::string(ours.interface) + "." + ours.method;
      const auto found = facts.find(name);
      if (found == facts.end()) {
        if (version.newest) test::Fail(version.name, 0, name + " is not in the facts");
        continue;
      }
      ++compared;
      CHECK_EQ(std::to_string(ours.slot.slot), found->second->at("slot"));
      CHECK_EQ(ours.slot.signature, Plain(found->second->at("abi")));
    }
    // Nothing may stand behind our last method that TensorRT could call.
    const auto slots = [&](const char* interface, int count) {
      if (counts.contains(interface)) CHECK_EQ(counts[interface], count);
    };
    const bool old = version.major == 8;
    slots("ILogger", version.major <= 10 ? 3 : 5);
    slots("IProfiler", version.major <= 10 ? 3 : 5);
    slots("IErrorRecorder", old ? 10 : 12);
    // The destructor came with 8.5.3.
    slots("IOutputAllocator", old ? (version.number < 80503 ? 3 : 5) : 7);
    slots("IGpuAllocator", old ? 6 : 9);
    slots("IProgressMonitor", 7);
    slots("IDebugListener", 5);
    slots("IStreamReaderV2", 6);
    slots("IStreamWriter", 5);
  }
  CHECK(compared > 150);
}

// --- implementations that only exist to be asked for their kind
struct TestGpuAllocator final : abi::GpuAllocatorInterface {
  void* allocate(u64, u64, u32) noexcept override { return nullptr; }
  void* reallocate(void*, u64, u64) noexcept override { return nullptr; }
  bool deallocate(void*) noexcept override { return false; }
  void* allocateAsync(u64, u64, u32, abi::CUstream_st*) noexcept override { return nullptr; }
  bool deallocateAsync(void*, abi::CUstream_st*) noexcept override { return false; }
};
struct TestLogger11 final : abi::Logger11 {
  void log(i32, char const*) noexcept override {}
};
struct TestProfiler11 final : abi::Profiler11 {
  void reportLayerTime(char const*, float) noexcept override {}
};
struct TestReader final : abi::StreamReaderV2Interface {
  i64 read(void*, i64, abi::CUstream_st*) noexcept override { return 0; }
  bool seek(i64, abi::SeekPosition) noexcept override { return false; }
};
struct TestWriter final : abi::StreamWriterInterface {
  i64 write(void const*, i64) noexcept override { return 0; }
};
struct TestListener final : abi::DebugListenerInterface {
  bool processDebugTensor(void const*, TensorLocation, DataType, abi::Dims64 const&, char const*,
                          abi::CUstream_st*) noexcept override {
    return true;
  }
};

// What a caller that knows nothing but the vtable does.
template <typename R, typename... A>
R CallSlot(void* object, std::size_t slot, A... arguments) {
  void* const* vtable = *static_cast<void* const* const*>(object);
  return reinterpret_cast<R (*)(void*, A...)>(vtable[slot])(object, arguments...);
}

TEST(InterfaceKindsAgreeWithTheFacts) {
  Logger logger(10, Severity::kError, nullptr);
  ErrorRecorder recorder(logger);
  BuildProgress progress([](const char*, const char*, int, int) { return true; });
  OutputAllocatorAdapter output(nullptr);
  TestGpuAllocator allocator;
  TestLogger11 logger11;
  TestProfiler11 profiler11;
  TestReader reader;
  TestWriter writer;
  TestListener listener;
  const std::map<std::string, abi::VersionedInterface*> ours = {
      {"IErrorRecorder", &recorder},      {"IProgressMonitor", &progress},
      {"IOutputAllocator", &output},      {"IGpuAllocator", &allocator},
      {"IGpuAsyncAllocator", &allocator}, {"ILogger", &logger11},
      {"IProfiler", &profiler11},         {"IStreamReaderV2", &reader},
      {"IStreamWriter", &writer},         {"IDebugListener", &listener}};
  std::size_t compared = 0;
  for (const auto& version : test::FactVersions()) {
    if (version.major < 10) continue;
    for (const Row& row : ReadFacts(std::string("interfaceinfo-") + version.name + ".tsv")) {
      const auto found = ours.find(BareName(row.at("interface")));
      if (found == ours.end()) continue;
      const auto info = CallSlot<abi::InterfaceInfo>(found->second, 1);
      CHECK_EQ(std::string(info.kind), row.at("kind"));
      CHECK_EQ(std::to_string(info.major), row.at("major"));
      CHECK_EQ(std::to_string(info.minor), row.at("minor"));
      CHECK_EQ(CallSlot<i32>(found->second, 0), 0);
      ++compared;
    }
  }
  CHECK(compared > 30);
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

TEST(ErrorRecorderIsCalledInTensorRT8sLayout) {
  Logger logger(8, Severity::kInternalError, nullptr);
  ErrorRecorder recorder(logger);
  void* object = recorder.abi_object();
  Logger::Scope scope(logger);
  CHECK_EQ((CallSlot<i32>(object, 8)), 1);
  CHECK(CallSlot<bool>(object, 7, static_cast<abi::ErrorCode>(5), "no memory"));
  CHECK_EQ((CallSlot<i32>(object, 2)), 1);
  CHECK_EQ(static_cast<i32>(CallSlot<abi::ErrorCode>(object, 3, 0)), 5);
  CHECK_EQ(std::string(CallSlot<char const*>(object, 4, 0)), "no memory");
  CHECK(!CallSlot<bool>(object, 5));
  CallSlot<void>(object, 6);
  CHECK_EQ((CallSlot<i32>(object, 2)), 0);
  CHECK_EQ((CallSlot<i32>(object, 9)), 0);
  CHECK_EQ(scope.error_code(), 5);
  CHECK_EQ(scope.Take().front(), "[E] no memory");
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

TEST(OutputAllocatorIsCalledInTensorRT8sLayout) {
  const auto target = std::make_shared<FakeAllocator>();
  OutputAllocatorAdapter adapter(target);
  void* object = adapter.abi_object(8);
  CHECK_EQ((CallSlot<i32>(object, 0)), 1);
  CHECK((CallSlot<void*, char const*, void*, u64, u64>(object, 1, "y", object, 100, 256)) ==
        target.get());
  CHECK(target->last.first == object);
  CHECK(target->last.second == nullptr);
  CHECK((CallSlot<void*, char const*, void*, u64, u64>(object, 1, "refuses", object, 1, 1)) ==
        nullptr);
  CHECK(adapter.TakeFailure());
  const abi::Dims32 dims{2, {3, 5}};
  CallSlot<void, char const*, abi::Dims32 const&>(object, 2, "y", dims);
  CHECK(target->shape == (Dims{3, 5}));
  CHECK(!adapter.TakeFailure());
  const abi::Dims32 none{-1, {}};
  CallSlot<void, char const*, abi::Dims32 const&>(object, 2, "y", none);
  CHECK(adapter.TakeFailure());
}

TEST(ProgressReportsAndCancels) {
  std::vector<std::string> seen;
  bool go_on = true;
  BuildProgress progress([&](const char* phase, const char* parent, int step, int steps) {
    seen.push_back(std::string(phase) + "<" + parent + " " + std::to_string(step) + "/" +
                   std::to_string(steps));
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

  BuildProgress thrower([](const char*, const char*, int, int) -> bool { throw 1; });
  CHECK(!(CallSlot<bool, char const*, i32>(thrower.abi_object(), 5, "x", 0)));
  CHECK(thrower.cancelled());
}

}  // namespace
}  // namespace trtnode::tensorrt
