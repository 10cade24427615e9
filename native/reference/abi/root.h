// VRoot, the base of every implementation class, and the 16-byte public handles that own them.
#pragma once

#include <memory>
#include <utility>

#include "reference/abi/types.h"

namespace trtnode::reference {

class Reporter;

// Logs "<method> is not supported by the CPU reference runtime" as TensorRT would log an API usage error.
void ReportUnsupported(const Reporter* reporter, char const* method) noexcept;

// Slots 0 and 1 of every V class. Only this class's virtuals may come before a derived class's own.
class VRoot {
 public:
  VRoot() = default;
  VRoot(const VRoot&) = delete;
  VRoot& operator=(const VRoot&) = delete;
  virtual ~VRoot() = default;

 protected:
  // What a method that the reference runtime leaves out answers: a logged error and null, false, 0 or no dims.
  template <typename T>
  T Unsupported(char const* method) const noexcept {
    ReportUnsupported(reporter_, method);
    if constexpr (std::is_same_v<T, Dims64>) {
      return Dims64{-1, {}};
    } else if constexpr (!std::is_void_v<T>) {
      return T{};
    }
  }

  const Reporter* reporter_ = nullptr;  // set by the implementation; outlives every call
};

// Slots 0 and 1 of every handle's own vtable. An application deletes a handle through slot 1.
class INoCopy {
 public:
  INoCopy() = default;
  INoCopy(const INoCopy&) = delete;
  INoCopy& operator=(const INoCopy&) = delete;
  virtual ~INoCopy() = default;
};

// {vptr, mImpl}: what an application holds. unique_ptr is one pointer wide, so the implementation is found at offset 8.
template <typename V>
class Handle : public INoCopy {
 public:
  explicit Handle(std::unique_ptr<V> implementation) : impl_(std::move(implementation)) {}
  V* impl() const noexcept { return impl_.get(); }

 private:
  std::unique_ptr<V> impl_;
};

}  // namespace trtnode::reference
