// Keeps track of every allocation of the simulated devices.
#include "reference/cuda/memory.h"

#include <cstdlib>
#include <mutex>
#include <utility>

namespace trtnode::reference {
namespace {

constexpr size_t kAlignment = 256;  // what cuMemAlloc promises at least
constexpr size_t kCharge = 512;

size_t Charged(size_t size) { return (size + kCharge - 1) / kCharge * kCharge; }

}  // namespace

Block::~Block() {
  if (kind_ == MemoryKind::kPinned) std::free(base_);
}

CUresult MemoryRegistry::AllocateDevice(int device, size_t total, size_t size, void** out) {
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  const std::unique_lock lock(mutex_);
  size_t& used = used_[device];
  if (size > total || Charged(size) > total - used) return CUDA_ERROR_OUT_OF_MEMORY;
  auto piece = SharedPiece::Allocate(size);
  if (!piece) return CUDA_ERROR_OUT_OF_MEMORY;
  *out = piece->content();
  auto block = std::make_shared<const Block>(std::move(piece), MemoryKind::kDevice, device);
  blocks_.emplace(block->base(), block);
  used += Charged(size);
  return CUDA_SUCCESS;
}

CUresult MemoryRegistry::AllocatePinned(int device, size_t size, void** out) {
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  const std::unique_lock lock(mutex_);
  // Exactly `size` bytes: rounding up would hide an overrun from AddressSanitizer.
  void* base = nullptr;
  if (posix_memalign(&base, kAlignment, size) != 0) return CUDA_ERROR_OUT_OF_MEMORY;
  auto block = std::make_shared<const Block>(base, size, MemoryKind::kPinned, device);
  blocks_.emplace(block->base(), block);
  *out = base;
  return CUDA_SUCCESS;
}

CUdeviceptr MemoryRegistry::Import(int device, std::unique_ptr<SharedPiece> piece) {
  auto block = std::make_shared<const Block>(std::move(piece), MemoryKind::kImported, device);
  const std::unique_lock lock(mutex_);
  blocks_.emplace(block->base(), block);
  return block->base();
}

CUresult MemoryRegistry::Register(int device, void* pointer, size_t size) {
  if (pointer == nullptr || size == 0) return CUDA_ERROR_INVALID_VALUE;
  const auto base = reinterpret_cast<uintptr_t>(pointer);
  if (base + size < base) return CUDA_ERROR_INVALID_VALUE;
  const std::unique_lock lock(mutex_);
  const auto next = blocks_.lower_bound(base);
  if (next != blocks_.end() && next->first < base + size)
    return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  if (next != blocks_.begin()) {
    const Block& before = *std::prev(next)->second;
    if (before.base() + before.size() > base) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  }
  blocks_.emplace(base,
                  std::make_shared<const Block>(pointer, size, MemoryKind::kRegistered, device));
  return CUDA_SUCCESS;
}

CUresult MemoryRegistry::Release(void* pointer, MemoryKind kind) {
  const CUresult wrong = kind == MemoryKind::kRegistered ? CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED
                                                         : CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<const Block> block;  // freed after the lock
  const std::unique_lock lock(mutex_);
  const auto found = blocks_.find(reinterpret_cast<uintptr_t>(pointer));
  if (found == blocks_.end() || found->second->kind() != kind) return wrong;
  block = found->second;
  blocks_.erase(found);
  if (kind == MemoryKind::kDevice) used_[block->device()] -= Charged(block->size());
  return CUDA_SUCCESS;
}

void MemoryRegistry::ReleaseAll(int device) {
  std::vector<std::shared_ptr<const Block>> gone;
  const std::unique_lock lock(mutex_);
  for (auto it = blocks_.begin(); it != blocks_.end();) {
    if (it->second->device() == device) {
      gone.push_back(it->second);
      it = blocks_.erase(it);
    } else {
      ++it;
    }
  }
  used_[device] = 0;
}

std::shared_ptr<const Block> MemoryRegistry::Find(const void* pointer) const {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const std::shared_lock lock(mutex_);
  auto next = blocks_.upper_bound(address);
  if (next == blocks_.begin()) return nullptr;
  const auto& block = std::prev(next)->second;
  return block->Covers(pointer, 1) ? block : nullptr;
}

size_t MemoryRegistry::Used(int device) const {
  const std::shared_lock lock(mutex_);
  const auto found = used_.find(device);
  return found == used_.end() ? 0 : found->second;
}

}  // namespace trtnode::reference
