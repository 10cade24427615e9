// NativeRefitter.
#include "napi/refitter_object.h"

#include <array>
#include <limits>
#include <optional>

#include "napi/copied_bytes.h"
#include "napi/exit_gate.h"
#include "napi/objects.h"
#include "napi/promise.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {
namespace {

// What was given as weights: copied from a view, or kept where it is.
struct Values {
  std::span<const std::byte> bytes;
  tensorrt::TensorLocation location = tensorrt::TensorLocation::kHost;
  std::shared_ptr<const void> keep;
};

Result<Values> ReadValues(Call& call, napi_value given, std::size_t offset,
                          const cuda::PrimaryContext& context) {
  const auto within = [&](const std::byte* data, std::size_t size,
                          std::shared_ptr<const Resource> keep,
                          tensorrt::TensorLocation location) -> Result<Values> {
    RETURN_IF_ERROR(CheckRange("byteOffset", offset, 0, size));
    if (keep->context.get() != &context) {
      return Status(ErrorCode::kInvalidArgument,
                    "The buffer belongs to another device than the engine.");
    }
    return Values{{data + offset, size - offset}, location, std::move(keep)};
  };
  if (IsObjectOf(call.env, given, Kind::kPinnedBuffer)) {
    ASSIGN_OR_RETURN(PinnedBufferObject * pinned,
                     Unwrap<PinnedBufferObject>(call, given, "values"));
    const cuda::PinnedBuffer& buffer = pinned->buffer();
    return within(buffer.data(), buffer.bytes(), pinned->resource(),
                  tensorrt::TensorLocation::kHost);
  }
  if (IsObjectOf(call.env, given, Kind::kDeviceBuffer)) {
    ASSIGN_OR_RETURN(DeviceBufferObject * device,
                     Unwrap<DeviceBufferObject>(call, given, "values"));
    const cuda::DeviceBuffer& buffer = device->buffer();
    return within(reinterpret_cast<const std::byte*>(buffer.address()), buffer.bytes(),
                  device->resource(), tensorrt::TensorLocation::kDevice);
  }
  ASSIGN_OR_RETURN(const std::span<std::byte> view, ReadView(call.env, given, "values"));
  RETURN_IF_ERROR(CheckRange("byteOffset", offset, 0, view.size()));
  auto copy = CopyBytes(view.subspan(offset));
  const std::span<const std::byte> bytes = copy->bytes();
  return Values{bytes, tensorrt::TensorLocation::kHost, std::move(copy)};
}

Result<napi_value> MakeShape(napi_env env, const std::optional<tensorrt::WeightsShape>& shape) {
  if (!shape.has_value()) return nullptr;
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(env));
  RETURN_IF_ERROR(object.Set("dtype", DataTypeName(shape->type)));
  RETURN_IF_ERROR(object.Set("count", shape->count));
  return object.value();
}

// Calls `work` on the refitter on a thread of the pool.
template <typename F>
Result<napi_value> Later(EnvState& state, std::shared_ptr<RefitterResource> resource, F work) {
  return RunAsync(
      state,
      [resource = std::move(resource), work = std::move(work)]() mutable -> Status {
        cuda::RelaxCaptureMode(resource->context->driver());
        Status status;
        {
          const cuda::ContextGuard guard(*resource->context);
          RETURN_IF_ERROR(guard.status());
          status = work(*resource->refitter);
        }
        GuardExit();  // the ONNX parser's library may have been opened
        return status;
      },
      [](EnvState&) -> Result<napi_value> { return nullptr; });
}

}  // namespace

