// The registry of device, pinned and registered memory: what an address belongs to, and how much of a device is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "reference/cuda/shared_file.h"
#include "reference/cuda/types.h"

namespace trtnode::reference {

enum class MemoryKind {
  kDevice,
  kPinned,
  kRegistered,
  kImported
};  // imported: another process's device memory

// One allocation. Work on a stream holds the block that it touches, so that freeing early is caught, never a crash.
class Block {
 public:
  Block(void* base, size_t size, MemoryKind kind, int device)
      : base_(base), size_(size), kind_(kind), device_(device) {}
  Block(std::unique_ptr<SharedPiece> piece, MemoryKind kind, int device)
      : base_(piece->content()),
        size_(piece->size()),
        kind_(kind),
        device_(device),
        shared_(std::move(piece)) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block();

  uintptr_t base() const { return reinterpret_cast<uintptr_t>(base_); }
  size_t size() const { return size_; }
  MemoryKind kind() const { return kind_; }
  int device() const { return device_; }
  bool OnDevice() const { return kind_ == MemoryKind::kDevice || kind_ == MemoryKind::kImported; }
  const SharedPiece* shared() const { return shared_.get(); }  // of device memory
  bool Covers(const void* pointer, size_t size) const {
    const uintptr_t offset = reinterpret_cast<uintptr_t>(pointer) - base();
    return reinterpret_cast<uintptr_t>(pointer) >= base() && offset <= size_ &&
           size <= size_ - offset;
  }

 private:
  void* base_;
  size_t size_;
  MemoryKind kind_;
  int device_;
  std::unique_ptr<SharedPiece> shared_;
};

class MemoryRegistry {
 public:
  // Device memory is charged against `total` bytes in steps of 512, as small allocations cost more than their size.
  CUresult AllocateDevice(int device, size_t total, size_t size, void** out);
  CUresult AllocatePinned(int device, size_t size, void** out);
  // Makes another process's memory known, and gives its address; charged to nobody here.
  CUdeviceptr Import(int device, std::unique_ptr<SharedPiece> piece);
  CUresult Register(int device, void* pointer, size_t size);
  // The pointer must be the one that was given out. Memory of another kind is refused.
  CUresult Release(void* pointer, MemoryKind kind);
  void ReleaseAll(int device);

  // The block that holds `pointer`, or null; whether it holds a whole range is the caller's question (Block::Covers).
  std::shared_ptr<const Block> Find(const void* pointer) const;
  size_t Used(int device) const;

 private:
  mutable std::shared_mutex mutex_;
  std::map<uintptr_t, std::shared_ptr<const Block>> blocks_;  // by base address
  std::map<int, size_t> used_;
};

}  // namespace trtnode::reference
