// Counters in shared memory.
#include "reference/cuda/shared_event.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "reference/exit_gate.h"

namespace trtnode::reference {
namespace {

struct Counters {
  uint64_t recorded;
  uint64_t reached;
};

std::atomic_ref<uint64_t> Recorded(const SharedPiece& piece) {
  return std::atomic_ref(static_cast<Counters*>(piece.content())->recorded);
}
std::atomic_ref<uint64_t> ReachedOf(const SharedPiece& piece) {
  return std::atomic_ref(static_cast<Counters*>(piece.content())->reached);
}

}  // namespace

std::shared_ptr<SharedEvent> SharedEvent::Create() {
  auto piece = SharedPiece::Allocate(sizeof(Counters));
  return piece ? std::make_shared<SharedEvent>(std::move(piece)) : nullptr;
}

CUresult SharedEvent::Open(const SharedPlace& place, std::shared_ptr<SharedEvent>* out) {
  if (place.size != sizeof(Counters)) return CUDA_ERROR_INVALID_VALUE;
  std::unique_ptr<SharedPiece> piece;
  if (const CUresult result = SharedPiece::Open(place, &piece)) return result;
  *out = std::make_shared<SharedEvent>(std::move(piece));
  return CUDA_SUCCESS;
}

uint64_t SharedEvent::Record() const { return Recorded(*piece_).fetch_add(1) + 1; }

void SharedEvent::Reach(uint64_t recording) const {
  auto reached = ReachedOf(*piece_);
  uint64_t before = reached.load();
  while (before < recording && !reached.compare_exchange_weak(before, recording)) {
  }
}

uint64_t SharedEvent::Last() const { return Recorded(*piece_).load(); }

bool SharedEvent::Reached(uint64_t recording) const {
  return ReachedOf(*piece_).load() >= recording || !piece_->OwnerAlive();
}

void SharedEvent::Wait(uint64_t recording) const {
  while (!Reached(recording)) {
    ExitGate::ParkIfExiting();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

}  // namespace trtnode::reference
