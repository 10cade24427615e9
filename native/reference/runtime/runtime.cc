// IRuntime: checks a plan and makes an engine of it.
#include "reference/runtime/runtime.h"

#include <algorithm>

#include "reference/faults.h"
#include "reference/plan/plan.h"
#include "reference/runtime/engine.h"
#include "reference/runtime/plugin_registry.h"

namespace trtnode::reference {
namespace {

constexpr char kDeserialize[] = "IRuntime::deserializeCudaEngine";

}  // namespace

IRuntime* Runtime::Make(ILogger* logger) {
  auto runtime = std::make_unique<Runtime>(logger);
  Runtime& self = *runtime;
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  self.handle_ = std::make_unique<IRuntime>(std::move(runtime)).release();
  return self.handle_;
}

Runtime::Runtime(ILogger* logger) : reports_(std::make_shared<Reporter>(logger)) {
  reporter_ = reports_.get();
}

ICudaEngine* Runtime::Refuse(const std::string& reason) {
  reports_->Error(ErrorCode::kUNSPECIFIED_ERROR, kDeserialize, kSerialization, reason);
  return nullptr;
}

ICudaEngine* Runtime::Deserialize(std::string_view bytes) {
  if (Faults::Get().Hit("deserialize")) return Refuse("Injected fault: deserialize.");
  Plan plan;
  std::string error;
  if (!ParsePlan(bytes, &plan, &error)) return Refuse(error);
  // Without the recorder: an engine may outlive it, and has a reporter of its own.
  auto core = EngineCore::Create(std::move(plan), std::make_shared<Reporter>(reports_->logger()),
                                 allocator_, &error);
  if (!core) {
    const bool memory = error.starts_with("Requested size was");
    reports_->Error(memory ? ErrorCode::kFAILED_ALLOCATION : ErrorCode::kINTERNAL_ERROR,
                    kDeserialize, memory ? kOutOfMemory : kInternal, error);
    return nullptr;
  }
  reports_->Info("Loaded engine size: " + std::to_string(bytes.size() >> 20) +
                 " MiB (trt-node CPU reference runtime, ONNX Runtime)");
  return Engine::Make(std::move(core), reports_->recorder());
}

ICudaEngine* Runtime::deserializeCudaEngine(void const* blob, size_t size) noexcept {
  return Guard(*reports_, kDeserialize, static_cast<ICudaEngine*>(nullptr), [&]() -> ICudaEngine* {
    if (blob == nullptr) {
      reports_->Error(ErrorCode::kINVALID_ARGUMENT, kDeserialize, kApiUsage,
                      "Parameter check failed, condition: blob != nullptr.");
      return nullptr;
    }
    return Deserialize({static_cast<const char*>(blob), size});
  });
}

template <typename Read>
ICudaEngine* Runtime::DeserializeFrom(Read read) {
  constexpr size_t kChunk =
      size_t{1} << 20;  // memory follows what really comes, not what a damaged header announces
  std::string bytes;
  const auto fill = [&](uint64_t size) {
    while (bytes.size() < size) {
      const size_t before = bytes.size();
      const auto wanted = static_cast<size_t>(std::min<uint64_t>(size - before, kChunk));
      bytes.resize(before + wanted);
      const int64_t got = read(bytes.data() + before, static_cast<int64_t>(wanted));
      bytes.resize(before +
                   static_cast<size_t>(std::clamp<int64_t>(got, 0, static_cast<int64_t>(wanted))));
      if (got <= 0) return;
    }
  };
  fill(kPlanHeaderSize);
  fill(AnnouncedSize(bytes));
  return Deserialize(bytes);
}

ICudaEngine* Runtime::deserializeCudaEngine(IStreamReader& reader) noexcept {
  return Guard(*reports_, kDeserialize, static_cast<ICudaEngine*>(nullptr), [&] {
    return DeserializeFrom([&](void* to, int64_t size) { return reader.read(to, size); });
  });
}

ICudaEngine* Runtime::deserializeCudaEngineV2(IStreamReaderV2& reader) noexcept {
  return Guard(*reports_, kDeserialize, static_cast<ICudaEngine*>(nullptr), [&] {
    return DeserializeFrom([&](void* to, int64_t size) { return reader.read(to, size, nullptr); });
  });
}

void Runtime::setDLACore(int32_t core) noexcept {
  if (core == 0) return;
  reports_->Error(ErrorCode::kINVALID_ARGUMENT, "IRuntime::setDLACore", kApiUsage,
                  "DLA core " + std::to_string(core) + " does not exist: there are 0.");
}

bool Runtime::setMaxThreads(int32_t threads) noexcept {
  if (threads < 1) return false;
  max_threads_ = threads;
  return true;
}

void Runtime::setTemporaryDirectory(char const* path) noexcept {
  Guard(*reports_, "IRuntime::setTemporaryDirectory", 0, [&] {
    temporary_directory_ = path == nullptr ? "" : path;
    return 0;
  });
}

IPluginRegistry& Runtime::getPluginRegistry() noexcept { return EmptyPluginRegistry(); }

IRuntime* Runtime::loadRuntime(char const*) noexcept {
  return Unsupported<IRuntime*>("IRuntime::loadRuntime");
}

}  // namespace trtnode::reference
