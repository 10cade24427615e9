// Engine: ICudaEngine. Immutable description and factory of execution contexts; safe from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "tensorrt/runtime.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

class ExecutionContext;
class EngineInspector;

// Bytes of serialized data that TensorRT owns (IHostMemory).
class HostMemory {
 public:
  HostMemory(int abi_major, void* host_memory);
  ~HostMemory();
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  std::span<const std::byte> bytes() const noexcept;

 private:
  int abi_major_;
  void* object_;
};

// ISerializationConfig's flags.
struct SerializeOptions {
  bool exclude_weights = false;       // those that can be refitted; the plan needs them again
  bool exclude_lean_runtime = false;  // of a version-compatible plan
  bool include_refit = false;         // stays refittable, if it was (newer TensorRT 10, and 11)
};

// From TensorRT 10.1 on.
struct WeightStreaming {
  std::int64_t streamable_bytes = 0;  // 0: the engine was not built for it
  std::int64_t budget_bytes = 0;      // of them, how much lies on the device
  std::int64_t automatic_budget_bytes = 0;
  std::int64_t scratch_memory_bytes = 0;  // for each context, in its activation memory
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  ~Engine();

  const EngineInfo& info()
      const noexcept;  // read at deserialization; memory: also when the budget changes
  int TensorIndex(std::string_view name) const noexcept;  // into info().tensors; -1: none

  // The CUDA context current at deserialization must be current.
  Result<std::shared_ptr<ExecutionContext>> CreateExecutionContext(AllocationStrategy strategy);
  Result<std::shared_ptr<EngineInspector>> CreateInspector();
  Result<std::unique_ptr<HostMemory>> Serialize(const SerializeOptions& options = {});
  // Whether the network marked it for debugging; any tensor, not only inputs and outputs.
  bool IsDebugTensor(const std::string& name) const;

  Result<WeightStreaming> weight_streaming() const;
  // While there is no execution context, and nobody reads info().
  Status SetWeightStreamingBudget(std::int64_t bytes);

  const std::shared_ptr<Runtime>& runtime() const noexcept;
  void* abi_object() const noexcept;

 private:
  friend class Runtime;
  // Takes over an ICudaEngine*, also when it fails.
  static Result<std::shared_ptr<Engine>> Adopt(std::shared_ptr<Runtime> runtime, void* engine);

  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class EngineInspector {
 public:
  ~EngineInspector();
  Status SetExecutionContext(std::shared_ptr<ExecutionContext> context);  // null: none
  Result<std::string> LayerInformation(int layer, InspectorFormat format);
  Result<std::string> EngineInformation(InspectorFormat format);

 private:
  friend class Engine;
  static std::shared_ptr<EngineInspector> Adopt(std::shared_ptr<Engine> engine, void* inspector);

  struct Impl;
  explicit EngineInspector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trtnode::tensorrt
