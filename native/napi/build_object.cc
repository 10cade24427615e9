// NativePlatform.build, NativePlatform.checkModel and NativeBuild.
#include "napi/build_object.h"

#include <array>
#include <string>
#include <utility>

#include "napi/build_options.h"
#include "napi/copied_bytes.h"
#include "napi/errors.h"
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
  ProgressStep(std::shared_ptr<JsReference> progress, const tensorrt::BuildStep& step)
      : progress_(std::move(progress)),
        phase_(step.phase),
        parent_(step.parent),
        step_(step.step),
        steps_(step.steps),
        finished_(step.finished),
        elapsed_ms_(step.elapsed_ms) {}

  void Run(EnvState& state) override {
    (void)Call(state.env()).ok();  // what it throws is reported by the queue
  }

 private:
  Status Call(napi_env env) const {
    ASSIGN_OR_RETURN(napi_value function, progress_->Get(env));
    std::array<napi_value, 6> arguments{};
    ASSIGN_OR_RETURN(arguments[0], MakeString(env, phase_));
    ASSIGN_OR_RETURN(arguments[1], MakeString(env, parent_));
    ASSIGN_OR_RETURN(arguments[2], MakeNumber(env, step_));
    ASSIGN_OR_RETURN(arguments[3], MakeNumber(env, steps_));
    ASSIGN_OR_RETURN(arguments[4], MakeBool(env, finished_));
    ASSIGN_OR_RETURN(arguments[5], MakeNumber(env, elapsed_ms_));
    napi_value receiver = nullptr;
    NAPI_TRY(napi_get_undefined(env, &receiver));
    NAPI_TRY(
        napi_call_function(env, receiver, function, arguments.size(), arguments.data(), nullptr));
    return {};
  }

  const std::shared_ptr<JsReference> progress_;
  const std::string phase_, parent_;
  const int step_, steps_;
  const bool finished_;
  const double elapsed_ms_;
};

// TensorRT's threads ask it after every step whether to go on.
auto MakeProgress(std::shared_ptr<std::atomic<bool>> cancelled,
                  std::shared_ptr<JsReference> progress) {
  return [cancelled = std::move(cancelled),
          progress = std::move(progress)](const tensorrt::BuildStep& step) {
    try {
      if (progress != nullptr && !*cancelled) {
        progress->queue()->Push(std::make_shared<ProgressStep>(progress, step));
      }
    } catch (...) {  // no memory for a message
    }
    return !*cancelled && !Exiting();
  };
}

Result<CalibrationBatch> ReadBatch(napi_env env, napi_value list) {
  CalibrationBatch batch;
  ASSIGN_OR_RETURN(const std::uint32_t count, ReadLength(env, list, "batch"));
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(napi_value object, GetElement(env, list, i));
    ASSIGN_OR_RETURN(const std::string name, GetString(env, object, "name"));
    ASSIGN_OR_RETURN(const std::string dtype, GetString(env, object, "dtype"));
    CalibrationTensor& tensor = batch[name];
    const auto type = DataTypeFromName(dtype);
    if (!type) return WrongType("dtype", "the name of a TensorRT type");
    tensor.dtype = *type;
    ASSIGN_OR_RETURN(napi_value shape, Get(env, object, "shape"));
    ASSIGN_OR_RETURN(tensor.shape, ReadDims(env, shape, "shape"));
    ASSIGN_OR_RETURN(napi_value data, Get(env, object, "data"));
    ASSIGN_OR_RETURN(const std::span<std::byte> bytes, ReadView(env, data, "data"));
    const auto volume = tensor.shape.Volume();
    const auto wanted = volume ? ByteSize(*type, *volume) : std::nullopt;
    if (!wanted || *wanted != bytes.size()) {
      return Status(ErrorCode::kLengthMismatch, "calibration: '" + name + "' of shape " +
                                                    tensor.shape.ToString() + " has " +
                                                    std::to_string(bytes.size()) + " bytes.");
    }
    tensor.data = CopyBytes(bytes);
  }
  return batch;
}

// What the builder's thread used of the device is freed on it.
class FeedGuard {
 public:
  explicit FeedGuard(const BuildShared& shared) noexcept : shared_(shared) {}
  ~FeedGuard() {
    if (shared_.feed != nullptr) shared_.feed->Release();
  }
  FeedGuard(const FeedGuard&) = delete;
  FeedGuard& operator=(const FeedGuard&) = delete;

 private:
  const BuildShared& shared_;
};

Result<napi_value> MakeCapability(napi_env env, const tensorrt::ModelCapability& capability) {
  ASSIGN_OR_RETURN(ObjectWriter writer, ObjectWriter::Make(env));
  RETURN_IF_ERROR(writer.Set("supported", capability.supported));
  RETURN_IF_ERROR(writer.Set("subgraphs", MakeSubgraphs(env, capability.subgraphs)));
  RETURN_IF_ERROR(writer.Set("modelErrors", MakeModelErrors(env, capability.errors)));
  return writer.value();
}

}  // namespace

