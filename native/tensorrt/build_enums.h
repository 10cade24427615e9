// Enumerators that a build needs, with the first version that has each, so that options that are too new are refused by name.
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"
#include "tensorrt/abi/enums.h"

namespace trtnode::tensorrt {

// The number of an enumerator in this version. `option` is what the caller asked for ("bf16").
// kUnsupported: "bf16 (BuilderFlag::kBF16) does not exist in TensorRT 8.6.1.6." with the versions that have it.
Result<abi::i32> EnumeratorFor(const abi::EnumInfo& enumerator, const Version& version,
                               std::string_view option);

// The same by names; kInvalidArgument for a name that no version has.
Result<abi::i32> EnumeratorFor(std::string_view enumeration, std::string_view name,
                               const Version& version, std::string_view option);

}  // namespace trtnode::tensorrt
