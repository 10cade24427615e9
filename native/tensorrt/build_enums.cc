// The versions that brought enumerators in the middle of a major.
#include "tensorrt/build_enums.h"

#include <array>
#include <vector>

namespace trtnode::tensorrt {
namespace {

// Of enumerators that are not in every version of a major: its first version as far as abi/facts tells (the version after the
// last one without it). What TensorRT itself refuses later is reported too; this is for the message.
struct Since {
  std::string_view enumeration, name;
  int versions[abi::kColumns];
};
constexpr std::array kSince = {
    Since{"BuilderFlag", "kVERSION_COMPATIBLE", {80600, 0, 0}},
    Since{"BuilderFlag", "kEXCLUDE_LEAN_RUNTIME", {80600, 0, 0}},
    Since{"BuilderFlag", "kFP8", {80600, 0, 0}},
    Since{"BuilderFlag", "kSTRICT_NANS", {0, 100400, 0}},
    Since{"BuilderFlag", "kMONITOR_MEMORY", {0, 100400, 0}},
    Since{"BuilderFlag", "kFP4", {0, 100700, 0}},
    Since{"BuilderFlag", "kEDITABLE_TIMING_CACHE", {0, 100700, 0}},
    Since{"BuilderFlag", "kDISTRIBUTIVE_INDEPENDENCE", {0, 100700, 0}},
    Since{"MemoryPoolType", "kTACTIC_DRAM", {80600, 0, 0}},
    Since{"PreviewFeature", "kPROFILE_SHARING_0806", {80600, 0, 0}},
    Since{"PreviewFeature", "kALIASED_PLUGIN_IO_10_03", {0, 100300, 0}},
    Since{"PreviewFeature", "kRUNTIME_ACTIVATION_RESIZE_10_10", {0, 101000, 0}},
    Since{"PreviewFeature", "kMULTIDEVICE_RUNTIME_10_16", {0, 101600, 0}},
    Since{"HardwareCompatibilityLevel", "kSAME_COMPUTE_CAPABILITY", {0, 100700, 0}},
};

int FirstVersion(const abi::EnumInfo& enumerator, int column) {
  for (const Since& since : kSince) {
    if (since.enumeration == enumerator.enumeration && since.name == enumerator.name) {
      return since.versions[column];
    }
  }
  return 0;
}

std::string VersionText(int number) {
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100);
}

// "TensorRT 8 and 10 have it."
std::string WhoHasIt(const abi::EnumInfo& enumerator) {
  std::vector<std::string> majors;
  for (int column = 0; column < abi::kColumns; ++column) {
    if (!enumerator.At(abi::kColumnMajors[column])) continue;
    const int first = FirstVersion(enumerator, column);
    majors.push_back(first == 0 ? std::to_string(abi::kColumnMajors[column])
                                : VersionText(first) + " and later of that major");
  }
  std::string text = "TensorRT ";
  for (std::size_t i = 0; i < majors.size(); ++i) {
    if (i > 0) text += i + 1 == majors.size() ? " and " : ", ";
    text += majors[i];
  }
  return text + (majors.size() == 1 ? " has it." : " have it.");
}

}  // namespace

Result<abi::i32> EnumeratorFor(const abi::EnumInfo& enumerator, const Version& version,
                               std::string_view option) {
  const int column = abi::ColumnOf(version.major);
  const auto value = enumerator.At(version.major);
  const int number = version.major * 10000 + version.minor * 100 + version.patch;
  if (value && number >= FirstVersion(enumerator, column)) return *value;
  return Status(ErrorCode::kUnsupported,
                std::string(option) + " (" + enumerator.enumeration + "::" + enumerator.name +
                    ") does not exist in TensorRT " + version.ToString() + ".",
                WhoHasIt(enumerator));
}

Result<abi::i32> EnumeratorFor(std::string_view enumeration, std::string_view name,
                               const Version& version, std::string_view option) {
  for (const abi::EnumInfo& enumerator : abi::AllEnums()) {
    if (enumeration == enumerator.enumeration && name == enumerator.name) {
      return EnumeratorFor(enumerator, version, option);
    }
  }
  return Status(ErrorCode::kInvalidArgument, std::string(option) + ": TensorRT has no " +
                                                 std::string(enumeration) +
                                                 "::" + std::string(name) + ".");
}

}  // namespace trtnode::tensorrt
