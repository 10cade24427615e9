// IRefitter and IParserRefitter.
#include "tensorrt/refitter.h"

#include <map>
#include <mutex>
#include <utility>

#include "tensorrt/abi/call.h"
#include "tensorrt/entry_points.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/failure.h"
#include "tensorrt/onnx_parse.h"

namespace trtnode::tensorrt {

namespace m = abi::methods;

namespace {

constexpr std::size_t kNamesInMessage = 8;

using ParserRefitter = abi::Owned<abi::IParserRefitter>;

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kNamesInMessage; ++i) {
    text += (i == 0 ? "'" : ", '") + names[i] + "'";
  }
  if (names.size() > kNamesInMessage) {
    text += " and " + std::to_string(names.size() - kNamesInMessage) + " more";
  }
  return text;
}

}  // namespace

struct Refitter::Impl {
  Impl(std::shared_ptr<Engine> e, abi::IRefitter* r)
      : engine(std::move(e)),
        library(*engine->runtime()->library()),
        version(library.version()),
        logger(engine->runtime()->logger()),
        recorder(logger),
        refitter(version.major, r) {}

  // TensorRT 8 has not got all of them, so each call asks.
  template <typename M, typename... A>
  auto Ask(A... arguments) const {
    return abi::Call<M>(version, refitter.get(), arguments...);
  }

  Status Failed(ErrorCode code, const char* call, std::string message, Logger::Scope& scope,
                std::string hint = {}) {
    return CallFailed(code, std::string("IRefitter::") + call, std::move(message), scope, &recorder,
                      std::move(hint));
  }

  template <typename M>
  Result<std::vector<std::string>> Names() {
    ASSIGN_OR_RETURN(const abi::i32 count, Ask<M>(abi::i32{0}, static_cast<char const**>(nullptr)));
    std::vector<const char*> names(static_cast<std::size_t>(count > 0 ? count : 0), nullptr);
    ASSIGN_OR_RETURN(const abi::i32 again,
                     Ask<M>(static_cast<abi::i32>(names.size()), names.data()));
    if (again < static_cast<abi::i32>(names.size())) {
      names.resize(static_cast<std::size_t>(again > 0 ? again : 0));
    }
    std::vector<std::string> result;
    for (const char* name : names) {
      if (name != nullptr) result.emplace_back(name);
    }
    return result;
  }

  // In the order in which they depend: the parsers' refitters go first (they point to the IRefitter), then it, then the weights.
  const std::shared_ptr<Engine> engine;
  const Library& library;
  const Version version;
  Logger& logger;
  ErrorRecorder recorder;
  std::map<std::string, GivenWeights> given;
  abi::Owned<abi::VRefitter> refitter;
  std::vector<ParserRefitter> parsers;  // they own the weights that they set
  std::mutex mutex;
};

Refitter::Refitter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Refitter::~Refitter() = default;

namespace {

Status NotRefittable() {
  return Status(ErrorCode::kUnsupported, "The engine is not refittable.",
                "Build the plan with refit (--refit), or with stripped weights (--stripWeights).");
}

}  // namespace

Result<std::shared_ptr<Refitter>> Refitter::Create(std::shared_ptr<Engine> engine) {
  const Library& library = *engine->runtime()->library();
  const Version version = library.version();
  Logger::Scope scope(engine->runtime()->logger());
  void* refitter = nullptr;
  // The entry point is in every full library; the method also serves lean ones, from TensorRT 10 on.
  if (library.entry_points().createInferRefitter != nullptr) {
    refitter = library.entry_points().createInferRefitter(
        engine->abi_object(), engine->runtime()->logger().abi_object(), library.version_number());
  } else {
    ASSIGN_OR_RETURN(refitter,
                     abi::Call<m::VCudaEngine_createRefitter>(
                         version, static_cast<abi::ICudaEngine*>(engine->abi_object()),
                         *static_cast<abi::ILogger*>(engine->runtime()->logger().abi_object())));
  }
  // Stripped plans can be refitted although isRefittable() says no (kSTRIP_PLAN implies kREFIT_IDENTICAL; seen with 10.6): so it is tried.
  const bool refittable = engine->info().refittable;
  if (!abi::IsObject(refitter)) {
    if (!refittable) return NotRefittable();
    return CallFailed(ErrorCode::kRefit, "createInferRefitter",
                      "TensorRT could not create a refitter.", scope, nullptr);
  }
  auto impl = std::make_unique<Impl>(std::move(engine), static_cast<abi::IRefitter*>(refitter));
  RETURN_IF_ERROR(impl->Ask<m::VRefitter_setErrorRecorder>(impl->recorder.abi_object()));
  std::shared_ptr<Refitter> made(new Refitter(std::move(impl)));  // NOLINT: private constructor
  if (!refittable) {
    ASSIGN_OR_RETURN(const std::vector<std::string> weights, made->AllWeights());
    if (weights.empty()) return NotRefittable();
  }
  return made;
}

