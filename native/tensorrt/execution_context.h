// ExecutionContext: IExecutionContext. Belongs to one thread at a time; the callers see to that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/engine.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

// What TensorRT asks for the memory of an output whose size it learns only while running (IOutputAllocator).
// Called inside Enqueue, on the enqueueing thread. Must not throw.
class OutputAllocator {
 public:
  virtual ~OutputAllocator() = default;
  // At least `size` bytes of device memory aligned to `alignment`; `current` is the address set so far. Null: failure.
  virtual void* Reallocate(const char* tensor, void* current, std::uint64_t size,
                           std::uint64_t alignment, void* stream) = 0;
  // The output's true dimensions, at the latest when the stream has finished.
  virtual void NotifyShape(const char* tensor, const Dims& dims) = 0;
};

class GpuAllocator;
class DebugListener;

class ExecutionContext {
 public:
  ~ExecutionContext();

  // `stream`, everywhere: a CUstream of the engine's device.
  Status SetOptimizationProfile(int profile, void* stream);
  int optimization_profile() const;
  Status SetInputShape(int tensor, const Dims& dims);  // tensor: index into EngineInfo::tensors
  Result<Dims> TensorShape(int tensor) const;          // -1 where it is not known yet
  Result<Dims> TensorStrides(int tensor) const;        // in elements
  // Names of the inputs whose shape (or values, for shape tensors) are still missing; empty: all is known.
  Result<std::vector<std::string>> InferShapes();
  bool AllInputDimensionsSpecified() const;
  // Device address, or host address where the tensor's location is host. Ownership stays with the caller, until the next set.
  Status SetTensorAddress(int tensor, void* address);
  void* TensorAddress(int tensor) const;
  Status SetOutputAllocator(int tensor, std::shared_ptr<OutputAllocator> allocator);  // null: none
  std::int64_t MaxOutputSize(int tensor) const;  // bytes; -1: unknown
  // For memory whose size is only known while enqueueing; null: TensorRT's own. Kept.
  Status SetTemporaryStorageAllocator(std::shared_ptr<GpuAllocator> allocator);
  // Who gets the values of the debug tensors that are switched on; null: nobody. Kept.
  Status SetDebugListener(std::shared_ptr<DebugListener> listener);
  Status SetTensorDebugState(const std::string& name, bool on);
  Status SetAllTensorsDebugState(bool on);
  bool DebugState(const std::string& name) const;
  // User-managed activation memory (AllocationStrategy::kUserManaged), at least UpdateDeviceMemorySizeForShapes() bytes, 256-aligned.
  Status SetDeviceMemory(void* memory, std::int64_t bytes);
  Result<std::int64_t> UpdateDeviceMemorySizeForShapes();
  Status SetAuxStreams(const std::vector<void*>& streams);
  Status SetPersistentCacheLimit(std::uint64_t bytes);
  std::uint64_t persistent_cache_limit() const;
  Status SetNvtxVerbosity(int verbosity);
  int nvtx_verbosity() const;
  Status SetInputConsumedEvent(void* event);  // CUevent or null
  // Layer times are collected while it is on; TakeLayerTimes gives them and starts anew.
  Status SetProfiling(bool on);
  Status SetEnqueueEmitsProfile(bool on);
  Status ReportToProfiler();
  std::vector<LayerTime> TakeLayerTimes();

  // Does not synchronize. kExecution with TensorRT's own words when it refuses; kOutputAllocator when an allocator failed.
  Status Enqueue(void* stream);

  const std::shared_ptr<Engine>& engine() const noexcept;
  void* abi_object() const noexcept;

 private:
  friend class Engine;
  friend class RuntimeConfig;
  static std::shared_ptr<ExecutionContext> Adopt(std::shared_ptr<Engine> engine, void* context);

  struct Impl;
  explicit ExecutionContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trtnode::tensorrt
