// Handles: wrapping, finding, calling, finalizing.
#include "napi/object.h"

#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "napi/errors.h"

namespace trtnode::napi {
namespace {

// JavaScript threads never call CUDA or wait here: that is the reaper's.
void Finalize(napi_env env, void* data, void* /*hint*/) noexcept {
  const std::unique_ptr<Object> object(static_cast<Object*>(data));
  object->DropReferences(env);  // closed or not: what a strong one leads to would never go
  if (!object->closed()) FreeLater(object->Detach());
}

napi_value Construct(napi_env env, napi_callback_info info) noexcept {
  napi_value receiver = nullptr;
  void* data = nullptr;
  std::size_t count = 0;
  if (napi_get_cb_info(env, info, &count, nullptr, &receiver, &data) != napi_ok) return nullptr;
  EnvState& state = *static_cast<EnvState*>(data);
  Object* object = state.constructing;
  if (object == nullptr) {
    (void)napi_throw_type_error(env, nullptr, "Illegal constructor");
    return nullptr;
  }
  if (napi_type_tag_object(env, receiver, &TypeTag(object->kind())) != napi_ok ||
      napi_wrap(env, receiver, object, Finalize, nullptr, nullptr) != napi_ok) {
    return nullptr;
  }
  state.constructing = nullptr;  // says that the object is the finalizer's now
  state.Add(*object);
  return receiver;
}

Result<napi_value> ConstructorOf(EnvState& state, Kind kind) {
  napi_value constructor = nullptr;
  napi_ref& reference = state.constructors[static_cast<std::size_t>(kind)];
  if (reference != nullptr) {
    NAPI_TRY(napi_get_reference_value(state.env(), reference, &constructor));
    return constructor;
  }
  const std::span<const napi_property_descriptor> definition = DefinitionOf(kind);
  std::vector<napi_property_descriptor> properties(definition.begin(), definition.end());
  for (napi_property_descriptor& property : properties) property.data = &state;
  NAPI_TRY(napi_define_class(state.env(), KindName(kind), NAPI_AUTO_LENGTH, Construct, &state,
                             properties.size(), properties.data(), &constructor));
  NAPI_TRY(napi_create_reference(state.env(), constructor, 1, &reference));
  return constructor;
}

// Null, or the object behind `value`.
Object* Find(napi_env env, napi_value value, Kind kind) noexcept {
  bool ours = false;
  void* data = nullptr;
  if (napi_check_object_type_tag(env, value, &TypeTag(kind), &ours) != napi_ok || !ours ||
      napi_unwrap(env, value, &data) != napi_ok) {
    return nullptr;
  }
  return static_cast<Object*>(data);
}

template <typename Body>
napi_value Guarded(EnvState& state, Body body) noexcept {
  const JsCalls::Scope call(*state.calls());
  try {
    Result<napi_value> result = body();
    if (result.ok()) return result.value();
    Throw(state, result.error());
  } catch (const std::bad_alloc&) {
    Throw(state, Status(ErrorCode::kOutOfMemory, "Host memory is exhausted.").error());
  } catch (const std::exception& error) {
    Throw(state, Status(ErrorCode::kInternal, error.what()).error());
  } catch (...) {
    Throw(state, Status(ErrorCode::kInternal, "Unknown native exception.").error());
  }
  return nullptr;
}

Status Misused(Kind kind) {
  return Status(ErrorCode::kInvalidArgument,
                std::string("The receiver of this call is no ") + KindName(kind) + ".");
}

}  // namespace

Object::~Object() {
  if (state_ != nullptr) state_->Remove(*this);
}

Status ClosedError(Kind kind) {
  return Status(
      ErrorCode::kClosed, std::string("This ") + KindName(kind) + " is closed.",
      "It, or what it was made from, was closed before: keep it open as long as it is used.");
}

napi_value Dispatch(napi_env env, napi_callback_info info, Kind kind, WhenClosed when_closed,
                    Invocation invoke) noexcept {
  std::size_t count = Call::kMaxArguments;
  std::array<napi_value, Call::kMaxArguments> arguments{};
  napi_value receiver = nullptr;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, arguments.data(), &receiver, &data) != napi_ok) {
    return nullptr;
  }
  EnvState& state = *static_cast<EnvState*>(data);
  return Guarded(state, [&]() -> Result<napi_value> {
    Object* object = Find(env, receiver, kind);
    if (object == nullptr) return Misused(kind);
    if (when_closed == WhenClosed::kRefuse && object->closed()) return ClosedError(kind);
    Call call{env, state, receiver, arguments};
    return invoke(*object, call);
  });
}

napi_value DispatchDirect(EnvState& state, Result<napi_value> (*body)(void* data),
                          void* data) noexcept {
  return Guarded(state, [&] { return body(data); });
}

napi_value DispatchFunction(napi_env env, napi_callback_info info,
                            Result<napi_value> (*invoke)(Call& call)) noexcept {
  std::size_t count = Call::kMaxArguments;
  std::array<napi_value, Call::kMaxArguments> arguments{};
  napi_value receiver = nullptr;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, arguments.data(), &receiver, &data) != napi_ok) {
    return nullptr;
  }
  EnvState& state = *static_cast<EnvState*>(data);
  return Guarded(state, [&]() -> Result<napi_value> {
    Call call{env, state, receiver, arguments};
    return invoke(call);
  });
}

namespace {

template <Kind kKind>
napi_value Close(napi_env env, napi_callback_info info) noexcept {
  return Dispatch(env, info, kKind, WhenClosed::kAllow,
                  [](Object& object, Call& call) -> Result<napi_value> {
                    if (object.closed()) return nullptr;
                    object.DropReferences(call.env);
                    object.Detach().reset();
                    return nullptr;
                  });
}

template <std::size_t... kIndices>
constexpr auto CloseTable(std::index_sequence<kIndices...>) {
  return std::array<napi_callback, sizeof...(kIndices)>{Close<static_cast<Kind>(kIndices)>...};
}

}  // namespace

napi_property_descriptor CloseMethod(Kind kind) {
  static constexpr auto kTable = CloseTable(std::make_index_sequence<kKindCount>());
  return {"close",
          nullptr,
          kTable[static_cast<std::size_t>(kind)],
          nullptr,
          nullptr,
          nullptr,
          napi_default_method,
          nullptr};
}

Result<napi_value> NewObject(EnvState& state, std::unique_ptr<Object> object) {
  ASSIGN_OR_RETURN(napi_value constructor, ConstructorOf(state, object->kind()));
  napi_value instance = nullptr;
  state.constructing = object.get();
  const napi_status status = napi_new_instance(state.env(), constructor, 0, nullptr, &instance);
  const bool wrapped = std::exchange(state.constructing, nullptr) == nullptr && status == napi_ok;
  // Once wrapped it is the finalizer's.
  if (wrapped) (void)object.release();
  if (!wrapped && !object->closed()) FreeLater(object->Detach());
  NAPI_TRY(status);
  return instance;
}

bool IsObjectOf(napi_env env, napi_value value, Kind kind) noexcept {
  bool ours = false;
  return napi_check_object_type_tag(env, value, &TypeTag(kind), &ours) == napi_ok && ours;
}

Result<Object*> UnwrapObject(napi_env env, napi_value value, Kind kind, const char* what) {
  Object* object = Find(env, value, kind);
  if (object == nullptr) {
    return Status(ErrorCode::kInvalidArgument, std::string(what) + " must be a " + KindName(kind) +
                                                   " of this addon and environment.");
  }
  if (object->closed()) return ClosedError(kind);
  return object;
}

}  // namespace trtnode::napi
