// The state of an event that several processes see: how often it was recorded, and which recording was reached.
#pragma once

#include <cstdint>
#include <memory>

#include "reference/cuda/shared_file.h"

namespace trtnode::reference {

class SharedEvent {
 public:
  static std::shared_ptr<SharedEvent> Create();  // null: no memory
  static CUresult Open(const SharedPlace& place, std::shared_ptr<SharedEvent>* out);
  explicit SharedEvent(std::unique_ptr<SharedPiece> piece) : piece_(std::move(piece)) {}

  const SharedPlace& place() const { return piece_->place(); }
  uint64_t Record() const;  // the number of this recording
  void Reach(uint64_t recording) const;
  uint64_t Last() const;
  // Also when the process that made the event is gone: nobody would reach it any more.
  bool Reached(uint64_t recording) const;
  void Wait(uint64_t recording) const;

 private:
  const std::unique_ptr<SharedPiece> piece_;
};

}  // namespace trtnode::reference
