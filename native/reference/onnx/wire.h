// Protocol buffers' wire format: a bounds-checked reader over borrowed bytes, and a writer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trtnode::reference::onnx {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;      // of kVarint, kFixed32 and kFixed64
  std::string_view bytes;  // of kBytes
  std::string_view raw;    // the whole field with its tag, to copy it unread
};

// Goes over a message's fields. Groups, truncated fields and lengths beyond the end make it stop with ok() false.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  bool Next(Field* field);
  bool ok() const { return ok_; }

 private:
  bool ReadVarint(uint64_t* value);
  bool ReadFixed(size_t size, uint64_t* value);

  std::string_view rest_;
  bool ok_ = true;
};

// A repeated int64 field may come packed or one by one. Appends what `field` holds; false if it is damaged.
template <typename Container>
bool AppendVarints(const Field& field, Container* out);

class Writer {
 public:
  void Varint(uint32_t number, uint64_t value);
  void Bytes(uint32_t number, std::string_view bytes);
  void Raw(std::string_view raw) { out_.append(raw); }
  const std::string& str() const { return out_; }
  std::string Take() { return std::move(out_); }

 private:
  void AppendVarint(uint64_t value);

  std::string out_;
};

// Reads one packed varint from the front of `bytes`; false at the end or if it is damaged.
bool TakeVarint(std::string_view* bytes, uint64_t* value);

template <typename Container>
bool AppendVarints(const Field& field, Container* out) {
  using Value = typename Container::value_type;
  if (field.type == WireType::kVarint) {
    out->push_back(static_cast<Value>(field.value));
    return true;
  }
  if (field.type != WireType::kBytes) return false;
  std::string_view packed = field.bytes;
  while (!packed.empty()) {
    uint64_t value = 0;
    if (!TakeVarint(&packed, &value)) return false;
    out->push_back(static_cast<Value>(value));
  }
  return true;
}

}  // namespace trtnode::reference::onnx
