// EngineInspector: IEngineInspector.
#include <utility>

#include "tensorrt/abi/call.h"
#include "tensorrt/engine.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/failure.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

namespace {

// TensorRT 10.6 answers with an empty text when it fails on the way.
bool IsFailure(const char* text, const Logger::Scope& scope) {
  return text == nullptr || (*text == '\0' && scope.has_errors());
}

}  // namespace

struct EngineInspector::Impl {
  Impl(std::shared_ptr<Engine> e, abi::IEngineInspector* i)
      : engine(std::move(e)),
        recorder(engine->runtime()->logger()),
        inspector(engine->runtime()->library()->abi_major(), i) {}

  int major() const noexcept { return engine->runtime()->library()->abi_major(); }

  const std::shared_ptr<Engine> engine;
  std::shared_ptr<ExecutionContext> context;
  ErrorRecorder recorder;
  abi::Owned<abi::VEngineInspector> inspector;
};

EngineInspector::EngineInspector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EngineInspector::~EngineInspector() = default;

std::shared_ptr<EngineInspector> EngineInspector::Adopt(std::shared_ptr<Engine> engine,
                                                        void* inspector) {
  auto impl =
      std::make_unique<Impl>(std::move(engine), static_cast<abi::IEngineInspector*>(inspector));
  abi::Invoke<m::VEngineInspector_setErrorRecorder>(impl->major(), impl->inspector.get(),
                                                    impl->recorder.abi_object());
  return std::shared_ptr<EngineInspector>(
      new EngineInspector(std::move(impl)));  // NOLINT: private constructor
}

Status EngineInspector::SetExecutionContext(std::shared_ptr<ExecutionContext> context) {
  if (context != nullptr && context->engine() != impl_->engine) {
    return Status(ErrorCode::kInvalidArgument,
                  "The execution context belongs to another engine than the inspector.");
  }
  // With a context, TensorRT 10.6 walks the layers of all profiles through those of the context's one, and crashes or answers
  // with an empty string (seen on an H200 with a plan of two profiles; plans of one profile are fine).
  if (context != nullptr && impl_->engine->info().num_profiles > 1) {
    return Status(ErrorCode::kUnsupported,
                  "The inspector can only use an execution context with an engine of one "
                  "optimization profile; this one has " +
                      std::to_string(impl_->engine->info().num_profiles) + ".",
                  "Inspect without an execution context, or build a plan with this profile alone.");
  }
  Logger::Scope scope(impl_->engine->runtime()->logger());
  const auto* handle = context != nullptr
                           ? static_cast<const abi::IExecutionContext*>(context->abi_object())
                           : nullptr;
  if (!abi::Invoke<m::VEngineInspector_setExecutionContext>(impl_->major(), impl_->inspector.get(),
                                                            handle)) {
    return CallFailed(ErrorCode::kExecution, "IEngineInspector::setExecutionContext",
                      "TensorRT did not accept the execution context.", scope, &impl_->recorder);
  }
  impl_->context = std::move(context);
  return Status();
}

Result<std::string> EngineInspector::LayerInformation(int layer, InspectorFormat format) {
  Logger::Scope scope(impl_->engine->runtime()->logger());
  const char* text = abi::Invoke<m::VEngineInspector_getLayerInformation>(
      impl_->major(), impl_->inspector.get(), layer, format);
  if (IsFailure(text, scope)) {
    return CallFailed(ErrorCode::kInvalidArgument, "IEngineInspector::getLayerInformation",
                      "TensorRT has no information on layer " + std::to_string(layer) + ".", scope,
                      &impl_->recorder);
  }
  return std::string(text);
}

Result<std::string> EngineInspector::EngineInformation(InspectorFormat format) {
  Logger::Scope scope(impl_->engine->runtime()->logger());
  const char* text = abi::Invoke<m::VEngineInspector_getEngineInformation>(
      impl_->major(), impl_->inspector.get(), format);
  if (IsFailure(text, scope)) {
    return CallFailed(ErrorCode::kExecution, "IEngineInspector::getEngineInformation",
                      "TensorRT has no information on the engine.", scope, &impl_->recorder);
  }
  return std::string(text);
}

}  // namespace trtnode::tensorrt
