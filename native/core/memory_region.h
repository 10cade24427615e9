// MemoryRegion: pages from mmap, unmapped with their owner.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <utility>

namespace trtnode {

class MemoryRegion {
 public:
  MemoryRegion() noexcept = default;  // empty
  ~MemoryRegion() {
    if (data_ != nullptr) (void)::munmap(data_, size_);
  }
  MemoryRegion(MemoryRegion&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MemoryRegion& operator=(MemoryRegion&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Empty when the system refuses (errno says why), and for 0 bytes.
  static MemoryRegion OfFile(int fd, std::size_t size) noexcept {
    return Map(size, PROT_READ, MAP_PRIVATE, fd);
  }
  // Not touched yet, so that what is written first is no zero. In huge pages where the system has them: a fault every 2 MiB.
  static MemoryRegion Anonymous(std::size_t size) noexcept {
    MemoryRegion region = Map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!region.empty()) (void)::madvise(region.data_, size, MADV_HUGEPAGE);
    return region;
  }

  bool empty() const noexcept { return data_ == nullptr; }
  std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
  std::size_t size() const noexcept { return size_; }
  std::span<const std::byte> bytes() const noexcept { return {data(), size_}; }

  // Moves the pages of `other`, of the same size, to this region's addresses in one step: who reads there sees the old ones or the new.
  bool ReplaceWith(MemoryRegion&& other) noexcept {
    if (::mremap(other.data_, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, data_) == MAP_FAILED) {
      return false;
    }
    other.data_ = nullptr;
    return true;
  }

 private:
  static MemoryRegion Map(std::size_t size, int protection, int flags, int fd) noexcept {
    MemoryRegion region;
    if (size == 0) return region;
    void* pages = ::mmap(nullptr, size, protection, flags, fd, 0);
    if (pages == MAP_FAILED) return region;
    region.data_ = pages;
    region.size_ = size;
    return region;
  }

  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace trtnode
