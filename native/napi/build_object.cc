// NativePlatform.build and NativeBuild.
#include "napi/build_object.h"

#include <array>
#include <string>
#include <utility>

#include "napi/build_options.h"
#include "napi/copied_bytes.h"
#include "napi/exit_gate.h"
#include "napi/objects.h"
#include "napi/promise.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {
namespace {

// One step of a build on its way to `progress`.
class ProgressStep final : public QueueItem {
 public:
  ProgressStep(std::shared_ptr<JsReference> progress, const char* phase, const char* parent,
               int step, int steps)
      : progress_(std::move(progress)),
        phase_(phase),
        parent_(parent),
        step_(step),
        steps_(steps) {}

  void Run(EnvState& state) override {
    (void)Call(state.env()).ok();  // what it throws is reported by the queue
  }

 private:
  Status Call(napi_env env) const {
    ASSIGN_OR_RETURN(napi_value function, progress_->Get(env));
    std::array<napi_value, 4> arguments{};
    ASSIGN_OR_RETURN(arguments[0], MakeString(env, phase_));
    ASSIGN_OR_RETURN(arguments[1], MakeString(env, parent_));
    ASSIGN_OR_RETURN(arguments[2], MakeNumber(env, step_));
    ASSIGN_OR_RETURN(arguments[3], MakeNumber(env, steps_));
    napi_value receiver = nullptr;
    NAPI_TRY(napi_get_undefined(env, &receiver));
    NAPI_TRY(
        napi_call_function(env, receiver, function, arguments.size(), arguments.data(), nullptr));
    return {};
  }

  const std::shared_ptr<JsReference> progress_;
  const std::string phase_, parent_;
  const int step_, steps_;
};

// TensorRT's threads ask it after every step whether to go on.
auto MakeProgress(std::shared_ptr<std::atomic<bool>> cancelled,
                  std::shared_ptr<JsReference> progress) {
  return [cancelled = std::move(cancelled), progress = std::move(progress)](
             const char* phase, const char* parent, int step, int steps) {
    try {
      if (progress != nullptr && !*cancelled) {
        progress->queue()->Push(std::make_shared<ProgressStep>(
            progress, phase != nullptr ? phase : "", parent != nullptr ? parent : "", step, steps));
      }
    } catch (...) {  // no memory for a message
    }
    return !*cancelled && !Exiting();
  };
}

}  // namespace

std::span<const napi_property_descriptor> BuildObject::Definition() {
  static const std::array kProperties = {
      Getter<&BuildObject::Plan>("plan"),
      Method<&BuildObject::Cancel>("cancel"),
  };
  return kProperties;
}

void BuildObject::DropReferences(napi_env env) noexcept {
  if (plan_ != nullptr) (void)napi_delete_reference(env, std::exchange(plan_, nullptr));
}

Result<napi_value> BuildObject::Plan(Call& call) {
  napi_value plan = nullptr;
  NAPI_TRY(napi_get_reference_value(call.env, plan_, &plan));
  return plan;
}

Result<napi_value> BuildObject::Cancel(Call& /*call*/) {
  *cancelled_ = true;
  return nullptr;
}

Result<napi_value> PlatformObject::Build(Call& call) {
  ASSIGN_OR_RETURN(const std::string path, ReadString(call.env, call.arguments[1], "modelPath"));
  ASSIGN_OR_RETURN(BuildRequest read, ReadBuildOptions(call.state, call.arguments[2]));
  ASSIGN_OR_RETURN(auto context, platform_->Context(read.device));
  ASSIGN_OR_RETURN(const std::span<std::byte> bytes,
                   ReadView(call.env, call.arguments[0], "model"));
  const auto model = CopyBytes(bytes);
  auto cancelled = std::make_shared<std::atomic<bool>>(false);
  call.state.AddCancellation(cancelled);
  auto request = std::make_shared<BuildRequest>(std::move(read));
  request->options.progress = MakeProgress(cancelled, request->progress);
  auto plan = std::make_shared<std::unique_ptr<tensorrt::HostMemory>>();
  ASSIGN_OR_RETURN(
      napi_value promise,
      RunAsync(
          call.state,
          [platform = platform_, context = std::move(context), model, path, request, plan,
           cancelled, token = std::make_shared<LiveToken>(Kind::kBuild)]() -> Status {
            cuda::RelaxCaptureMode(context->driver());
            const cuda::ContextGuard guard(*context);
            RETURN_IF_ERROR(guard.status());
            if (*cancelled) return Status(ErrorCode::kAborted, "The build was cancelled.");
            auto built = tensorrt::BuildFromOnnx(platform->library(), model->bytes(), path,
                                                 request->options);
            GuardExit();  // building loads libraries that a runtime does without
            RETURN_IF_ERROR(built.TakeStatus());
            *plan = built.Take();
            return {};
          },
          [plan](EnvState& state) { return MakeArrayBuffer(state.env(), (*plan)->bytes()); }));
  napi_ref reference = nullptr;
  NAPI_TRY(napi_create_reference(call.env, promise, 1, &reference));
  return NewObject(call.state, std::make_unique<BuildObject>(std::move(cancelled), reference));
}

}  // namespace trtnode::napi
