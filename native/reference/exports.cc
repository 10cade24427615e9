// TensorRT's C entry points and the library's own three.
#include <atomic>
#include <memory>
#include <string>

#include "reference/builder/builder.h"
#include "reference/builder/parser.h"
#include "reference/builder/parser_refitter.h"
#include "reference/cuda/types.h"
#include "reference/faults.h"
#include "reference/ort/library.h"
#include "reference/runtime/device_memory.h"
#include "reference/runtime/engine.h"
#include "reference/runtime/plugin_registry.h"
#include "reference/runtime/refitter.h"
#include "reference/runtime/runtime.h"

namespace trtnode::reference {
namespace {

constexpr int32_t kVersion = 100600;  // the TensorRT whose interface this is: 10.6.0
constexpr int32_t kMajor = 10;
constexpr int32_t kMinor = 6;
constexpr int32_t kParserVersion = 100;  // what the 10.x parser headers say: 0.1.0

// The first logger that an application gave: what getLogger answers. Never called from here.
std::atomic<ILogger*> first_logger{nullptr};

// TensorRT itself is unusable without a device; a null handle and a logged reason are the kindest form of that.
bool HasDevice(ILogger* logger, char const* api) {
  if (logger == nullptr) return false;
  ILogger* none = nullptr;
  first_logger.compare_exchange_strong(none, logger);
  if (RuntimeContext() != nullptr) return true;
  Reporter(logger).Error(ErrorCode::kFAILED_INITIALIZATION, api, kCudaRuntime,
                         "CUDA initialization failure: no CUDA-capable device is detected");
  return false;
}

const char* KeepForThread(std::string text) {
  thread_local std::string kept;
  kept = std::move(text);
  return kept.empty() ? nullptr : kept.c_str();
}

}  // namespace

TRTNODE_REFERENCE_EXPORT void* createInferRuntime_INTERNAL(void* logger, int32_t) {
  auto* to = static_cast<ILogger*>(logger);
  return HasDevice(to, "createInferRuntime") ? Runtime::Make(to) : nullptr;
}

TRTNODE_REFERENCE_EXPORT void* createInferBuilder_INTERNAL(void* logger, int32_t) {
  auto* to = static_cast<ILogger*>(logger);
  return HasDevice(to, "createInferBuilder") ? Builder::Make(to) : nullptr;
}

TRTNODE_REFERENCE_EXPORT void* createInferRefitter_INTERNAL(void* engine, void* logger, int32_t) {
  if (engine == nullptr || logger == nullptr) return nullptr;
  const auto* of = static_cast<const Engine*>(static_cast<ICudaEngine*>(engine)->impl());
  return Refitter::Make(of->core(), static_cast<ILogger*>(logger));
}

TRTNODE_REFERENCE_EXPORT int32_t getInferLibVersion() { return kVersion; }
TRTNODE_REFERENCE_EXPORT int32_t getInferLibMajorVersion() { return kMajor; }
TRTNODE_REFERENCE_EXPORT int32_t getInferLibMinorVersion() { return kMinor; }
TRTNODE_REFERENCE_EXPORT int32_t getInferLibPatchVersion() { return 0; }
TRTNODE_REFERENCE_EXPORT int32_t getInferLibBuildVersion() { return 0; }

TRTNODE_REFERENCE_EXPORT ILogger* getLogger() { return first_logger.load(); }
TRTNODE_REFERENCE_EXPORT IPluginRegistry* getPluginRegistry() { return &EmptyPluginRegistry(); }
TRTNODE_REFERENCE_EXPORT IPluginRegistry* getBuilderPluginRegistry(EngineCapability) {
  return &EmptyPluginRegistry();
}
TRTNODE_REFERENCE_EXPORT bool initLibNvInferPlugins(void*, char const*) { return true; }

TRTNODE_REFERENCE_EXPORT void* createNvOnnxParser_INTERNAL(void* network, void* logger, int) {
  if (network == nullptr || logger == nullptr) return nullptr;
  // The application deletes what it gets, through slot 9 of the parser's vtable.
  return static_cast<IParser*>(std::make_unique<Parser>(*static_cast<INetworkDefinition*>(network),
                                                        static_cast<ILogger*>(logger))
                                   .release());
}

TRTNODE_REFERENCE_EXPORT void* createNvOnnxParserRefitter_INTERNAL(void* refitter, void* logger,
                                                                   int32_t) {
  if (refitter == nullptr || logger == nullptr) return nullptr;
  // The application deletes what it gets, through slot 6 of the vtable.
  return static_cast<IParserRefitter*>(
      std::make_unique<ParserRefitter>(*static_cast<IRefitter*>(refitter),
                                       static_cast<ILogger*>(logger))
          .release());
}

TRTNODE_REFERENCE_EXPORT int getNvOnnxParserVersion() { return kParserVersion; }

TRTNODE_REFERENCE_EXPORT const char* trtNodeReferenceVersion() { return TRTNODE_REFERENCE_VERSION; }

TRTNODE_REFERENCE_EXPORT const char* trtNodeReferenceSetOnnxRuntime(const char* path) {
  if (path == nullptr || *path == '\0') return "the path of ONNX Runtime's shared library is empty";
  return KeepForThread(ort::Library::Open(path));
}

TRTNODE_REFERENCE_EXPORT const char* trtNodeReferenceSetFaults(const char* spec) {
  return KeepForThread(Faults::Get().Set(spec));
}

}  // namespace trtnode::reference