Result<std::vector<std::string>> Refitter::AllWeights() {
  const std::lock_guard lock(impl_->mutex);
  return impl_->Names<m::VRefitter_getAllWeights>();
}

Result<std::vector<std::string>> Refitter::MissingWeights() {
  const std::lock_guard lock(impl_->mutex);
  return impl_->Names<m::VRefitter_getMissingWeights>();
}

Result<std::optional<WeightsShape>> Refitter::Prototype(const std::string& name) {
  const std::lock_guard lock(impl_->mutex);
  Logger::Scope scope(impl_->logger);  // an unknown name is no error here
  ASSIGN_OR_RETURN(const abi::Weights weights,
                   impl_->Ask<m::VRefitter_getWeightsPrototype>(name.c_str()));
  impl_->recorder.clear();
  if (weights.count < 0) return std::optional<WeightsShape>();
  return std::optional(WeightsShape{weights.type, weights.count});
}

Status Refitter::SetNamedWeights(const std::string& name, GivenWeights weights) {
  const std::lock_guard lock(impl_->mutex);
  Logger::Scope scope(impl_->logger);
  const abi::Weights value{weights.shape.type, weights.values, weights.shape.count};
  bool taken = false;
  if (weights.location == TensorLocation::kHost) {
    ASSIGN_OR_RETURN(taken, impl_->Ask<m::VRefitter_setNamedWeights>(name.c_str(), value));
  } else {
    ASSIGN_OR_RETURN(taken, impl_->Ask<m::VRefitter_setNamedWeightsWithLocation>(
                                name.c_str(), value, weights.location));
  }
  if (!taken) {
    return impl_->Failed(ErrorCode::kInvalidArgument, "setNamedWeights",
                         "TensorRT refused " + std::to_string(weights.shape.count) +
                             " elements of " + std::string(DataTypeName(weights.shape.type)) +
                             " for the weights '" + name + "'.",
                         scope);
  }
  impl_->given[name] = std::move(weights);  // only now may those before go
  return {};
}

Result<std::optional<WeightsShape>> Refitter::NamedWeights(const std::string& name) {
  const std::lock_guard lock(impl_->mutex);
  Logger::Scope scope(impl_->logger);
  ASSIGN_OR_RETURN(const abi::Weights weights,
                   impl_->Ask<m::VRefitter_getNamedWeights>(name.c_str()));
  impl_->recorder.clear();
  if (weights.values == nullptr || weights.count <= 0) return std::optional<WeightsShape>();
  return std::optional(WeightsShape{weights.type, weights.count});
}

Status Refitter::UnsetNamedWeights(const std::string& name) {
  const std::lock_guard lock(impl_->mutex);
  Logger::Scope scope(impl_->logger);
  ASSIGN_OR_RETURN(const bool unset, impl_->Ask<m::VRefitter_unsetNamedWeights>(name.c_str()));
  if (!unset) {
    return impl_->Failed(ErrorCode::kInvalidArgument, "unsetNamedWeights",
                         "TensorRT has no weights '" + name + "' to unset.", scope);
  }
  impl_->given.erase(name);
  return {};
}

Status Refitter::SetWeightsValidation(bool on) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->Ask<m::VRefitter_setWeightsValidation>(on);
}

Result<bool> Refitter::WeightsValidation() {
  const std::lock_guard lock(impl_->mutex);
  return impl_->Ask<m::VRefitter_getWeightsValidation>();
}

Status Refitter::SetMaxThreads(int threads) {
  const std::lock_guard lock(impl_->mutex);
  Logger::Scope scope(impl_->logger);
  ASSIGN_OR_RETURN(const bool taken, impl_->Ask<m::VRefitter_setMaxThreads>(threads));
  if (taken) return {};
  return impl_->Failed(ErrorCode::kInvalidArgument, "setMaxThreads",
                       "TensorRT refused maxThreads = " + std::to_string(threads) + ".", scope);
}

int Refitter::max_threads() {
  const std::lock_guard lock(impl_->mutex);
  const auto threads = impl_->Ask<m::VRefitter_getMaxThreads>();
  return threads.ok() ? threads.value() : 1;
}

