// The ABI table against the facts: every slot, first version and signature, every enumerator, every struct.
#include <algorithm>
#include <functional>
#include <set>
#include <span>

#include "core/dtype.h"
#include "tensorrt/abi/enums.h"
#include "tensorrt/abi/methods.h"
#include "tensorrt/types.h"
#include "test/check.h"
#include "test/facts.h"

namespace trtnode::tensorrt::abi {
namespace {

using test::BareName;
using test::FactVersion;
using test::FactVersions;
using test::ReadFacts;
using test::Row;

using Report = std::function<void(const std::string&)>;

void ReportAsFailure(const std::string& text) { test::Fail("facts", 0, text); }

// A row's signature as the facts write it: "bool(char const*,u64) const".
std::string SignatureText(const MethodInfo& method) {
  std::string arguments = method.arguments;
  for (std::size_t at = arguments.find(", "); at != std::string::npos; at = arguments.find(", ")) {
    arguments.erase(at + 1, 1);
  }
  std::string text = method.result + arguments;
  if (*method.qualifier != '\0') text += std::string(" ") + method.qualifier;
  return text;
}

std::string RowName(const MethodInfo& method, const FactVersion& version) {
  return std::string(method.interface) + "." + method.id + " in " + version.name;
}

void CheckMethods(std::span<const MethodInfo> table, const Report& report) {
  for (const FactVersion& version : FactVersions()) {
    // By interface, name and signature.
    std::map<std::string, const Row*> facts;
    const std::vector<Row> rows = ReadFacts(std::string("methods-") + version.name + ".tsv");
    for (const Row& row : rows) {
      facts[BareName(row.at("interface")) + "." + row.at("method") + " " + row.at("abi")] = &row;
    }
    for (const MethodInfo& method : table) {
      const SlotInfo& slot = method.slots[ColumnOf(version.major)];
      const bool expected = slot.slot >= 0 && slot.since <= version.number;
      const auto found = facts.find(std::string(method.interface) + "." + method.name + " " +
                                    SignatureText(method));
      const std::string name = RowName(method, version);
      if (found == facts.end()) {
        if (expected) report(name + ": the facts have no such method with this signature");
        continue;
      }
      const Row& fact = *found->second;
      if (!expected) {
        report(name + ": in the facts, but not in the table");
        continue;
      }
      if (std::to_string(slot.slot) != fact.at("slot")) {
        report(name + ": slot " + std::to_string(slot.slot) + ", the facts say " + fact.at("slot"));
      }
      if (slot.since != test::VersionNumber(fact.at("first_seen"))) {
        report(name + ": since " + std::to_string(slot.since) + ", the facts say " +
               fact.at("first_seen"));
      }
    }
  }
}

TEST(EveryMethodAgreesWithTheFacts) {
  CHECK(AllMethods().size() > 400);
  CheckMethods(AllMethods(), ReportAsFailure);
}

TEST(MethodNamesAreUnique) {
  std::set<std::string> names;
  for (const MethodInfo& method : AllMethods()) {
    names.insert(std::string(method.interface) + "_" + method.id);
  }
  CHECK_EQ(names.size(), AllMethods().size());
}

// Every alteration of any row must be noticed, else the test above proves nothing.
TEST(AnAlteredRowIsNoticed) {
  const auto notices = [](MethodInfo altered) {
    int reports = 0;
    CheckMethods(std::span(&altered, 1), [&](const std::string&) { ++reports; });
    return reports > 0;
  };
  const auto sample = AllMethods()[AllMethods().size() / 2];
  CHECK(!notices(sample));
  for (std::size_t column = 0; column < kColumns; ++column) {
    MethodInfo altered = sample;
    altered.slots[column].slot += 1;
    CHECK(notices(altered));
    altered = sample;
    altered.slots[column] = {-1, 0};
    CHECK(notices(altered));
  }
  MethodInfo altered = sample;
  altered.slots[1].since += 100;
  CHECK(notices(altered));
  altered = sample;
  altered.arguments = "(f32, f32, f32)";
  CHECK(notices(altered));
}

// The methods that are left out on purpose.
bool IsLeftOut(const Row& row) {
  const std::string interface = BareName(row.at("interface"));
  const std::string& method = row.at("method");
  if (method.starts_with("~") || method == "getPImpl") return true;
  // Layers are added by the parser, never by us.
  if (interface == "VNetworkDefinition" && method.starts_with("add") && method != "addInput") {
    return true;
  }
  // A std::vector across the border would tie us to the library's standard library.
  return row.at("abi").find("std::") != std::string::npos;
}

TEST(TheTableIsCompleteForItsInterfaces) {
  std::set<std::string> interfaces;
  std::set<std::string> known;
  for (const MethodInfo& method : AllMethods()) {
    interfaces.insert(method.interface);
    known.insert(std::string(method.interface) + "." + method.name + " " + SignatureText(method));
  }
  CHECK_EQ(interfaces.size(), 19U);
  for (const FactVersion& version : FactVersions()) {
    if (!version.newest || version.major < 10) continue;
    for (const Row& row : ReadFacts(std::string("methods-") + version.name + ".tsv")) {
      const std::string interface = BareName(row.at("interface"));
      if (!interfaces.contains(interface) || IsLeftOut(row)) continue;
      const std::string name = interface + "." + row.at("method") + " " + row.at("abi");
      if (!known.contains(name)) ReportAsFailure(name + " of " + version.name + " is missing");
    }
  }
}

struct DeleteInfo {
  std::string handle;
  const int* slots;
};

TEST(DeletionGoesThroughTheDeletingDestructor) {
  const std::vector<DeleteInfo> handles = {
#define TRT_INTERFACE(name, handle, impl, d8, d10, d11) {#handle, name::kDeleteSlots},
#include "tensorrt/abi/interfaces.def"
#undef TRT_INTERFACE
  };
  for (const FactVersion& version : FactVersions()) {
    std::map<std::string, std::string> destructors;  // by interface
    for (const Row& row : ReadFacts(std::string("methods-") + version.name + ".tsv")) {
      if (row.at("method").ends_with("[D0]")) {
        destructors[BareName(row.at("interface"))] = row.at("slot");
      }
    }
    for (const DeleteInfo& info : handles) {
      const int slot = info.slots[ColumnOf(version.major)];
      const std::string name = BareName(info.handle);
      if (slot < 0) continue;
      const auto found = destructors.find(name);
      if (found == destructors.end()) {
        // IRuntimeConfig came with 10.11.
        if (version.newest) ReportAsFailure(name + " has no destructor in " + version.name);
      } else if (found->second != std::to_string(slot)) {
        ReportAsFailure(name + " in " + version.name + ": slot " + std::to_string(slot) +
                        ", the facts say " + found->second);
      }
    }
  }
}

TEST(EveryEnumeratorAgreesWithTheFacts) {
  CHECK(AllEnums().size() > 200);
  std::set<std::string> enumerations;
  for (const EnumInfo& entry : AllEnums()) enumerations.insert(entry.enumeration);
  for (const FactVersion& version : FactVersions()) {
    std::map<std::string, std::string> facts;
    for (const Row& row : ReadFacts(std::string("enums-") + version.name + ".tsv")) {
      std::string enumeration = row.at("enum");
      if (enumeration.starts_with("v_1_0::")) enumeration.erase(0, 7);
      if (const auto colons = enumeration.find("::"); colons != std::string::npos) {
        enumeration.replace(colons, 2, "_");
      }
      if (enumerations.contains(enumeration)) {
        facts[enumeration + "." + row.at("enumerator")] = row.at("value");
      }
    }
    for (const EnumInfo& entry : AllEnums()) {
      const std::string name = std::string(entry.enumeration) + "." + entry.name;
      const auto value = entry.At(version.major);
      const auto found = facts.find(name);
      if (found == facts.end()) {
        // An older version of the major may lack it.
        if (value && version.newest) ReportAsFailure(name + " is not in " + version.name);
        continue;
      }
      if (!value || std::to_string(*value) != found->second) {
        ReportAsFailure(name + " in " + version.name + ": the facts say " + found->second);
      }
      facts.erase(found);
    }
    for (const auto& [name, value] : facts) {
      ReportAsFailure(name + " of " + version.name + " is missing");
    }
  }
}

template <typename E>
void CheckOurEnum(const char* enumeration, const char* name, E ours) {
  for (const EnumInfo& entry : AllEnums()) {
    if (std::string_view(entry.enumeration) != enumeration ||
        std::string_view(entry.name) != name) {
      continue;
    }
    for (const int major : kColumnMajors) {
      const auto value = entry.At(major);
      if (value && *value != static_cast<i32>(ours)) {
        ReportAsFailure(std::string(enumeration) + "." + name + " is not ours");
      }
    }
    CHECK(entry.At(10) && entry.At(11));
    return;
  }
  ReportAsFailure(std::string(enumeration) + "." + name + " is not in the table");
}

// Enumerations of the public headers carry TensorRT's numbers, which must be the same in all majors.
TEST(OurOwnEnumsAreTensorRTs) {
  CheckOurEnum("DataType", "kFLOAT", DataType::kFloat);
  CheckOurEnum("DataType", "kHALF", DataType::kHalf);
  CheckOurEnum("DataType", "kINT8", DataType::kInt8);
  CheckOurEnum("DataType", "kINT32", DataType::kInt32);
  CheckOurEnum("DataType", "kBOOL", DataType::kBool);
  CheckOurEnum("DataType", "kUINT8", DataType::kUint8);
  CheckOurEnum("DataType", "kFP8", DataType::kFp8);
  CheckOurEnum("DataType", "kBF16", DataType::kBf16);
  CheckOurEnum("DataType", "kINT64", DataType::kInt64);
  CheckOurEnum("DataType", "kINT4", DataType::kInt4);
  CheckOurEnum("DataType", "kFP4", DataType::kFp4);
  CheckOurEnum("DataType", "kE8M0", DataType::kE8m0);
  CheckOurEnum("ILogger_Severity", "kINTERNAL_ERROR", Severity::kInternalError);
  CheckOurEnum("ILogger_Severity", "kERROR", Severity::kError);
  CheckOurEnum("ILogger_Severity", "kWARNING", Severity::kWarning);
  CheckOurEnum("ILogger_Severity", "kINFO", Severity::kInfo);
  CheckOurEnum("ILogger_Severity", "kVERBOSE", Severity::kVerbose);
  CheckOurEnum("TensorIOMode", "kINPUT", TensorIOMode::kInput);
  CheckOurEnum("TensorIOMode", "kOUTPUT", TensorIOMode::kOutput);
  CheckOurEnum("TensorLocation", "kDEVICE", TensorLocation::kDevice);
  CheckOurEnum("TensorLocation", "kHOST", TensorLocation::kHost);
  CheckOurEnum("ExecutionContextAllocationStrategy", "kSTATIC", AllocationStrategy::kStatic);
  CheckOurEnum("ExecutionContextAllocationStrategy", "kON_PROFILE_CHANGE",
               AllocationStrategy::kOnProfileChange);
  CheckOurEnum("ExecutionContextAllocationStrategy", "kUSER_MANAGED",
               AllocationStrategy::kUserManaged);
  CheckOurEnum("OptProfileSelector", "kMIN", OptProfileSelector::kMin);
  CheckOurEnum("OptProfileSelector", "kOPT", OptProfileSelector::kOpt);
  CheckOurEnum("OptProfileSelector", "kMAX", OptProfileSelector::kMax);
  CheckOurEnum("LayerInformationFormat", "kONELINE", InspectorFormat::kOneline);
  CheckOurEnum("LayerInformationFormat", "kJSON", InspectorFormat::kJson);
}

struct Field {
  const char* type;
  const char* field;
  std::size_t size, offset, field_size;
};

#define FIELD(type, field) {#type, #field, sizeof(type), offsetof(type, field), sizeof(type::field)}

TEST(StructsAreLaidOutAsInTheFacts) {
  const std::vector<Field> fields = {
      FIELD(Dims32, nbDims),
      FIELD(Dims32, d),
      FIELD(Dims64, nbDims),
      FIELD(Dims64, d),
      FIELD(Weights, type),
      FIELD(Weights, values),
      FIELD(Weights, count),
      FIELD(InterfaceInfo, kind),
      FIELD(InterfaceInfo, major),
      FIELD(InterfaceInfo, minor),
      FIELD(TimingCacheKey, data),
      FIELD(TimingCacheValue, tacticHash),
      FIELD(TimingCacheValue, timingMSec),
  };
  std::set<std::string> seen;
  for (const FactVersion& version : FactVersions()) {
    for (const Row& row : ReadFacts(std::string("layout-") + version.name + ".tsv")) {
      for (const Field& field : fields) {
        if (BareName(row.at("class")) != field.type || row.at("field") != field.field) continue;
        seen.insert(std::string(field.type) + "." + field.field);
        CHECK_EQ(row.at("sizeof"), std::to_string(field.size));
        CHECK_EQ(row.at("offset"), std::to_string(field.offset));
        CHECK_EQ(row.at("field_size"), std::to_string(field.field_size));
      }
    }
  }
  CHECK_EQ(seen.size(), fields.size());
}

TEST(EntryPointsAreAsInTheFacts) {
  const std::map<std::string, std::string> ours = {
      {"getInferLibVersion", "i32()"},
      {"createInferRuntime_INTERNAL", "void*(void*,i32)"},
      {"createInferBuilder_INTERNAL", "void*(void*,i32)"},
      {"createInferRefitter_INTERNAL", "void*(void*,void*,i32)"},
      {"getPluginRegistry", "IPluginRegistry*()"},
      {"getInferLibBuildVersion", "i32()"},
      {"initLibNvInferPlugins", "bool(void*,char const*)"},
      {"createNvOnnxParser_INTERNAL", "void*(void*,void*,i32)"},
      {"createNvOnnxParserRefitter_INTERNAL", "void*(void*,void*,i32)"},
      {"getNvOnnxParserVersion", "i32()"},
  };
  for (const FactVersion& version : FactVersions()) {
    std::map<std::string, std::string> facts;
    for (const Row& row : ReadFacts(std::string("entry-") + version.name + ".tsv")) {
      facts[row.at("symbol")] = row.at("abi");
    }
    for (const auto& [symbol, abi] : ours) {
      // Not in TensorRT 8.
      if (version.major == 8 && (symbol == "getInferLibBuildVersion" ||
                                 symbol == "createNvOnnxParserRefitter_INTERNAL")) {
        CHECK(!facts.contains(symbol));
        continue;
      }
      if (facts[symbol] != abi) {
        ReportAsFailure(symbol + " in " + version.name + ": the facts say " + facts[symbol]);
      }
    }
    if (version.newest && version.major > 8)
      CHECK_EQ(facts["setInternalLibraryPath"], "bool(char const*)");
  }
}

}  // namespace
}  // namespace trtnode::tensorrt::abi
