// The output allocator that JavaScript makes: memory from the device, or from a JavaScript function.
#pragma once

#include <memory>
#include <optional>

#include "napi/js_reference.h"
#include "napi/resources.h"
#include "tensorrt/execution_context.h"

namespace trtnode::napi {

// TensorRT calls it inside enqueue, which is on the JavaScript thread.
struct AllocatorResource final : Resource, tensorrt::OutputAllocator {
  AllocatorResource(std::shared_ptr<cuda::PrimaryContext> cuda_context, EnvState& env_state,
                    std::shared_ptr<JsReference> function)
      : Resource(Kind::kOutputAllocator, std::move(cuda_context)),
        state(env_state),
        allocate(std::move(function)) {}

  void* Reallocate(const char* tensor, void* current, std::uint64_t size, std::uint64_t alignment,
                   void* stream) override;
  void NotifyShape(const char* /*tensor*/, const Dims& dims) override { shape = dims; }

  void Begin() noexcept { status = Status(); }
  Status TakeStatus() noexcept { return std::move(status); }

  EnvState& state;
  const std::shared_ptr<JsReference> allocate;  // null: from the device
  std::shared_ptr<DeviceBufferResource> buffer;
  std::shared_ptr<JsReference> buffer_object;  // its handle; null: not made yet
  std::optional<Dims> shape;
  Status status;  // why no memory was given

 private:
  Status Grow(std::size_t bytes);
  Status Ask(const char* tensor, std::size_t bytes, std::uint64_t alignment);
};

}  // namespace trtnode::napi