Status Refitter::SetWeightsFromOnnx(std::span<const std::byte> model, const std::string& path) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->version.major < 10) {
    return Status(ErrorCode::kUnsupported,
                  "Refitting from an ONNX model (IParserRefitter) does not exist in TensorRT 8; "
                  "this is TensorRT " +
                      impl_->version.ToString() + ".",
                  "Give the weights by name (weights, npy or safetensors).");
  }
  ASSIGN_OR_RETURN(const ParserEntryPoints* const entry, impl_->library.parser());
  if (entry->createNvOnnxParserRefitter == nullptr) {
    return Status(ErrorCode::kUnsupported, "This ONNX parser library has no refitter.",
                  "Install the libnvonnxparser of this TensorRT, or give the weights by name.");
  }
  Logger::Scope scope(impl_->logger);
  const std::int32_t number =
      entry->getNvOnnxParserVersion != nullptr ? entry->getNvOnnxParserVersion() : 0;
  ParserRefitter parser(
      impl_->version.major,
      entry->createNvOnnxParserRefitter(impl_->refitter.get(), impl_->logger.abi_object(), number));
  if (!parser) {
    return impl_->Failed(ErrorCode::kRefit, "createNvOnnxParserRefitter",
                         "TensorRT could not create an ONNX refitter.", scope);
  }
  const char* const file = path.empty() ? nullptr : path.c_str();
  const Version& version = impl_->version;
  ASSIGN_OR_RETURN(
      const bool taken,
      model.empty()
          ? abi::Call<m::IParserRefitter_refitFromFile>(version, parser.get(), file)
          : abi::Call<m::IParserRefitter_refitFromBytes>(
                version, parser.get(), static_cast<void const*>(model.data()), model.size(), file));
  if (taken) {
    impl_->parsers.push_back(std::move(parser));
    return {};
  }
  std::vector<std::string> errors;
  ASSIGN_OR_RETURN(const int count,
                   abi::Call<m::IParserRefitter_getNbErrors>(version, parser.get()));
  for (int i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const auto* const error,
                     abi::Call<m::IParserRefitter_getError>(version, parser.get(), i));
    if (abi::IsObject(error)) errors.push_back(DescribeParserError(impl_->version, error));
  }
  // What it set before it failed must not point to its memory any more.
  impl_->parsers.push_back(std::move(parser));
  Status status = impl_->Failed(
      ErrorCode::kRefit, "refitFromFile",
      "The ONNX model does not fit the engine" +
          (errors.empty() ? std::string(".") : ": " + errors.front() + "."),
      scope, "Give the model that the plan was built from, or one of the same structure.");
  for (const std::string& text : errors) status.error().log.push_back("[E] " + text);
  return status;
}

Status Refitter::Refit() {
  const std::lock_guard lock(impl_->mutex);
  Logger::Scope scope(impl_->logger, true);
  ASSIGN_OR_RETURN(std::vector<std::string> missing,
                   impl_->Names<m::VRefitter_getMissingWeights>());
  if (!missing.empty()) {
    Error error;
    error.code = ErrorCode::kRefit;
    error.call = "IRefitter::refitCudaEngine";
    error.message = "The engine misses " + std::to_string(missing.size()) +
                    " weights: " + Listed(missing) + "; nothing was changed.";
    error.hint =
        "Give these too: TensorRT needs all weights of a stripped plan, and all that it has "
        "combined with others.";
    error.missing_weights = std::move(missing);
    return Status(std::move(error));
  }
  ASSIGN_OR_RETURN(const bool refitted, impl_->Ask<m::VRefitter_refitCudaEngine>());
  if (refitted) return {};
  return impl_->Failed(
      ErrorCode::kRefit, "refitCudaEngine",
      "TensorRT could not refit the engine; some of its weights may have been exchanged.", scope,
      "Refit it again with weights that are known to be good, or load the plan again.");
}

Status Refitter::RefitAsync(void* stream) {
  const std::lock_guard lock(impl_->mutex);
  Logger::Scope scope(impl_->logger, true);
  ASSIGN_OR_RETURN(const bool enqueued, impl_->Ask<m::VRefitter_refitCudaEngineAsync>(
                                            static_cast<abi::CUstream_st*>(stream)));
  if (enqueued) return {};
  Status status = impl_->Failed(ErrorCode::kRefit, "refitCudaEngineAsync",
                                "TensorRT could not enqueue the refitting of the engine.", scope);
  if (auto missing = impl_->Names<m::VRefitter_getMissingWeights>(); missing.ok()) {
    status.error().missing_weights = missing.Take();
  }
  return status;
}

const std::shared_ptr<Engine>& Refitter::engine() const noexcept { return impl_->engine; }

}  // namespace trtnode::tensorrt
