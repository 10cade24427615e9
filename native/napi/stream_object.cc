// NativeStream.
#include <array>
#include <string>
#include <utility>

#include "napi/objects.h"
#include "napi/promise.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> StreamObject::Definition() {
  using Self = StreamObject;
  static const std::array kProperties = {
      Getter<&Self::Device>("device"),
      Getter<&Self::Priority>("priority"),
      Getter<&Self::Handle>("handle"),
      Method<&Self::Query>("query"),
      Method<&Self::Synchronize>("synchronize"),
      Method<&Self::SynchronizeSync>("synchronizeSync"),
      Method<&Self::WaitEvent>("waitEvent"),
      Method<&Self::RecordEvent>("recordEvent"),
      Method<&Self::BeginCapture>("beginCapture"),
      Method<&Self::EndCapture>("endCapture"),
      Getter<&Self::Capturing>("capturing"),
      Method<&Self::CopyHostToDevice>("copyHostToDevice"),
      Method<&Self::CopyDeviceToHost>("copyDeviceToHost"),
      Method<&Self::CopyDeviceToDevice>("copyDeviceToDevice"),
      Method<&Self::Memset>("memset"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Status CheckRange(const char* what, std::size_t offset, std::size_t bytes, std::size_t size) {
  if (offset <= size && bytes <= size - offset) return {};
  return Status(ErrorCode::kInvalidArgument, std::string(what) + ": " + std::to_string(bytes) +
                                                 " bytes from byte " + std::to_string(offset) +
                                                 " do not lie within a buffer of " +
                                                 std::to_string(size) + " bytes.");
}

Result<napi_value> StreamObject::Device(Call& call) {
  return MakeNumber(call.env, resource_->context->device());
}

Result<napi_value> StreamObject::Priority(Call& call) {
  return MakeNumber(call.env, resource_->stream->priority());
}

Result<napi_value> StreamObject::Handle(Call& call) {
  return MakeBigint(call.env, reinterpret_cast<std::uint64_t>(resource_->stream->handle()));
}

Result<napi_value> StreamObject::Query(Call& call) {
  ASSIGN_OR_RETURN(const bool done, resource_->stream->Query());
  if (done) resource_->kept.clear();
  return MakeBool(call.env, done);
}

Result<napi_value> StreamObject::Synchronize(Call& call) {
  auto kept = std::make_shared<std::vector<std::shared_ptr<Resource>>>(resource_->TakeKept());
  return RunAsync(
      call.state,
      [resource = resource_, kept]() -> Status {
        cuda::RelaxCaptureMode(resource->context->driver());
        Status status = resource->stream->Synchronize();
        kept->clear();
        return status;
      },
      [](EnvState&) -> Result<napi_value> { return nullptr; });
}

Result<napi_value> StreamObject::SynchronizeSync(Call& /*call*/) {
  const auto kept = resource_->TakeKept();
  RETURN_IF_ERROR(resource_->stream->Synchronize());
  return nullptr;
}

Result<napi_value> StreamObject::WaitEvent(Call& call) {
  ASSIGN_OR_RETURN(EventObject * event, Unwrap<EventObject>(call, call.arguments[0], "event"));
  RETURN_IF_ERROR(resource_->stream->Wait(*event->resource()->event));
  return nullptr;
}

Result<napi_value> StreamObject::RecordEvent(Call& call) {
  ASSIGN_OR_RETURN(EventObject * event, Unwrap<EventObject>(call, call.arguments[0], "event"));
  RETURN_IF_ERROR(resource_->stream->Record(*event->resource()->event));
  return nullptr;
}

Result<napi_value> StreamObject::BeginCapture(Call& call) {
  ASSIGN_OR_RETURN(const int mode, ReadInt(call.env, call.arguments[0], "mode", 0, 2));
  RETURN_IF_ERROR(resource_->stream->BeginCapture(mode));
  resource_->capturing = true;
  resource_->captured.clear();
  return nullptr;
}

Result<napi_value> StreamObject::EndCapture(Call& call) {
  resource_->capturing = false;
  auto captured = std::move(resource_->captured);
  ASSIGN_OR_RETURN(auto graph, resource_->stream->EndCapture());
  auto resource = std::make_shared<GraphResource>(std::move(graph), std::move(captured));
  return NewObject(call.state, std::make_unique<GraphObject>(std::move(resource)));
}

Result<napi_value> StreamObject::Capturing(Call& call) {
  ASSIGN_OR_RETURN(const bool capturing, resource_->stream->Capturing());
  return MakeBool(call.env, capturing);
}

namespace {

// (buffer, offset) at `at` in the arguments, checked against the last argument, the number of bytes.
template <typename T>
struct Piece {
  T* object;
  std::size_t offset;
};

template <typename T>
Result<Piece<T>> ReadPiece(Call& call, std::size_t at, std::size_t bytes, const char* what) {
  ASSIGN_OR_RETURN(T * object, Unwrap<T>(call, call.arguments[at], what));
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[at + 1], what));
  RETURN_IF_ERROR(CheckRange(what, offset, bytes, object->buffer().bytes()));
  return Piece<T>{object, offset};
}

}  // namespace

