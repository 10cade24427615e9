// NativeOutputAllocator.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "napi/allocator_resource.h"
#include "napi/objects.h"
#include "napi/values.h"

namespace trtnode::napi {

void* AllocatorResource::Reallocate(const char* tensor, void* /*current*/, std::uint64_t size,
                                    std::uint64_t alignment, void* /*stream*/) {
  const auto bytes = static_cast<std::size_t>(size);
  try {
    Status given = allocate != nullptr ? Ask(tensor, bytes, alignment) : Grow(bytes);
    if (given.ok()) return buffer->buffer->pointer();
    status = std::move(given);
  } catch (...) {  // TensorRT is between us and the guard of the call: nothing may fly through it
    status = Status(ErrorCode::kOutOfMemory, "Host memory is exhausted.");
  }
  return nullptr;
}

Status AllocatorResource::Grow(std::size_t bytes) {
  const std::size_t old = buffer != nullptr ? buffer->buffer->bytes() : 0;
  if (buffer != nullptr && bytes <= old) return {};
  buffer.reset();
  buffer_object.reset();
  ASSIGN_OR_RETURN(auto grown,
                   cuda::DeviceBuffer::Allocate(context, std::max(bytes, old + old / 2)));
  buffer = std::make_shared<DeviceBufferResource>(std::move(grown));
  return {};
}

Status AllocatorResource::Ask(const char* tensor, std::size_t bytes, std::uint64_t alignment) {
  const napi_env env = state.env();
  ASSIGN_OR_RETURN(napi_value function, allocate->Get(env));
  std::array<napi_value, 2> arguments{};
  ASSIGN_OR_RETURN(arguments[0], MakeNumber(env, static_cast<double>(bytes)));
  ASSIGN_OR_RETURN(arguments[1], MakeNumber(env, static_cast<double>(alignment)));
  napi_value receiver = nullptr;
  NAPI_TRY(napi_get_undefined(env, &receiver));
  napi_value given = nullptr;
  // What it throws stays pending and is what enqueue() throws.
  NAPI_TRY(napi_call_function(env, receiver, function, arguments.size(), arguments.data(), &given));
  if (IsNullish(env, given)) {
    return Status(ErrorCode::kOutputAllocator, std::string("The output allocator of '") + tensor +
                                                   "' gave no memory: " + std::to_string(bytes) +
                                                   " bytes were asked for.");
  }
  ASSIGN_OR_RETURN(Object * object, UnwrapObject(env, given, Kind::kDeviceBuffer,
                                                 "What an output allocator returns"));
  const auto& resource = static_cast<DeviceBufferObject*>(object)->resource();
  if (resource->context != context || resource->buffer->bytes() < bytes ||
      (alignment > 1 && resource->buffer->address() % alignment != 0)) {
    return Status(ErrorCode::kOutputAllocator,
                  std::string("The output allocator of '") + tensor + "' gave a buffer of " +
                      std::to_string(resource->buffer->bytes()) + " bytes; " +
                      std::to_string(bytes) + " bytes on device " +
                      std::to_string(context->device()) + ", aligned to " +
                      std::to_string(alignment) + ", were asked for.");
  }
  ASSIGN_OR_RETURN(buffer_object, JsReference::Hold(state, given));
  buffer = resource;
  return {};
}

OutputAllocatorObject::OutputAllocatorObject(std::shared_ptr<AllocatorResource> resource) noexcept
    : HandleObject(kKind, std::move(resource)) {}

std::span<const napi_property_descriptor> OutputAllocatorObject::Definition() {
  using Self = OutputAllocatorObject;
  static const std::array kProperties = {
      Getter<&Self::Shape>("shape"),
      Getter<&Self::Buffer>("buffer"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> OutputAllocatorObject::Shape(Call& call) {
  if (!resource_->shape.has_value()) return nullptr;
  return MakeDims(call.env, *resource_->shape);
}

Result<napi_value> OutputAllocatorObject::Buffer(Call& call) {
  if (resource_->buffer == nullptr) return nullptr;
  if (resource_->buffer_object != nullptr) return resource_->buffer_object->Get(call.env);
  ASSIGN_OR_RETURN(napi_value object,
                   NewObject(call.state, std::make_unique<DeviceBufferObject>(resource_->buffer)));
  ASSIGN_OR_RETURN(resource_->buffer_object, JsReference::Hold(call.state, object));
  return object;
}

}  // namespace trtnode::napi
