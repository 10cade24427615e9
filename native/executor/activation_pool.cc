// Lending activation memory.
#include "executor/activation_pool.h"

#include <utility>

namespace trtnode::executor {

bool ActivationPool::TryAcquire(Block& block, const void* memory) noexcept {
  if (block.in_use_.exchange(true)) return false;
  if (block.memory() == memory) return true;
  block.in_use_.store(false);
  return false;
}

Status ActivationPool::Grow(Block& block, std::size_t bytes) {
  bytes_ -= block.bytes();
  block.memory_.reset();  // first, so that old and new need not fit together
  ASSIGN_OR_RETURN(block.memory_,
                   allocate_ ? allocate_(bytes) : cuda::DeviceBuffer::Allocate(context_, bytes));
  bytes_ += block.bytes();
  return {};
}

Result<ActivationPool::Block*> ActivationPool::Acquire(std::size_t bytes, Block* preferred) {
  const std::lock_guard lock(mutex_);
  if (preferred != nullptr && !preferred->in_use_.exchange(true)) {
    if (preferred->bytes() >= bytes) return preferred;
    preferred->in_use_.store(false);
  }
  Block* largest = nullptr;
  for (const auto& block : blocks_) {
    if (block->in_use_.exchange(true)) continue;
    if (block->bytes() >= bytes) {
      if (largest != nullptr) Release(*largest);
      return block.get();
    }
    if (largest != nullptr && largest->bytes() >= block->bytes()) {
      Release(*block);
      continue;
    }
    if (largest != nullptr) Release(*largest);
    largest = block.get();
  }
  if (largest == nullptr) {
    blocks_.push_back(std::make_unique<Block>());
    largest = blocks_.back().get();
    largest->in_use_.store(true);
  }
  Status status = Grow(*largest, bytes);
  if (!status.ok()) {
    Release(*largest);
    return status;
  }
  return largest;
}

}  // namespace trtnode::executor
