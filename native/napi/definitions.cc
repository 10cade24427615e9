// Which class lists its members where.
#include "napi/build_object.h"
#include "napi/context_object.h"
#include "napi/executor_object.h"
#include "napi/file_lock_object.h"
#include "napi/gpu_allocator.h"
#include "napi/measure_object.h"
#include "napi/objects.h"
#include "napi/plan_stream.h"
#include "napi/refitter_object.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> DefinitionOf(Kind kind) {
  switch (kind) {
    case Kind::kPlatform:
      return PlatformObject::Definition();
    case Kind::kRuntime:
      return RuntimeObject::Definition();
    case Kind::kEngine:
      return EngineObject::Definition();
    case Kind::kEngineInspector:
      return InspectorObject::Definition();
    case Kind::kExecutionContext:
      return ContextObject::Definition();
    case Kind::kOutputAllocator:
      return OutputAllocatorObject::Definition();
    case Kind::kStream:
      return StreamObject::Definition();
    case Kind::kEvent:
      return EventObject::Definition();
    case Kind::kCudaGraph:
      return GraphObject::Definition();
    case Kind::kDeviceBuffer:
      return DeviceBufferObject::Definition();
    case Kind::kPinnedBuffer:
      return PinnedBufferObject::Definition();
    case Kind::kExecutor:
      return ExecutorObject::Definition();
    case Kind::kActivationPool:
      return ActivationPoolObject::Definition();
    case Kind::kBuild:
      return BuildObject::Definition();
    case Kind::kFileLock:
      return FileLockObject::Definition();
    case Kind::kMeasurement:
      return MeasureObject::Definition();
    case Kind::kGpuAllocator:
      return GpuAllocatorObject::Definition();
    case Kind::kPlanStream:
      return PlanStreamObject::Definition();
    case Kind::kRefitter:
      return RefitterObject::Definition();
    case Kind::kRuntimeConfig:
      return RuntimeConfigObject::Definition();
  }
  return {};
}

}  // namespace trtnode::napi
