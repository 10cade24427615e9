// Dims: volume, comparison and text.
#include "core/dims.h"

#include <algorithm>

namespace trtnode {

Dims::Dims(std::initializer_list<std::int64_t> dims) {
  // A literal of more than eight dimensions is a mistake in our own code; what fits is kept.
  rank_ = static_cast<int>(std::min<std::size_t>(dims.size(), kMaxRank));
  std::copy_n(dims.begin(), rank_, d_.begin());
}

std::optional<Dims> Dims::From(std::span<const std::int64_t> dims) {
  if (dims.size() > kMaxRank) return std::nullopt;
  Dims result;
  result.rank_ = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), result.d_.begin());
  return result;
}

bool Dims::operator==(const Dims& other) const noexcept {
  // Only the dimensions in use count: operator[] may have written beyond them.
  return std::equal(d_.begin(), d_.begin() + rank_, other.d_.begin(),
                    other.d_.begin() + other.rank_);
}

bool Dims::IsConcrete() const noexcept {
  return std::all_of(d_.begin(), d_.begin() + rank_, [](std::int64_t d) { return d >= 0; });
}

std::optional<std::int64_t> Dims::Volume() const noexcept {
  if (!IsConcrete()) return std::nullopt;
  // An empty dimension makes the whole empty, even where the product of the others would not fit.
  if (std::find(d_.begin(), d_.begin() + rank_, 0) != d_.begin() + rank_) return 0;
  std::int64_t volume = 1;
  for (int i = 0; i < rank_; ++i) {
    if (__builtin_mul_overflow(volume, d_[static_cast<std::size_t>(i)], &volume)) {
      return std::nullopt;
    }
  }
  return volume;
}

std::string Dims::ToString() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) text += ", ";
    text += std::to_string((*this)[i]);
  }
  return text + ")";
}

}  // namespace trtnode
