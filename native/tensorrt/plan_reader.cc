// Reading a plan forwards, with a window for small steps back.
#include "tensorrt/plan_reader.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <string>
#include <utility>

#include "tensorrt/abi/enums.h"

namespace trtnode::tensorrt {
namespace {

constexpr std::size_t kWindow = std::size_t{4} << 20;   // how far TensorRT may go back
constexpr std::size_t kStaging = std::size_t{1} << 20;  // at a time, to the device
constexpr std::size_t kMostTraced = 4000;
// A header may lie about the size; memory is reserved in advance only up to here.
constexpr std::uint64_t kMostReserved = std::uint64_t{1} << 36;

}  // namespace

Result<std::span<const std::byte>> PlanReader::Peek(std::size_t bytes) {
  std::vector<std::byte> head(bytes);
  std::size_t have = 0;
  while (have < bytes) {
    ASSIGN_OR_RETURN(const std::size_t got, source_.Read(std::span(head).subspan(have)));
    if (got == 0) break;
    have += got;
  }
  head.resize(have);
  source_at_ = have;
  window_ = std::move(head);
  return std::span<const std::byte>(window_);
}

void PlanReader::Remember(std::span<const std::byte> bytes) {
  if (!keep_window_ && position_ >= source_at_) {
    window_.clear();
    return;
  }
  if (bytes.size() >= kWindow) {
    const auto last = bytes.last(kWindow);
    window_.assign(last.begin(), last.end());
    return;
  }
  window_.insert(window_.end(), bytes.begin(), bytes.end());
  // Seldom, so that moving the rest costs little for each byte.
  if (window_.size() > 2 * kWindow) {
    window_.erase(window_.begin(), window_.end() - static_cast<std::ptrdiff_t>(kWindow));
  }
}

void PlanReader::Trace(char kind, abi::i64 value, const std::string& rest) {
  if (trace_.size() > kMostTraced) return;
  if (!trace_.empty()) trace_ += ' ';
  trace_ += kind + std::to_string(value) + rest;
  if (trace_.size() > kMostTraced) trace_ += " …";
}

Result<std::size_t> PlanReader::Next(std::span<std::byte> into) {
  ASSIGN_OR_RETURN(const std::size_t got, source_.Read(into));
  Remember(into.first(got));
  source_at_ += got;
  return got;
}

Status PlanReader::SkipTo(std::uint64_t position) {
  if (position > source_at_) {
    staging_.resize(kStaging);
    while (source_at_ < position) {
      const auto step =
          static_cast<std::size_t>(std::min<std::uint64_t>(position - source_at_, staging_.size()));
      ASSIGN_OR_RETURN(const std::size_t got, Next(std::span(staging_).first(step)));
      if (got == 0) break;
    }
    return {};
  }
  if (source_at_ - position <= window_.size()) return {};
  return Status(ErrorCode::kUnsupported,
                "TensorRT went back to byte " + std::to_string(position) +
                    " of the plan, and of a source that is read once only the last " +
                    std::to_string(window_.size()) + " bytes are kept.",
                "Give the plan's path, or collect its bytes and load those.");
}

Result<std::size_t> PlanReader::Fill(std::byte* to, std::size_t bytes) {
  RETURN_IF_ERROR(SkipTo(position_));
  std::size_t have = 0;
  while (have < bytes) {
    std::size_t got = 0;
    if (position_ < source_at_) {
      const auto back = static_cast<std::size_t>(source_at_ - position_);
      got = std::min(back, bytes - have);
      std::memcpy(to + have, window_.data() + (window_.size() - back), got);
    } else if (position_ > source_at_) {
      break;  // beyond the end
    } else {
      ASSIGN_OR_RETURN(got, Next({to + have, bytes - have}));
    }
    if (got == 0) break;
    have += got;
    position_ += got;
  }
  if (have < bytes) ended_early_ = true;
  return have;
}

Result<std::size_t> PlanReader::FillDevice(std::byte* to, std::size_t bytes, void* stream) {
  std::vector<std::byte> piece(std::min(bytes, kStaging));
  std::size_t have = 0;
  while (have < bytes) {
    const std::size_t step = std::min(bytes - have, piece.size());
    ASSIGN_OR_RETURN(const std::size_t got, Fill(piece.data(), step));
    RETURN_IF_ERROR(copy_.ToDevice(to + have, std::span(piece).first(got), stream));
    have += got;
    if (got < step) break;
  }
  return have;
}

abi::i64 PlanReader::Read(void* destination, abi::i64 bytes, void* stream) noexcept {
  if (failed() || destination == nullptr || bytes < 0) return -1;
  try {
    auto* to = static_cast<std::byte*>(destination);
    const auto size = static_cast<std::size_t>(bytes);
    const bool device = copy_.IsDevice(destination);
    Trace(device ? 'd' : 'h', bytes);
    Result<std::size_t> got = device ? FillDevice(to, size, stream) : Fill(to, size);
    if (got.ok()) return static_cast<abi::i64>(got.value());
    failure_ = got.TakeStatus();
  } catch (const std::exception&) {
    failure_ = Status(ErrorCode::kOutOfMemory, "Host memory is exhausted.");
  }
  return -1;
}

bool PlanReader::Seek(abi::i64 offset, abi::SeekPosition position) noexcept {
  try {
    Trace('s', offset, ',' + std::to_string(static_cast<int>(position)));
  } catch (const std::exception&) {  // no memory for a remark
  }
  abi::i64 base = 0;
  switch (static_cast<int>(position)) {
    case 0:  // kSET
      break;
    case 1:  // kCUR
      base = static_cast<abi::i64>(position_);
      break;
    case 2:  // kEND
      if (!total_) return false;
      base = static_cast<abi::i64>(*total_);
      break;
    default:
      return false;
  }
  const bool overflows = offset > 0 && base > std::numeric_limits<abi::i64>::max() - offset;
  if (overflows || base + offset < 0) return false;
  position_ = static_cast<std::uint64_t>(base + offset);
  return true;  // whether it can be read is seen when it is
}

Result<std::vector<std::byte>> PlanReader::Collect(std::optional<std::uint64_t> expected) {
  std::vector<std::byte> bytes = std::move(window_);
  window_.clear();
  if (expected && *expected <= kMostReserved) bytes.reserve(static_cast<std::size_t>(*expected));
  for (;;) {
    const std::size_t have = bytes.size();
    const std::size_t room = bytes.capacity() - have;
    bytes.resize(have + (room > 0 ? std::min(room, kStaging) : kStaging));
    ASSIGN_OR_RETURN(const std::size_t got, source_.Read(std::span(bytes).subspan(have)));
    bytes.resize(have + got);
    if (got == 0) return bytes;
  }
}

Status PlanReader::Drain() {
  staging_.resize(kStaging);
  for (;;) {
    ASSIGN_OR_RETURN(const std::size_t got, source_.Read(staging_));
    if (got == 0) return {};
  }
}

}  // namespace trtnode::tensorrt
