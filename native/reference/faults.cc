// Parses fault specifications and counts occasions; see faults.h for the grammar.
#include "reference/faults.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "reference/cuda/machine.h"
#include "reference/cuda/types.h"

namespace trtnode::reference {
namespace {

struct Known {
  std::string_view name;
  enum { kNone, kOptional, kRequired } value;
  int otherwise;
};

constexpr auto kKnown = std::to_array<Known>({
    {"alloc", Known::kNone, 0},
    {"pinned", Known::kNone, 0},
    {"stream", Known::kNone, 0},
    {"event", Known::kNone, 0},
    {"copy", Known::kOptional, CUDA_ERROR_INVALID_VALUE},
    {"enqueue", Known::kNone, 0},
    {"launch", Known::kOptional, CUDA_ERROR_LAUNCH_FAILED},
    {"delay", Known::kRequired, 0},
    {"deserialize", Known::kNone, 0},
    {"context", Known::kNone, 0},
    {"refit", Known::kNone, 0},
    {"build", Known::kNone, 0},
    {"parse", Known::kNone, 0},
    {"graph", Known::kNone, 0},
    {"capture", Known::kNone, 0},
    {"instantiate", Known::kNone, 0},
    {"memop", Known::kNone, 0},
    {"sticky", Known::kRequired, 0},
    {"lost", Known::kNone, CUDA_ERROR_UNKNOWN},
    {"nodevice", Known::kNone, CUDA_ERROR_NO_DEVICE},
    {"init", Known::kRequired, 0},
});

const Known* FindKnown(std::string_view name) {
  for (const Known& known : kKnown) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

template <typename T>
bool ParseNumber(std::string_view text, T& out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Faults& Faults::Get() {
  static Faults* const faults = new Faults;  // NOLINT: leaked on purpose, see the header
  return *faults;
}

Faults::Faults() {
  const char* spec = std::getenv("TRT_NODE_REFERENCE_FAULTS");
  if (spec == nullptr) return;
  const std::string reason = Parse(spec, items_);
  if (!reason.empty()) {
    // An environment that asks for a fault which will not come would let a test pass for the wrong reason.
    std::fprintf(stderr, "TRT_NODE_REFERENCE_FAULTS: %s\n", reason.c_str());
  }
}

std::string Faults::Parse(const std::string& spec, std::map<std::string, Item>& items) {
  std::string_view rest = spec;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    std::string_view text = Trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    if (text.empty()) continue;
    const std::string whole(text);
    Item item;
    if (const auto at = text.find('@'); at != std::string_view::npos) {
      if (!ParseNumber(text.substr(at + 1), item.nth) || item.nth == 0)
        return "'" + whole + "': after @ a number from 1 is expected";
      text = text.substr(0, at);
    }
    std::optional<int> value;
    if (const auto equals = text.find('='); equals != std::string_view::npos) {
      int number = 0;
      if (!ParseNumber(text.substr(equals + 1), number) || number < 0)
        return "'" + whole + "': after = a whole number is expected";
      value = number;
      text = text.substr(0, equals);
    }
    const Known* known = FindKnown(text);
    if (known == nullptr) return "'" + whole + "': no such fault";
    if (known->value == Known::kRequired && !value)
      return "'" + whole + "': expected " + std::string(text) + "=number";
    if (known->value == Known::kNone && value)
      return "'" + whole + "': " + std::string(text) + " takes no value";
    item.value = value.value_or(known->otherwise);
    items[std::string(text)] = item;
  }
  return {};
}

std::string Faults::Set(const char* spec) {
  std::map<std::string, Item> items;
  if (spec != nullptr) {
    std::string reason = Parse(spec, items);
    if (!reason.empty()) return reason;
  }
  {
    const std::lock_guard lock(mutex_);
    items_ = std::move(items);
  }
  Machine::Get().Heal();
  return {};
}

std::optional<int> Faults::Hit(const char* name) {
  const std::lock_guard lock(mutex_);
  const auto found = items_.find(name);
  if (found == items_.end()) return std::nullopt;
  Item& item = found->second;
  ++item.seen;
  if (item.nth != 0 && item.seen != item.nth) return std::nullopt;
  return item.value;
}

std::optional<int> Faults::Standing(const char* name) const {
  const std::lock_guard lock(mutex_);
  const auto found = items_.find(name);
  if (found == items_.end() || found->second.nth != 0) return std::nullopt;
  return found->second.value;
}

}  // namespace trtnode::reference
