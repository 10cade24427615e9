// Typed calls through TensorRT's vtables, made from the rows of the ABI table.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "core/status.h"
#include "tensorrt/abi/methods.h"

namespace trtnode::tensorrt::abi {

// Below this address lies no object: without a usable CUDA driver the library answers create* with small numbers (0x200 …).
inline constexpr std::uintptr_t kLowestObject = 64 * 1024;

inline bool IsObject(const void* pointer) noexcept {
  return reinterpret_cast<std::uintptr_t>(pointer) >= kLowestObject;
}

namespace internal {

// bool comes back in the low byte of a register whose other bits are undefined, so it is read as a byte.
template <typename R>
struct WireResult {
  using Type = R;
};
template <>
struct WireResult<bool> {
  using Type = std::uint8_t;
};

// What the caller gets: a reference becomes a pointer, so that it fits into a Result.
template <typename R>
struct Value {
  using Type = R;
};
template <typename R>
struct Value<R&> {
  using Type = R*;
};

template <typename Signature>
struct Caller;

template <typename R, typename... P>
struct Caller<R(P...)> {
  using Result = typename Value<R>::Type;

  static Result Call(void* self, int slot, P... arguments) {
    // A virtual method is called like a C function whose first parameter is `this` (Itanium C++ ABI).
    using Function = typename WireResult<R>::Type (*)(void*, P...);
    void* const* vtable = *static_cast<void* const* const*>(self);
    const auto function = reinterpret_cast<Function>(vtable[slot]);
    if constexpr (std::is_same_v<R, bool>) {
      return function(self, arguments...) != 0;
    } else if constexpr (std::is_reference_v<R>) {
      return &function(self, arguments...);
    } else {
      return function(self, arguments...);
    }
  }
};

template <typename M>
void* Self(const typename M::Interface::Handle* handle) noexcept {
  auto* object = const_cast<void*>(static_cast<const void*>(handle));
  if constexpr (M::Interface::kThroughImpl) return static_cast<void**>(object)[1];
  return object;
}

// True if every version of the column's major that the loader takes has the method.
constexpr bool IsInAll(const MethodInfo& method, int column) {
  return method.slots[column].slot >= 0 && method.slots[column].since <= kOldest[column];
}

// True if every version that the loader takes has the method, with this signature.
constexpr bool IsUniversal(const MethodInfo& method) {
  return IsInAll(method, 0) && IsInAll(method, 1) && IsInAll(method, 2);
}

// The 10.8.0 header alone has one method more in the middle of VNetworkDefinition, at slot 63. Whether its binary has too cannot
// be told from headers, so slots from there on are not used with 10.8.
constexpr bool IsAmbiguous(const MethodInfo& method, const Version& version) {
  return version.major == 10 && version.minor == 8 && method.slots[1].slot >= 63 &&
         std::string_view(method.interface) == "VNetworkDefinition";
}

// Calls a method of this major, which the caller knows to have it.
template <typename M, typename... A>
typename Caller<typename M::Signature>::Result InvokeIn(int major,
                                                        const typename M::Interface::Handle* handle,
                                                        A&&... arguments) {
  return Caller<typename M::Signature>::Call(Self<M>(handle), M::kInfo.slots[ColumnOf(major)].slot,
                                             std::forward<A>(arguments)...);
}

}  // namespace internal

template <typename M>
using ResultOf = typename internal::Caller<typename M::Signature>::Result;

// True if this version of TensorRT has the method.
constexpr bool Supports(const MethodInfo& method, const Version& version) {
  const int column = ColumnOf(version.major);
  if (column < 0 || method.slots[column].slot < 0) return false;
  if (internal::IsAmbiguous(method, version)) return false;
  return version.major * 10000 + version.minor * 100 + version.patch >= method.slots[column].since;
}
template <typename M>
constexpr bool Supports(const Version& version) {
  return Supports(M::kInfo, version);
}

// kUnsupported: "ICudaEngine::getEngineStat needs TensorRT 10.14 or newer; this is TensorRT 10.6.0.26".
Status Unsupported(const MethodInfo& method, const Version& version);

// Calls a method that every TensorRT has that the loader takes; checked when compiled. Where only TensorRT 8 is different:
// variants.h.
template <typename M, typename... A>
ResultOf<M> Invoke(int abi_major, const typename M::Interface::Handle* handle, A&&... arguments) {
  static_assert(internal::IsUniversal(M::kInfo),
                "not in every TensorRT 8.5 to 11: use Call, CallOr or variants.h");
  return internal::InvokeIn<M>(abi_major, handle, std::forward<A>(arguments)...);
}

// Calls a method if this version has it; a Status for a void method, else a Result.
template <typename M, typename... A>
auto Call(const Version& version, const typename M::Interface::Handle* handle, A&&... arguments)
    -> std::conditional_t<
        std::is_void_v<ResultOf<M>>, Status,
        Result<std::conditional_t<std::is_void_v<ResultOf<M>>, int, ResultOf<M>>>> {
  if (!Supports<M>(version)) return Unsupported(M::kInfo, version);
  if constexpr (std::is_void_v<ResultOf<M>>) {
    internal::InvokeIn<M>(version.major, handle, std::forward<A>(arguments)...);
    return Status();
  } else {
    return internal::InvokeIn<M>(version.major, handle, std::forward<A>(arguments)...);
  }
}

// The same for a method that only describes: `otherwise` is the truth about versions that lack it.
template <typename M, typename... A>
ResultOf<M> CallOr(const Version& version, ResultOf<M> otherwise,
                   const typename M::Interface::Handle* handle, A&&... arguments) {
  if (!Supports<M>(version)) return otherwise;
  return internal::InvokeIn<M>(version.major, handle, std::forward<A>(arguments)...);
}

// Deletes a TensorRT object, as `delete` in C++ would: by its own vtable, whatever the interface's methods use.
template <typename Interface>
void Delete(int abi_major, typename Interface::Handle* handle) noexcept {
  const int slot = Interface::kDeleteSlots[ColumnOf(abi_major)];
  if (handle == nullptr || slot < 0) return;
  internal::Caller<void()>::Call(handle, slot);
}

// Owns a TensorRT object.
template <typename Interface>
class Owned {
 public:
  using Handle = typename Interface::Handle;

  Owned() noexcept = default;
  Owned(int abi_major, Handle* handle) noexcept : abi_major_(abi_major), handle_(handle) {}
  ~Owned() { Reset(); }
  Owned(Owned&& other) noexcept
      : abi_major_(other.abi_major_), handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      Reset();
      abi_major_ = other.abi_major_;
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  Handle* get() const noexcept { return handle_; }
  Handle* release() noexcept { return std::exchange(handle_, nullptr); }
  explicit operator bool() const noexcept { return IsObject(handle_); }

 private:
  void Reset() noexcept {
    // Junk that a create function answered is no object either.
    if (IsObject(handle_)) Delete<Interface>(abi_major_, handle_);
    handle_ = nullptr;
  }

  int abi_major_ = 0;
  Handle* handle_ = nullptr;
};

}  // namespace trtnode::tensorrt::abi