std::span<const napi_property_descriptor> BuildObject::Definition() {
  static const std::array kProperties = {
      Getter<&BuildObject::Plan>("plan"),
      Method<&BuildObject::Cancel>("cancel"),
      Method<&BuildObject::GiveBatch>("giveBatch"),
      Method<&BuildObject::FailBatch>("failBatch"),
      Getter<&BuildObject::CalibrationCache>("calibrationCache"),
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
  *shared_->cancelled = true;
  return nullptr;
}

Result<napi_value> BuildObject::GiveBatch(Call& call) {
  if (shared_->feed == nullptr) return nullptr;
  if (IsNullish(call.env, call.arguments[0])) {
    shared_->feed->Give(std::nullopt);
    return nullptr;
  }
  ASSIGN_OR_RETURN(CalibrationBatch batch, ReadBatch(call.env, call.arguments[0]));
  shared_->feed->Give(std::move(batch));
  return nullptr;
}

Result<napi_value> BuildObject::FailBatch(Call& /*call*/) {
  if (shared_->feed != nullptr) shared_->feed->Fail();
  return nullptr;
}

Result<napi_value> BuildObject::CalibrationCache(Call& call) {
  if (shared_->calibration_cache.empty()) return nullptr;
  return MakeArrayBuffer(call.env, shared_->calibration_cache);
}

Result<napi_value> PlatformObject::Build(Call& call) {
  ASSIGN_OR_RETURN(const std::string path, ReadString(call.env, call.arguments[1], "modelPath"));
  ASSIGN_OR_RETURN(BuildRequest read, ReadBuildOptions(call.state, call.arguments[2]));
  ASSIGN_OR_RETURN(auto context, platform_->Context(read.device));
  ASSIGN_OR_RETURN(const std::span<std::byte> bytes,
                   ReadView(call.env, call.arguments[0], "model"));
  const auto model = CopyBytes(bytes);
  auto shared = std::make_shared<BuildShared>();
  call.state.AddCancellation(shared->cancelled);
  auto request = std::make_shared<BuildRequest>(std::move(read));
  request->options.progress = MakeProgress(shared->cancelled, request->progress);
  if (auto& calibration = request->options.calibration) {
    calibration->keep_cache = [shared](std::span<const std::byte> cache) {
      shared->calibration_cache.assign(cache.begin(), cache.end());
    };
    if (request->next_batch != nullptr) {
      shared->feed =
          std::make_shared<CalibrationFeed>(context, request->next_batch, shared->cancelled);
      calibration->next = [feed = shared->feed](auto inputs, auto addresses) {
        return feed->Next(inputs, addresses);
      };
    }
  }
  auto plan = std::make_shared<std::unique_ptr<tensorrt::HostMemory>>();
  ASSIGN_OR_RETURN(
      napi_value promise,
      RunAsync(
          call.state,
          [platform = platform_, context = std::move(context), model, path, request, plan, shared,
           token = std::make_shared<LiveToken>(Kind::kBuild)]() -> Status {
            cuda::RelaxCaptureMode(context->driver());
            const cuda::ContextGuard guard(*context);
            RETURN_IF_ERROR(guard.status());
            const FeedGuard feed(*shared);
            if (*shared->cancelled) return Status(ErrorCode::kAborted, "The build was cancelled.");
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
  return NewObject(call.state, std::make_unique<BuildObject>(std::move(shared), reference));
}

Result<napi_value> PlatformObject::CheckModel(Call& call) {
  ASSIGN_OR_RETURN(const std::string path, ReadString(call.env, call.arguments[1], "modelPath"));
  ASSIGN_OR_RETURN(BuildRequest read, ReadCheckOptions(call.state, call.arguments[2]));
  ASSIGN_OR_RETURN(auto context, platform_->Context(read.device));
  ASSIGN_OR_RETURN(const std::span<std::byte> bytes,
                   ReadView(call.env, call.arguments[0], "model"));
  const auto model = CopyBytes(bytes);
  auto request = std::make_shared<BuildRequest>(std::move(read));
  auto capability = std::make_shared<tensorrt::ModelCapability>();
  return RunAsync(
      call.state,
      [platform = platform_, context = std::move(context), model, path, request, capability,
       token = std::make_shared<LiveToken>(Kind::kBuild)]() -> Status {
        cuda::RelaxCaptureMode(context->driver());  // creating a builder allocates
        const cuda::ContextGuard guard(*context);
        RETURN_IF_ERROR(guard.status());
        auto checked =
            tensorrt::CheckModel(platform->library(), model->bytes(), path, request->options);
        GuardExit();
        RETURN_IF_ERROR(checked.TakeStatus());
        *capability = checked.Take();
        return {};
      },
      [capability](EnvState& state) { return MakeCapability(state.env(), *capability); });
}

}  // namespace trtnode::napi
