// NativeGpuAllocator: the allocator that JavaScript makes; JsDeviceSource: its memory, where a JavaScript function gives it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "executor/counting_allocator.h"
#include "napi/js_reference.h"
#include "napi/objects.h"

namespace trtnode::napi {

// What TensorRT and sessions use they keep: the handle only gives it to further ones.
struct GpuAllocatorResource final : Resource {
  explicit GpuAllocatorResource(std::shared_ptr<executor::CountingAllocator> value)
      : Resource(Kind::kGpuAllocator, value->context()), allocator(std::move(value)) {}
  const std::shared_ptr<executor::CountingAllocator> allocator;
};

// Asks JavaScript: at once where TensorRT calls on its thread, else by the queue, while the calling thread waits.
class JsDeviceSource final : public executor::DeviceMemorySource {
 public:
  JsDeviceSource(std::shared_ptr<cuda::PrimaryContext> context, EnvState& state,
                 std::shared_ptr<JsReference> allocate, std::shared_ptr<JsReference> deallocate);

  Result<void*> Allocate(std::size_t bytes, std::uint64_t alignment, std::uint32_t flags,
                         void* stream) override;
  // Never waits for JavaScript, which hears of it later: it may be the JavaScript thread that ends an environment.
  bool Free(void* address, void* stream) override;

 private:
  class Request;
  struct Inner;  // outlives the source in requests that are under way

  const std::shared_ptr<Inner> inner_;
};

class GpuAllocatorObject final : public HandleObject<GpuAllocatorResource> {
 public:
  static constexpr Kind kKind = Kind::kGpuAllocator;
  explicit GpuAllocatorObject(std::shared_ptr<GpuAllocatorResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> Device(Call& call);
  Result<napi_value> Stats(Call& call);
};

// createGpuAllocator(platform, device, limit, allocate, deallocate)
Result<napi_value> CreateGpuAllocator(Call& call);
// The option of this name; null where it is not given. Whether it is of the right device lib/ has looked at.
Result<std::shared_ptr<executor::CountingAllocator>> ReadGpuAllocator(napi_env env,
                                                                      napi_value value);

}  // namespace trtnode::napi
