// Object: the native half of a handle; how classes are defined, made, found again and called.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "napi/env_state.h"
#include "napi/resource.h"

namespace trtnode::napi {

// Belongs to its JavaScript object, whose finalizer destroys it. JavaScript thread only.
class Object {
 public:
  explicit Object(Kind kind) noexcept : kind_(kind) {}
  virtual ~Object();
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  Kind kind() const noexcept { return kind_; }
  EnvState* state() const noexcept { return state_; }
  virtual bool closed() const noexcept = 0;
  // Gives up what it holds; closed afterwards. Calls neither CUDA nor JavaScript.
  virtual std::shared_ptr<Resource> Detach() noexcept = 0;
  // References and the like, before close() lets go and before the finalizer does. Only calls that finalizers may make.
  virtual void DropReferences(napi_env /*env*/) noexcept {}

 private:
  friend class EnvState;
  const Kind kind_;
  EnvState* state_ = nullptr;  // null once the environment has ended
  Object* previous_ = nullptr;
  Object* next_ = nullptr;
};

// A handle of one resource.
template <typename R>
class HandleObject : public Object {
 public:
  HandleObject(Kind kind, std::shared_ptr<R> resource) noexcept
      : Object(kind), resource_(std::move(resource)) {}
  bool closed() const noexcept override { return resource_ == nullptr; }
  std::shared_ptr<Resource> Detach() noexcept override { return std::move(resource_); }
  const std::shared_ptr<R>& resource() const noexcept { return resource_; }

 protected:
  std::shared_ptr<R> resource_;
};

// One call from JavaScript. Arguments that were not given are undefined.
struct Call {
  static constexpr std::size_t kMaxArguments = 6;
  napi_env env;
  EnvState& state;
  napi_value receiver;
  std::array<napi_value, kMaxArguments> arguments;
};

using Invocation = Result<napi_value> (*)(Object& object, Call& call);
enum class WhenClosed : bool { kRefuse, kAllow };

// The body of every method and getter: finds the object, refuses a closed one, and lets no C++ exception out. A null
// napi_value is undefined.
napi_value Dispatch(napi_env env, napi_callback_info info, Kind kind, WhenClosed when_closed,
                    Invocation invoke) noexcept;
// For what is called in every run: `body` with whatever `data` the caller found by itself, in the same guard.
napi_value DispatchDirect(EnvState& state, Result<napi_value> (*body)(void* data),
                          void* data) noexcept;
// The same for plain functions.
napi_value DispatchFunction(napi_env env, napi_callback_info info,
                            Result<napi_value> (*invoke)(Call& call)) noexcept;

template <auto kMember>
struct MemberOf;
template <typename T, Result<napi_value> (T::*kMember)(Call&)>
struct MemberOf<kMember> {
  static Result<napi_value> Invoke(Object& object, Call& call) {
    return (static_cast<T&>(object).*kMember)(call);
  }
  template <WhenClosed kWhenClosed>
  static napi_value Callback(napi_env env, napi_callback_info info) noexcept {
    return Dispatch(env, info, T::kKind, kWhenClosed, Invoke);
  }
};

template <auto kMember, WhenClosed kWhenClosed = WhenClosed::kRefuse>
constexpr napi_property_descriptor Method(const char* name) {
  return {name,
          nullptr,
          MemberOf<kMember>::template Callback<kWhenClosed>,
          nullptr,
          nullptr,
          nullptr,
          napi_default_method,
          nullptr};
}

template <auto kMember>
constexpr napi_property_descriptor Getter(const char* name) {
  return {
      name,    nullptr, nullptr,         MemberOf<kMember>::template Callback<WhenClosed::kRefuse>,
      nullptr, nullptr, napi_enumerable, nullptr};
}

template <auto kGet, auto kSet>
constexpr napi_property_descriptor Property(const char* name) {
  napi_property_descriptor descriptor = Getter<kGet>(name);
  descriptor.setter = MemberOf<kSet>::template Callback<WhenClosed::kRefuse>;
  return descriptor;
}

// close(), the same for all that are closed by dropping the resource, which happens here and now.
napi_property_descriptor CloseMethod(Kind kind);

// A JavaScript object around `object`, of the class that DefinitionOf(kind) lists.
Result<napi_value> NewObject(EnvState& state, std::unique_ptr<Object> object);
std::span<const napi_property_descriptor> DefinitionOf(Kind kind);  // definitions.cc

// The object behind a value, if it is one of ours, of this kind and open. `what` names the argument.
Result<Object*> UnwrapObject(napi_env env, napi_value value, Kind kind, const char* what);
bool IsObjectOf(napi_env env, napi_value value, Kind kind) noexcept;

template <typename T>
Result<T*> Unwrap(const Call& call, napi_value value, const char* what) {
  ASSIGN_OR_RETURN(Object * object, UnwrapObject(call.env, value, T::kKind, what));
  return static_cast<T*>(object);
}

Status ClosedError(Kind kind);

}  // namespace trtnode::napi
