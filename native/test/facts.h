// Reads the fact tables of native/tensorrt/abi/facts.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace trtnode::test {

using Row = std::map<std::string, std::string>;

// The rows of a tab-separated file with a header line. Throws if there is none.
std::vector<Row> ReadFacts(const std::string& file);

// The versions that there are facts of, and their number as the table writes it (10.16 is 101600).
struct FactVersion {
  const char* name;
  int major;
  int number;
  bool newest;  // of its major: what the table's column was made from
};
const std::vector<FactVersion>& FactVersions();

// "10.7.0" or "10.11" as a number.
int VersionNumber(const std::string& text);

// "apiv::VRuntime" and "v_1_0::IProfiler" without what stands in front.
std::string BareName(const std::string& interface);

}  // namespace trtnode::test