std::span<const napi_property_descriptor> RefitterObject::Definition() {
  using Self = RefitterObject;
  static const std::array kProperties = {
      Method<&Self::AllWeights>("allWeights"),
      Method<&Self::MissingWeights>("missingWeights"),
      Method<&Self::WeightsPrototype>("weightsPrototype"),
      Method<&Self::SetNamedWeights>("setNamedWeights"),
      Method<&Self::NamedWeights>("namedWeights"),
      Method<&Self::UnsetNamedWeights>("unsetNamedWeights"),
      Property<&Self::WeightsValidation, &Self::SetWeightsValidation>("weightsValidation"),
      Property<&Self::MaxThreads, &Self::SetMaxThreads>("maxThreads"),
      Method<&Self::RefitFromFile>("refitFromFile"),
      Method<&Self::RefitFromBytes>("refitFromBytes"),
      Method<&Self::RefitCudaEngine>("refitCudaEngine"),
      Method<&Self::RefitCudaEngineSync>("refitCudaEngineSync"),
      Method<&Self::RefitCudaEngineAsync>("refitCudaEngineAsync"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> RefitterObject::AllWeights(Call& call) {
  ASSIGN_OR_RETURN(const auto names, refitter().AllWeights());
  return MakeStrings(call.env, names);
}

Result<napi_value> RefitterObject::MissingWeights(Call& call) {
  ASSIGN_OR_RETURN(const auto names, refitter().MissingWeights());
  return MakeStrings(call.env, names);
}

Result<napi_value> RefitterObject::WeightsPrototype(Call& call) {
  ASSIGN_OR_RETURN(const std::string name, ReadString(call.env, call.arguments[0], "name"));
  ASSIGN_OR_RETURN(const auto shape, refitter().Prototype(name));
  return MakeShape(call.env, shape);
}

Result<napi_value> RefitterObject::SetNamedWeights(Call& call) {
  ASSIGN_OR_RETURN(const std::string name, ReadString(call.env, call.arguments[0], "name"));
  ASSIGN_OR_RETURN(const std::string word, ReadString(call.env, call.arguments[1], "dtype"));
  const std::optional<DataType> type = DataTypeFromName(word);
  if (!type.has_value()) return WrongType("dtype", "an element type");
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[3], "byteOffset"));
  ASSIGN_OR_RETURN(const std::size_t count, ReadSize(call.env, call.arguments[4], "count"));
  ASSIGN_OR_RETURN(Values values, ReadValues(call, call.arguments[2], offset, *resource_->context));
  const auto size = ByteSize(*type, static_cast<std::int64_t>(count));
  if (!size.has_value() || *size > values.bytes.size()) {
    return Status(ErrorCode::kLengthMismatch,
                  std::to_string(count) + " elements of " + word + " for the weights '" + name +
                      "' do not fit into the " + std::to_string(values.bytes.size()) +
                      " bytes that were given.");
  }
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(refitter().SetNamedWeights(name, {{*type, static_cast<std::int64_t>(count)},
                                                    values.bytes.data(),
                                                    values.location,
                                                    std::move(values.keep)}));
  return nullptr;
}

Result<napi_value> RefitterObject::NamedWeights(Call& call) {
  ASSIGN_OR_RETURN(const std::string name, ReadString(call.env, call.arguments[0], "name"));
  ASSIGN_OR_RETURN(const auto shape, refitter().NamedWeights(name));
  return MakeShape(call.env, shape);
}

Result<napi_value> RefitterObject::UnsetNamedWeights(Call& call) {
  ASSIGN_OR_RETURN(const std::string name, ReadString(call.env, call.arguments[0], "name"));
  RETURN_IF_ERROR(refitter().UnsetNamedWeights(name));
  return nullptr;
}

Result<napi_value> RefitterObject::WeightsValidation(Call& call) {
  ASSIGN_OR_RETURN(const bool on, refitter().WeightsValidation());
  return MakeBool(call.env, on);
}

Result<napi_value> RefitterObject::SetWeightsValidation(Call& call) {
  ASSIGN_OR_RETURN(const bool on, ReadBool(call.env, call.arguments[0], "weightsValidation"));
  RETURN_IF_ERROR(refitter().SetWeightsValidation(on));
  return nullptr;
}

Result<napi_value> RefitterObject::MaxThreads(Call& call) {
  return MakeNumber(call.env, refitter().max_threads());
}

Result<napi_value> RefitterObject::SetMaxThreads(Call& call) {
  ASSIGN_OR_RETURN(const int threads, ReadInt(call.env, call.arguments[0], "maxThreads", 1,
                                              std::numeric_limits<int>::max()));
  RETURN_IF_ERROR(refitter().SetMaxThreads(threads));
  return nullptr;
}

Result<napi_value> RefitterObject::RefitFromFile(Call& call) {
  ASSIGN_OR_RETURN(std::string path, ReadString(call.env, call.arguments[0], "path"));
  return Later(call.state, resource_, [path](tensorrt::Refitter& refitter) {
    return refitter.SetWeightsFromOnnx({}, path);
  });
}

Result<napi_value> RefitterObject::RefitFromBytes(Call& call) {
  ASSIGN_OR_RETURN(const std::span<std::byte> model,
                   ReadView(call.env, call.arguments[0], "model"));
  ASSIGN_OR_RETURN(std::string path, ReadString(call.env, call.arguments[1], "path"));
  if (model.empty()) return WrongType("model", "an ONNX model, which is not empty");
  return Later(call.state, resource_,
               [bytes = CopyBytes(model), path](tensorrt::Refitter& refitter) {
                 return refitter.SetWeightsFromOnnx(bytes->bytes(), path);
               });
}

Result<napi_value> RefitterObject::RefitCudaEngine(Call& call) {
  return Later(call.state, resource_,
               [](tensorrt::Refitter& refitter) { return refitter.Refit(); });
}

Result<napi_value> RefitterObject::RefitCudaEngineSync(Call&) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(refitter().Refit());
  return nullptr;
}

Result<napi_value> RefitterObject::RefitCudaEngineAsync(Call& call) {
  ASSIGN_OR_RETURN(StreamObject * stream, Unwrap<StreamObject>(call, call.arguments[0], "stream"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  Status status = refitter().RefitAsync(stream->resource()->stream->handle());
  // Also after a failure: part of the work may be in the stream.
  stream->resource()->Keep(resource_);
  RETURN_IF_ERROR(std::move(status));
  return nullptr;
}

}  // namespace trtnode::napi
