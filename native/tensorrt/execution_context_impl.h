// What an ExecutionContext consists of; for execution_context*.cc alone.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tensorrt/abi/variants.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/failure.h"
#include "tensorrt/layer_profiler.h"
#include "tensorrt/output_allocator_adapter.h"

namespace trtnode::tensorrt {

struct ExecutionContext::Impl {
  Impl(std::shared_ptr<Engine> e, abi::IExecutionContext* c)
      : engine(std::move(e)),
        version(engine->runtime()->library()->version()),
        logger(engine->runtime()->logger()),
        recorder(logger),
        allocators(engine->info().tensors.size()),
        context(version.major, c) {}

  abi::IExecutionContext* get() const noexcept { return context.get(); }

  // A method of every version.
  template <typename M, typename... A>
  abi::ResultOf<M> Ask(A... arguments) const {
    return abi::Invoke<M>(version.major, context.get(), arguments...);
  }

  template <typename M, typename M8, typename... A>
  std::optional<Dims> AskDims(A... arguments) const {
    return abi::AskDims<M, M8>(version.major, context.get(), arguments...);
  }

  // kInvalidArgument for an index that the engine has not.
  Status Check(int tensor) const;
  const TensorInfo& Tensor(int tensor) const {
    return engine->info().tensors[static_cast<std::size_t>(tensor)];
  }
  const char* Name(int tensor) const { return Tensor(tensor).name.c_str(); }

  Status Failed(ErrorCode code, const char* call, std::string message, Logger::Scope& scope) {
    return CallFailed(code, std::string("IExecutionContext::") + call, std::move(message), scope,
                      &recorder);
  }

  // In the order in which they depend: the IExecutionContext goes first, then what it calls.
  const std::shared_ptr<Engine> engine;
  const Version version;
  Logger& logger;
  mutable ErrorRecorder recorder;
  LayerProfiler profiler;
  std::vector<std::unique_ptr<OutputAllocatorAdapter>> allocators;  // by tensor; null: none
  bool has_allocators = false;
  abi::Owned<abi::VExecutionContext> context;
  std::vector<const char*> missing;  // for inferShapes, reused
};

}  // namespace trtnode::tensorrt
