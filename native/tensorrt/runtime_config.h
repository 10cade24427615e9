// RuntimeConfig: IRuntimeConfig: how execution contexts are made. From TensorRT 10.11 on.
#pragma once

#include <memory>

#include "core/status.h"
#include "tensorrt/engine.h"

namespace trtnode::tensorrt {

class RuntimeConfig {
 public:
  // kUnsupported before 10.11.
  static Result<std::shared_ptr<RuntimeConfig>> Create(std::shared_ptr<Engine> engine);
  ~RuntimeConfig();

  Status SetAllocationStrategy(AllocationStrategy strategy);
  Result<AllocationStrategy> allocation_strategy() const;
  Result<std::shared_ptr<ExecutionContext>> CreateExecutionContext();

 private:
  struct Impl;
  explicit RuntimeConfig(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trtnode::tensorrt
