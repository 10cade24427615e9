// Dims: the shape of a tensor, up to eight dimensions of 64 bits, independent of any TensorRT version's own struct.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

namespace trtnode {

class Dims {
 public:
  static constexpr int kMaxRank = 8;

  Dims() = default;  // a scalar: rank 0
  Dims(std::initializer_list<std::int64_t> dims);
  // Null if more than kMaxRank are given.
  static std::optional<Dims> From(std::span<const std::int64_t> dims);

  int rank() const noexcept { return rank_; }
  std::int64_t operator[](int i) const { return d_[static_cast<std::size_t>(i)]; }
  std::int64_t& operator[](int i) { return d_[static_cast<std::size_t>(i)]; }
  std::span<const std::int64_t> span() const noexcept {
    return {d_.data(), static_cast<std::size_t>(rank_)};
  }
  bool operator==(const Dims& other) const noexcept;

  bool IsConcrete() const noexcept;  // no dimension below 0
  std::optional<std::int64_t> Volume()
      const noexcept;  // number of elements; null when a dimension is negative or on overflow
  std::string ToString() const;  // "(1, 3, -1)"

 private:
  std::array<std::int64_t, kMaxRank> d_{};
  int rank_ = 0;
};

}  // namespace trtnode
