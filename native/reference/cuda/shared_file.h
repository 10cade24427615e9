// The file in memory that all device memory of this process lies in, piece by piece: so that another process can open a piece by its
// place, as CUDA IPC does. And opening another process's piece.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "reference/cuda/types.h"

namespace trtnode::reference {

// Where a piece lies: what is in a handle. Whoever has it may be lying: everything is checked.
struct SharedPlace {
  char magic[8];
  int32_t pid;
  int32_t file;  // its descriptor in that process
  uint64_t offset;
  uint64_t size;   // of the piece's content
  uint64_t nonce;  // drawn for each piece: a handle of a piece that was freed finds nothing
};
static_assert(sizeof(SharedPlace) <= sizeof(CUipcMemHandle));

// A mapped piece: this process's own, or another's.
class SharedPiece {
 public:
  // Null where there is no memory. The content begins at a page.
  static std::unique_ptr<SharedPiece> Allocate(size_t size);
  // CUDA_ERROR_INVALID_CONTEXT: it is this process's own; CUDA_ERROR_INVALID_VALUE: there is no such piece (any more).
  static CUresult Open(const SharedPlace& place, std::unique_ptr<SharedPiece>* out);
  SharedPiece(void* mapping, const SharedPlace& place, bool own)
      : mapping_(mapping), place_(place), own_(own) {}
  ~SharedPiece();
  SharedPiece(const SharedPiece&) = delete;
  SharedPiece& operator=(const SharedPiece&) = delete;

  void* content() const;
  size_t size() const { return place_.size; }
  const SharedPlace& place() const { return place_; }
  // Whether the process that it came from is there.
  bool OwnerAlive() const;

 private:
  void* const mapping_;  // a page with a header, then the content
  const SharedPlace place_;
  const bool own_;
};

}  // namespace trtnode::reference
