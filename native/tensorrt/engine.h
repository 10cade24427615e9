// Engine: ICudaEngine. Immutable description and factory of execution contexts; safe from several threads.
#pragma once

#include <cstddef>
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

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  ~Engine();

  const EngineInfo& info() const noexcept;                // read once at deserialization
  int TensorIndex(std::string_view name) const noexcept;  // into info().tensors; -1: none

  // The CUDA context current at deserialization must be current.
  Result<std::shared_ptr<ExecutionContext>> CreateExecutionContext(AllocationStrategy strategy);
  Result<std::shared_ptr<EngineInspector>> CreateInspector();
  Result<std::unique_ptr<HostMemory>> Serialize();
  // Whether the network marked it for debugging; any tensor, not only inputs and outputs.
  bool IsDebugTensor(const std::string& name) const;

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