Result<napi_value> StreamObject::CopyHostToDevice(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[4], "bytes"));
  ASSIGN_OR_RETURN(const auto to, ReadPiece<DeviceBufferObject>(call, 0, bytes, "to"));
  ASSIGN_OR_RETURN(const auto from, ReadPiece<PinnedBufferObject>(call, 2, bytes, "from"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  resource_->Keep(to.object->resource());
  resource_->Keep(from.object->resource());
  RETURN_IF_ERROR(resource_->stream->CopyToDevice(to.object->buffer().address() + to.offset,
                                                  from.object->buffer().data() + from.offset,
                                                  bytes));
  return nullptr;
}

Result<napi_value> StreamObject::CopyDeviceToHost(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[4], "bytes"));
  ASSIGN_OR_RETURN(const auto to, ReadPiece<PinnedBufferObject>(call, 0, bytes, "to"));
  ASSIGN_OR_RETURN(const auto from, ReadPiece<DeviceBufferObject>(call, 2, bytes, "from"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  resource_->Keep(to.object->resource());
  resource_->Keep(from.object->resource());
  RETURN_IF_ERROR(resource_->stream->CopyToHost(to.object->buffer().data() + to.offset,
                                                from.object->buffer().address() + from.offset,
                                                bytes));
  return nullptr;
}

Result<napi_value> StreamObject::CopyDeviceToDevice(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[4], "bytes"));
  ASSIGN_OR_RETURN(const auto to, ReadPiece<DeviceBufferObject>(call, 0, bytes, "to"));
  ASSIGN_OR_RETURN(const auto from, ReadPiece<DeviceBufferObject>(call, 2, bytes, "from"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  resource_->Keep(to.object->resource());
  resource_->Keep(from.object->resource());
  const cuda::DeviceBuffer& target = to.object->buffer();
  const cuda::DeviceBuffer& source = from.object->buffer();
  const auto target_at = target.address() + to.offset;
  const auto source_at = source.address() + from.offset;
  RETURN_IF_ERROR(target.context() == source.context()
                      ? resource_->stream->CopyOnDevice(target_at, source_at, bytes)
                      : resource_->stream->CopyBetween(*target.context(), target_at,
                                                       *source.context(), source_at, bytes));
  return nullptr;
}

Result<napi_value> StreamObject::Memset(Call& call) {
  ASSIGN_OR_RETURN(const int value, ReadInt(call.env, call.arguments[2], "value", 0, 255));
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[3], "bytes"));
  ASSIGN_OR_RETURN(const auto to, ReadPiece<DeviceBufferObject>(call, 0, bytes, "to"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  resource_->Keep(to.object->resource());
  RETURN_IF_ERROR(resource_->stream->Fill(to.object->buffer().address() + to.offset,
                                          static_cast<unsigned char>(value), bytes));
  return nullptr;
}

}  // namespace trtnode::napi
