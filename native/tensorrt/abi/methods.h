// The ABI table: a type for each TensorRT method, with its C signature, its slot in each major and its first version.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensorrt/abi/types.h"

namespace trtnode::tensorrt::abi {

// The columns of the table. A major that is not one of these has no column, and no call is made into it.
inline constexpr int kColumns = 3;
inline constexpr int kColumnMajors[kColumns] = {8, 10, 11};
constexpr int ColumnOf(int major) noexcept {
  return major == 8 ? 0 : major == 10 ? 1 : major == 11 ? 2 : -1;
}

// The oldest version of each that the loader takes, as major*10000 + minor*100 + patch. 8.5 brought tensors by name (enqueueV3).
inline constexpr int kOldest[kColumns] = {80501, 100000, 110000};

// A method in one major: its 0-based slot in the vtable (-1: this major has not got it) and the first version with it, as
// major*10000 + minor*100 + patch (of those that were looked at: facts/README.md).
struct SlotInfo {
  int slot;
  int since;
};

// A row of the table. The texts are the C signature as written in the row; the tests compare them with the facts.
struct MethodInfo {
  const char* interface;
  const char*
      id;  // unique within the interface: `name`, or a word of our own where signatures differ
  const char* name;  // TensorRT's own
  const char* result;
  const char* arguments;
  const char* qualifier;  // "const" or ""
  SlotInfo slots[kColumns];
};

// All rows, in the table's order.
std::span<const MethodInfo> AllMethods();

// The interfaces. `Handle` is the object that the application holds. With kThroughImpl the method is in the vtable of the object
// that the handle points to in its second word; otherwise in the handle's own. Deletion always goes through the handle's own
// vtable, by the slot of the deleting destructor in each major.
struct InterfaceTag {};
#define TRT_INTERFACE(name, handle, through_impl, delete8, delete10, delete11)   \
  struct name : InterfaceTag {                                                   \
    using Handle = handle;                                                       \
    static constexpr bool kThroughImpl = through_impl;                           \
    static constexpr int kDeleteSlots[kColumns] = {delete8, delete10, delete11}; \
  };
#include "tensorrt/abi/interfaces.def"
#undef TRT_INTERFACE

namespace methods {

#define TRT_VARIANT(interface, id, name, result, arguments, qualifier, s8, v8, s10, v10, s11, v11) \
  struct interface##_##id {                                                                        \
    using Interface = abi::interface;                                                              \
    using Signature = result arguments;                                                            \
    static constexpr MethodInfo kInfo = {#interface,                                               \
                                         #id,                                                      \
                                         #name,                                                    \
                                         #result,                                                  \
                                         #arguments,                                               \
                                         #qualifier,                                               \
                                         {{s8, v8}, {s10, v10}, {s11, v11}}};                      \
  };
#define TRT_METHOD(interface, name, result, arguments, qualifier, s8, v8, s10, v10, s11, v11) \
  TRT_VARIANT(interface, name, name, result, arguments, qualifier, s8, v8, s10, v10, s11, v11)
#include "tensorrt/abi/methods.def"
#undef TRT_METHOD
#undef TRT_VARIANT

}  // namespace methods

}  // namespace trtnode::tensorrt::abi
