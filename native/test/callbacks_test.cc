// The callback interfaces: slots, signatures and kinds against the facts.
#include "tensorrt/abi/callbacks.h"

#include <cstring>
#include <map>

#include "tensorrt/abi/calibrator.h"
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
NAME(double, "f64");
NAME(u64&, "u64&");
NAME(void**, "void*[]");
NAME(char const**, "char const*[]");
NAME(abi::CalibrationAlgoType, "CalibrationAlgoType");
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
      OURS(IStreamReader, 0, StreamReaderInterface, read),
      OURS(IStreamReaderV2, 0, StreamReaderV2Interface, read),
      OURS(IStreamReaderV2, 0, StreamReaderV2Interface, seek),
      OURS(IStreamWriter, 0, StreamWriterInterface, write),
      OURS(IInt8Calibrator, 8, Int8Calibrator8, getBatchSize),
      OURS(IInt8Calibrator, 8, Int8Calibrator8, getBatch),
      OURS(IInt8Calibrator, 8, Int8Calibrator8, readCalibrationCache),
      OURS(IInt8Calibrator, 8, Int8Calibrator8, writeCalibrationCache),
      OURS(IInt8Calibrator, 8, Int8Calibrator8, getAlgorithm),
      OURS(IInt8EntropyCalibrator2, 8, Int8Calibrator8, getBatch),
      OURS(IInt8EntropyCalibrator2, 8, Int8Calibrator8, getAlgorithm),
      OURS(IInt8EntropyCalibrator, 8, Int8Calibrator8, getBatch),
      OURS(IInt8EntropyCalibrator, 8, Int8Calibrator8, getAlgorithm),
      OURS(IInt8MinMaxCalibrator, 8, Int8Calibrator8, getBatch),
      OURS(IInt8MinMaxCalibrator, 8, Int8Calibrator8, getAlgorithm),
      OURS(IInt8LegacyCalibrator, 8, Int8Calibrator8, getAlgorithm),
      OURS(IInt8LegacyCalibrator, 8, Int8Calibrator8, getQuantile),
      OURS(IInt8LegacyCalibrator, 8, Int8Calibrator8, getRegressionCutoff),
      OURS(IInt8LegacyCalibrator, 8, Int8Calibrator8, readHistogramCache),
      OURS(IInt8LegacyCalibrator, 8, Int8Calibrator8, writeHistogramCache),
      OURS(IInt8Calibrator, 10, Int8Calibrator10, getBatchSize),
      OURS(IInt8Calibrator, 10, Int8Calibrator10, getBatch),
      OURS(IInt8Calibrator, 10, Int8Calibrator10, readCalibrationCache),
      OURS(IInt8Calibrator, 10, Int8Calibrator10, writeCalibrationCache),
      OURS(IInt8Calibrator, 10, Int8Calibrator10, getAlgorithm),
      OURS(IInt8EntropyCalibrator2, 10, Int8Calibrator10, getBatch),
      OURS(IInt8EntropyCalibrator2, 10, Int8Calibrator10, getAlgorithm),
      OURS(IInt8EntropyCalibrator, 10, Int8Calibrator10, getBatch),
      OURS(IInt8EntropyCalibrator, 10, Int8Calibrator10, getAlgorithm),
      OURS(IInt8MinMaxCalibrator, 10, Int8Calibrator10, getBatch),
      OURS(IInt8MinMaxCalibrator, 10, Int8Calibrator10, getAlgorithm),
      OURS(IInt8LegacyCalibrator, 10, Int8Calibrator10, getAlgorithm),
      OURS(IInt8LegacyCalibrator, 10, Int8Calibrator10, getQuantile),
      OURS(IInt8LegacyCalibrator, 10, Int8Calibrator10, getRegressionCutoff),
      OURS(IInt8LegacyCalibrator, 10, Int8Calibrator10, readHistogramCache),
      OURS(IInt8LegacyCalibrator, 10, Int8Calibrator10, writeHistogramCache),
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
    slots("IInt8Calibrator", version.major == 8 ? 7 : 9);
    slots("IInt8LegacyCalibrator", version.major == 8 ? 11 : 13);
    const bool old = version.major == 8;
    slots("ILogger", version.major <= 10 ? 3 : 5);
    slots("IProfiler", version.major <= 10 ? 3 : 5);
    slots("IErrorRecorder", old ? 10 : 12);
    // The destructor came with 8.5.3.
    slots("IOutputAllocator", old ? (version.number < 80503 ? 3 : 5) : 7);
    if (!old) slots("IGpuAllocator", 9);
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
  BuildProgress progress([](const BuildStep&) { return true; });
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

}  // namespace
}  // namespace trtnode::tensorrt
