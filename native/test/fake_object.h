// FakeObject: a TensorRT object made of nothing but vtables, filled by the ABI table, for tests without TensorRT.
#pragma once

#include <array>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "tensorrt/abi/call.h"

namespace trtnode::test {

// What a call gets that lands on a slot that the test did not fill.
[[noreturn]] inline void WrongSlot() {
  std::cout << "a call went to a slot that nobody expected" << std::endl;
  std::abort();
}

// {vptr, impl} as the application holds it, and the impl {vptr, this} behind it. Methods go to the impl's vtable or to the
// handle's own, as the interface has it; the deleting destructor is always in the handle's own.
template <typename Interface>
class FakeObject {
 public:
  using Handle = typename Interface::Handle;

  explicit FakeObject(int major) : column_(tensorrt::abi::ColumnOf(major)) {
    own_vtable_.fill(reinterpret_cast<void*>(&WrongSlot));
    impl_vtable_.fill(reinterpret_cast<void*>(&WrongSlot));
    if (const int slot = Interface::kDeleteSlots[column_]; slot >= 0) {
      own_vtable_[static_cast<std::size_t>(slot)] = reinterpret_cast<void*>(&Delete);
    }
  }
  FakeObject(const FakeObject&) = delete;
  FakeObject& operator=(const FakeObject&) = delete;

  Handle* handle() { return reinterpret_cast<Handle*>(&object_); }
  void* impl() { return &impl_; }
  int deletions() const { return deletions_; }
  static FakeObject& Of(void* impl) { return *static_cast<Impl*>(impl)->owner; }
  static FakeObject& OfHandle(const Handle* handle) {
    return *reinterpret_cast<const Object*>(handle)->owner;
  }

  // Called when the object is deleted; may destroy it.
  std::function<void()> on_delete;
  void* user = nullptr;

  // `function` takes the place of M. Its parameters must be M's with a void* in front, a bool result a std::uint8_t.
  template <typename M, typename R, typename... A>
  void Set(R (*function)(void*, A...)) {
    static_assert(std::is_same_v<typename M::Interface, Interface>);
    using Signature = typename M::Signature;
    using Expected = std::conditional_t<std::is_same_v<R, std::uint8_t>, bool(A...), R(A...)>;
    static_assert(std::is_same_v<Signature, Expected>);
    SetAny<M>(reinterpret_cast<void*>(function));
  }

  template <typename M>
  void SetAny(void* function) {
    const auto slot = static_cast<std::size_t>(M::kInfo.slots[column_].slot);
    (Interface::kThroughImpl ? impl_vtable_ : own_vtable_)[slot] = function;
  }

 private:
  struct Object {
    void** vtable;
    void* impl;
    FakeObject* owner;
  };
  struct Impl {
    void** vtable;
    FakeObject* owner;
  };

  static void Delete(void* self) {
    FakeObject& owner = *static_cast<Object*>(self)->owner;
    ++owner.deletions_;
    if (const auto deleted = owner.on_delete) deleted();
  }

  const int column_;
  std::array<void*, 100> own_vtable_{};
  std::array<void*, 100> impl_vtable_{};
  Impl impl_{impl_vtable_.data(), this};
  Object object_{own_vtable_.data(), &impl_, this};
  int deletions_ = 0;
};

}  // namespace trtnode::test
