// Reads and writes protocol buffers' wire format.
#include "reference/onnx/wire.h"

#include <limits>

namespace trtnode::reference::onnx {

bool TakeVarint(std::string_view* bytes, uint64_t* value) {
  constexpr size_t kMaxBytes = 10;
  uint64_t result = 0;
  for (size_t i = 0; i < bytes->size() && i < kMaxBytes; ++i) {
    const auto byte = static_cast<uint8_t>((*bytes)[i]);
    result |= static_cast<uint64_t>(byte & 0x7FU) << (7 * i);
    if ((byte & 0x80U) == 0) {
      bytes->remove_prefix(i + 1);
      *value = result;
      return true;
    }
  }
  return false;
}

bool Reader::ReadVarint(uint64_t* value) { return TakeVarint(&rest_, value); }

bool Reader::ReadFixed(size_t size, uint64_t* value) {
  if (rest_.size() < size) return false;
  *value = 0;
  for (size_t i = 0; i < size; ++i)
    *value |= static_cast<uint64_t>(static_cast<uint8_t>(rest_[i])) << (8 * i);
  rest_.remove_prefix(size);
  return true;
}

bool Reader::Next(Field* field) {
  if (!ok_ || rest_.empty()) return false;
  const std::string_view start = rest_;
  *field = {};
  uint64_t tag = 0;
  ok_ = ReadVarint(&tag) && (tag >> 3) != 0 && (tag >> 3) <= std::numeric_limits<uint32_t>::max();
  if (!ok_) return false;
  field->number = static_cast<uint32_t>(tag >> 3);
  switch (tag & 7U) {
    case 0:
      field->type = WireType::kVarint;
      ok_ = ReadVarint(&field->value);
      break;
    case 1:
      field->type = WireType::kFixed64;
      ok_ = ReadFixed(8, &field->value);
      break;
    case 2: {
      field->type = WireType::kBytes;
      uint64_t length = 0;
      ok_ = ReadVarint(&length) && length <= rest_.size();
      if (ok_) {
        field->bytes = rest_.substr(0, static_cast<size_t>(length));
        rest_.remove_prefix(static_cast<size_t>(length));
      }
      break;
    }
    case 5:
      field->type = WireType::kFixed32;
      ok_ = ReadFixed(4, &field->value);
      break;
    default:  // groups: proto2 relics that ONNX never uses
      ok_ = false;
  }
  field->raw = start.substr(0, start.size() - rest_.size());
  return ok_;
}

void Writer::AppendVarint(uint64_t value) {
  while (value >= 0x80U) {
    out_.push_back(static_cast<char>(value | 0x80U));
    value >>= 7;
  }
  out_.push_back(static_cast<char>(value));
}

void Writer::Varint(uint32_t number, uint64_t value) {
  AppendVarint(uint64_t{number} << 3);
  AppendVarint(value);
}

void Writer::Bytes(uint32_t number, std::string_view bytes) {
  AppendVarint((uint64_t{number} << 3) | 2U);
  AppendVarint(bytes.size());
  out_.append(bytes);
}

}  // namespace trtnode::reference::onnx
