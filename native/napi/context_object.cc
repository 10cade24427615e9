// NativeExecutionContext: shapes, addresses, enqueueing.
#include "napi/context_object.h"

#include <array>
#include <limits>
#include <string>
#include <utility>

#include "napi/allocator_resource.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> ContextObject::Definition() {
  using Self = ContextObject;
  static const std::array kProperties = {
      Method<&Self::SetOptimizationProfile>("setOptimizationProfile"),
      Getter<&Self::OptimizationProfile>("optimizationProfile"),
      Method<&Self::SetInputShape>("setInputShape"),
      Method<&Self::TensorShape>("tensorShape"),
      Method<&Self::TensorStrides>("tensorStrides"),
      Method<&Self::InferShapes>("inferShapes"),
      Getter<&Self::AllInputDimensionsSpecified>("allInputDimensionsSpecified"),
      Method<&Self::SetTensorAddress>("setTensorAddress"),
      Method<&Self::TensorAddress>("tensorAddress"),
      Method<&Self::SetOutputAllocator>("setOutputAllocator"),
      Method<&Self::MaxOutputSize>("maxOutputSize"),
      Method<&Self::SetTemporaryStorageAllocator>("setTemporaryStorageAllocator"),
      Method<&Self::SetDebugListener>("setDebugListener"),
      Method<&Self::SetTensorDebugState>("setTensorDebugState"),
      Method<&Self::SetAllTensorsDebugState>("setAllTensorsDebugState"),
      Method<&Self::DebugState>("debugState"),
      Method<&Self::SetDeviceMemory>("setDeviceMemory"),
      Method<&Self::UpdateDeviceMemorySizeForShapes>("updateDeviceMemorySizeForShapes"),
      Method<&Self::SetAuxStreams>("setAuxStreams"),
      Property<&Self::GetPersistentCacheLimit, &Self::SetPersistentCacheLimit>(
          "persistentCacheLimit"),
      Property<&Self::GetNvtxVerbosity, &Self::SetNvtxVerbosity>("nvtxVerbosity"),
      Method<&Self::SetInputConsumedEvent>("setInputConsumedEvent"),
      Method<&Self::SetProfiling>("setProfiling"),
      Method<&Self::SetEnqueueEmitsProfile>("setEnqueueEmitsProfile"),
      Method<&Self::ReportToProfiler>("reportToProfiler"),
      Method<&Self::TakeLayerTimes>("takeLayerTimes"),
      Method<&Self::Enqueue>("enqueue"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<int> ContextObject::ReadTensor(Call& call) const {
  const auto count = static_cast<int>(resource_->addresses.size());
  return ReadInt(call.env, call.arguments[0], "tensor", 0, count - 1);
}

void ContextObject::Replace(std::shared_ptr<Resource>& slot, std::shared_ptr<Resource> value) {
  if (slot != nullptr && resource_->last_stream != nullptr && slot != value) {
    resource_->last_stream->Keep(slot);
  }
  slot = std::move(value);
}

Result<napi_value> ContextObject::SetOptimizationProfile(Call& call) {
  ASSIGN_OR_RETURN(const int profile, ReadInt(call.env, call.arguments[0], "profile", 0,
                                              std::numeric_limits<int>::max()));
  ASSIGN_OR_RETURN(StreamObject * stream, Unwrap<StreamObject>(call, call.arguments[1], "stream"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(
      execution().SetOptimizationProfile(profile, stream->resource()->stream->handle()));
  stream->resource()->Keep(resource_);
  resource_->last_stream = stream->resource();
  return nullptr;
}

Result<napi_value> ContextObject::OptimizationProfile(Call& call) {
  return MakeNumber(call.env, execution().optimization_profile());
}

Result<napi_value> ContextObject::SetInputShape(Call& call) {
  ASSIGN_OR_RETURN(const int tensor, ReadTensor(call));
  ASSIGN_OR_RETURN(const Dims dims, ReadDims(call.env, call.arguments[1], "shape"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(execution().SetInputShape(tensor, dims));
  return nullptr;
}

Result<napi_value> ContextObject::TensorShape(Call& call) {
  ASSIGN_OR_RETURN(const int tensor, ReadTensor(call));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(const Dims dims, execution().TensorShape(tensor));
  return MakeDims(call.env, dims);
}

Result<napi_value> ContextObject::TensorStrides(Call& call) {
  ASSIGN_OR_RETURN(const int tensor, ReadTensor(call));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(const Dims strides, execution().TensorStrides(tensor));
  return MakeDims(call.env, strides);
}

Result<napi_value> ContextObject::InferShapes(Call& call) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(const std::vector<std::string> missing, execution().InferShapes());
  return MakeStrings(call.env, missing);
}

Result<napi_value> ContextObject::AllInputDimensionsSpecified(Call& call) {
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  return MakeBool(call.env, execution().AllInputDimensionsSpecified());
}

Result<napi_value> ContextObject::SetTensorAddress(Call& call) {
  ASSIGN_OR_RETURN(const int tensor, ReadTensor(call));
  const auto index = static_cast<std::size_t>(tensor);
  const tensorrt::TensorInfo& info = resource_->engine->engine->info().tensors[index];
  const bool on_host = info.location == tensorrt::TensorLocation::kHost;
  const napi_value given = call.arguments[1];
  if (IsNullish(call.env, given)) {
    RETURN_IF_ERROR(execution().SetTensorAddress(tensor, nullptr));
    Replace(resource_->addresses[index], nullptr);
    return nullptr;
  }
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[2], "byteOffset"));
  std::uint64_t address = 0;
  std::shared_ptr<Resource> keep;
  if (TypeOf(call.env, given) == napi_bigint) {
    bool lossless = false;
    NAPI_TRY(napi_get_value_bigint_uint64(call.env, given, &address, &lossless));
    if (!lossless) return WrongType("address", "an address of 64 bits");
  } else if (IsObjectOf(call.env, given, Kind::kPinnedBuffer)) {
    ASSIGN_OR_RETURN(PinnedBufferObject * pinned,
                     Unwrap<PinnedBufferObject>(call, given, "address"));
    RETURN_IF_ERROR(CheckRange("byteOffset", offset, 0, pinned->buffer().bytes()));
    address = on_host ? reinterpret_cast<std::uint64_t>(pinned->buffer().data())
                      : pinned->buffer().device_address();
    if (address == 0) {
      return Status(
          ErrorCode::kInvalidArgument,
          "The pinned buffer given for '" + info.name + "' is not mapped into the device.",
          "Create it with mapped: true, or use a device buffer.");
    }
    keep = pinned->resource();
  } else {
    ASSIGN_OR_RETURN(DeviceBufferObject * buffer,
                     Unwrap<DeviceBufferObject>(call, given, "address"));
    if (on_host) {
      return Status(ErrorCode::kInvalidArgument, "Tensor '" + info.name +
                                                     "' is in host memory: it needs a pinned "
                                                     "buffer, not a device buffer.");
    }
    RETURN_IF_ERROR(CheckRange("byteOffset", offset, 0, buffer->buffer().bytes()));
    address = buffer->buffer().address();
    keep = buffer->resource();
  }
  RETURN_IF_ERROR(execution().SetTensorAddress(tensor, reinterpret_cast<void*>(address + offset)));
  Replace(resource_->addresses[index], std::move(keep));
  return nullptr;
}

Result<napi_value> ContextObject::TensorAddress(Call& call) {
  ASSIGN_OR_RETURN(const int tensor, ReadTensor(call));
  return MakeBigint(call.env, reinterpret_cast<std::uint64_t>(execution().TensorAddress(tensor)));
}

Result<napi_value> ContextObject::SetOutputAllocator(Call& call) {
  ASSIGN_OR_RETURN(const int tensor, ReadTensor(call));
  std::shared_ptr<AllocatorResource> allocator;
  if (!IsNullish(call.env, call.arguments[1])) {
    ASSIGN_OR_RETURN(OutputAllocatorObject * object,
                     Unwrap<OutputAllocatorObject>(call, call.arguments[1], "allocator"));
    allocator = object->resource();
    if (allocator->context != resource_->context) {
      return Status(ErrorCode::kInvalidArgument,
                    "The output allocator belongs to another device than the execution context.");
    }
  }
  RETURN_IF_ERROR(execution().SetOutputAllocator(tensor, allocator));
  allocators_[static_cast<std::size_t>(tensor)] = std::move(allocator);
  return nullptr;
}

Result<napi_value> ContextObject::MaxOutputSize(Call& call) {
  ASSIGN_OR_RETURN(const int tensor, ReadTensor(call));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  return MakeNumber(call.env, static_cast<double>(execution().MaxOutputSize(tensor)));
}

Result<napi_value> ContextObject::Enqueue(Call& call) {
  ASSIGN_OR_RETURN(StreamObject * stream, Unwrap<StreamObject>(call, call.arguments[0], "stream"));
  const cuda::ContextGuard guard(*resource_->context);
  RETURN_IF_ERROR(guard.status());
  for (const auto& allocator : allocators_) {
    if (allocator != nullptr) allocator->Begin();
  }
  Status status = execution().Enqueue(stream->resource()->stream->handle());
  // Also after a failure: part of the work may be in the stream.
  stream->resource()->Keep(resource_);
  resource_->last_stream = stream->resource();
  if (status.ok()) return nullptr;
  if (debug_ != nullptr) {
    if (Status reason = debug_->TakeStatus(); !reason.ok()) {
      reason.error().log = std::move(status.error().log);
      return reason;
    }
  }
  for (const auto& allocator : allocators_) {
    if (allocator == nullptr) continue;
    Status reason = allocator->TakeStatus();
    if (reason.ok()) continue;
    reason.error().log = std::move(status.error().log);
    return reason;
  }
  return status;
}

}  // namespace trtnode::napi
