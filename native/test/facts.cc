// Reading tab-separated facts.
#include "test/facts.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace trtnode::test {
namespace {

std::vector<std::string> Split(const std::string& line, char separator) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == separator) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

}  // namespace

std::vector<Row> ReadFacts(const std::string& file) {
  std::ifstream in(std::string(TRT_NODE_FACTS) + "/" + file);
  std::string line;
  if (!std::getline(in, line)) throw std::runtime_error("no facts in " + file);
  const std::vector<std::string> columns = Split(line, '\t');
  std::vector<Row> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> fields = Split(line, '\t');
    Row row;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      row[columns[i]] = i < fields.size() ? fields[i] : "";
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw std::runtime_error("no facts in " + file);
  return rows;
}

const std::vector<FactVersion>& FactVersions() {
  static const std::vector<FactVersion> versions = {
      {"8.5.2", 8, 80502, false},    {"8.6.1", 8, 80601, true},   {"10.3.0", 10, 100300, false},
      {"10.6.0", 10, 100600, false}, {"10.16", 10, 101600, true}, {"11.0", 11, 110000, false},
      {"11.1", 11, 110100, true}};
  return versions;
}

int VersionNumber(const std::string& text) {
  const std::vector<std::string> parts = Split(text, '.');
  int number = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    number = number * 100 + (i < parts.size() ? std::stoi(parts[i]) : 0);
  }
  return number;
}

std::string BareName(const std::string& interface) {
  const auto colons = interface.rfind("::");
  return colons == std::string::npos ? interface : interface.substr(colons + 2);
}

}  // namespace trtnode::test
