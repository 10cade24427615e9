// The resources behind the handles, and what each keeps alive.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "cuda/buffer.h"
#include "cuda/event.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "executor/activation_pool.h"
#include "napi/platform.h"
#include "napi/resource.h"
#include "tensorrt/engine.h"
#include "tensorrt/execution_context.h"
#include "tensorrt/runtime.h"

namespace trtnode::napi {

// TensorRT's objects die with their device's context current.

struct RuntimeResource final : Resource {
  RuntimeResource(std::shared_ptr<cuda::PrimaryContext> cuda_context,
                  std::shared_ptr<tensorrt::Runtime> value)
      : Resource(Kind::kRuntime, std::move(cuda_context)), runtime(std::move(value)) {}
  ~RuntimeResource() override {
    const cuda::ContextGuard guard(*context);
    runtime.reset();
  }
  std::shared_ptr<tensorrt::Runtime> runtime;
};

struct EngineResource final : Resource {
  EngineResource(std::shared_ptr<RuntimeResource> parent, std::shared_ptr<tensorrt::Engine> value)
      : Resource(Kind::kEngine, parent->context),
        runtime(std::move(parent)),
        engine(std::move(value)) {}
  ~EngineResource() override {
    const cuda::ContextGuard guard(*context);
    engine.reset();
  }
  const std::shared_ptr<RuntimeResource> runtime;
  std::shared_ptr<tensorrt::Engine> engine;
};

// The memory that work in a stream uses must outlive the work, also when its handle is closed or collected meanwhile: the stream
// keeps it until it is known to have passed. JavaScript thread, except for the destructor.
struct StreamResource final : Resource {
  explicit StreamResource(std::shared_ptr<cuda::Stream> value)
      : Resource(Kind::kStream, value->context()), stream(std::move(value)) {}
  ~StreamResource() override { (void)stream->Synchronize().ok(); }

  void Keep(std::shared_ptr<Resource> resource);
  // After a synchronization that began when nothing newer had been kept.
  std::vector<std::shared_ptr<Resource>> TakeKept() noexcept { return std::move(kept); }

  const std::shared_ptr<cuda::Stream> stream;
  std::vector<std::shared_ptr<Resource>> kept;
  std::size_t ask_at = 256;  // so many kept: see whether the stream is idle
  bool capturing = false;
  std::vector<std::shared_ptr<Resource>> captured;  // what the graph in the making uses
};

struct EventResource final : Resource {
  explicit EventResource(std::shared_ptr<cuda::Event> value)
      : Resource(Kind::kEvent, value->context()), event(std::move(value)) {}
  const std::shared_ptr<cuda::Event> event;
};

struct GraphResource final : Resource {
  GraphResource(std::shared_ptr<cuda::Graph> value, std::vector<std::shared_ptr<Resource>> uses)
      : Resource(Kind::kCudaGraph, value->context()),
        graph(std::move(value)),
        used(std::move(uses)) {}
  const std::shared_ptr<cuda::Graph> graph;
  const std::vector<std::shared_ptr<Resource>> used;
};

struct DeviceBufferResource final : Resource {
  explicit DeviceBufferResource(std::shared_ptr<cuda::DeviceBuffer> value)
      : Resource(Kind::kDeviceBuffer, value->context()), buffer(std::move(value)) {}
  const std::shared_ptr<cuda::DeviceBuffer> buffer;
};

struct PinnedBufferResource final : Resource {
  explicit PinnedBufferResource(std::shared_ptr<cuda::PinnedBuffer> value)
      : Resource(Kind::kPinnedBuffer, value->context()), buffer(std::move(value)) {}
  const std::shared_ptr<cuda::PinnedBuffer> buffer;
};

struct ActivationPoolResource final : Resource {
  explicit ActivationPoolResource(std::shared_ptr<executor::ActivationPool> value)
      : Resource(Kind::kActivationPool, value->context()), pool(std::move(value)) {}
  const std::shared_ptr<executor::ActivationPool> pool;
};

struct ExecutionContextResource final : Resource {
  ExecutionContextResource(std::shared_ptr<EngineResource> parent,
                           std::shared_ptr<tensorrt::ExecutionContext> value)
      : Resource(Kind::kExecutionContext, parent->context),
        engine(std::move(parent)),
        execution(std::move(value)),
        addresses(engine->engine->info().tensors.size()) {}
  ~ExecutionContextResource() override {
    const cuda::ContextGuard guard(*context);
    execution.reset();
  }
  const std::shared_ptr<EngineResource> engine;
  std::shared_ptr<tensorrt::ExecutionContext> execution;
  // What TensorRT was given the addresses of.
  std::vector<std::shared_ptr<Resource>> addresses;  // by tensor
  std::shared_ptr<Resource> device_memory;
  std::shared_ptr<Resource> consumed_event;
  std::vector<std::shared_ptr<Resource>> aux_streams;
  std::shared_ptr<StreamResource>
      last_stream;  // work enqueued in it may still use what is replaced
};

struct InspectorResource final : Resource {
  InspectorResource(std::shared_ptr<EngineResource> parent,
                    std::shared_ptr<tensorrt::EngineInspector> value)
      : Resource(Kind::kEngineInspector, parent->context),
        engine(std::move(parent)),
        inspector(std::move(value)) {}
  ~InspectorResource() override {
    const cuda::ContextGuard guard(*context);
    inspector.reset();
    execution.reset();
  }
  const std::shared_ptr<EngineResource> engine;
  std::shared_ptr<tensorrt::EngineInspector> inspector;
  std::shared_ptr<ExecutionContextResource> execution;  // the one that was set
};

}  // namespace trtnode::napi
