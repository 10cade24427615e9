// Device memory and events that this process shares with others, and memory of other libraries: the members of NativePlatform,
// NativeDeviceBuffer and NativeEvent for it.
#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "cuda/foreign.h"
#include "cuda/ipc.h"
#include "napi/objects.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {
namespace {

Result<std::shared_ptr<cuda::PrimaryContext>> ContextOf(const Call& call, Platform& platform) {
  ASSIGN_OR_RETURN(const int device, ReadInt(call.env, call.arguments[0], "device", 0, 1 << 20));
  return platform.Context(device);
}

Result<cuda::IpcHandle> ReadHandle(const Call& call, napi_value value) {
  ASSIGN_OR_RETURN(const std::span<std::byte> bytes, ReadView(call.env, value, "handle"));
  cuda::IpcHandle handle{};
  if (bytes.size() != handle.size()) return WrongType("handle", "64 bytes");
  std::copy(bytes.begin(), bytes.end(), handle.begin());
  return handle;
}

Result<napi_value> NewBuffer(const Call& call, std::shared_ptr<cuda::DeviceBuffer> buffer) {
  auto resource = std::make_shared<DeviceBufferResource>(std::move(buffer));
  return NewObject(call.state, std::make_unique<DeviceBufferObject>(std::move(resource)));
}

// Calls a function of JavaScript's once nobody uses the memory any more.
class ForeignOwner {
 public:
  explicit ForeignOwner(std::shared_ptr<JsReference> release) : release_(std::move(release)) {}
  ~ForeignOwner() {  // any thread
    try {
      (void)CallLater(std::move(release_));
    } catch (...) {  // no memory to tell it: the owner is let go without a call
    }
  }
  ForeignOwner(const ForeignOwner&) = delete;
  ForeignOwner& operator=(const ForeignOwner&) = delete;

 private:
  std::shared_ptr<JsReference> release_;
};

}  // namespace

Result<napi_value> PlatformObject::OpenIpcMemory(Call& call) {
  ASSIGN_OR_RETURN(auto context, ContextOf(call, *platform_));
  ASSIGN_OR_RETURN(const cuda::IpcHandle handle, ReadHandle(call, call.arguments[1]));
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[2], "offset"));
  std::optional<std::size_t> bytes;
  if (!IsNullish(call.env, call.arguments[3])) {
    ASSIGN_OR_RETURN(bytes, ReadSize(call.env, call.arguments[3], "bytes"));
  }
  ASSIGN_OR_RETURN(auto buffer, cuda::ImportMemory(std::move(context), handle, offset, bytes));
  return NewBuffer(call, std::move(buffer));
}

Result<napi_value> PlatformObject::OpenIpcEvent(Call& call) {
  ASSIGN_OR_RETURN(auto context, ContextOf(call, *platform_));
  ASSIGN_OR_RETURN(const cuda::IpcHandle handle, ReadHandle(call, call.arguments[1]));
  ASSIGN_OR_RETURN(auto event, cuda::ImportEvent(std::move(context), handle));
  auto resource = std::make_shared<EventResource>(std::move(event));
  return NewObject(call.state, std::make_unique<EventObject>(std::move(resource)));
}

Result<napi_value> PlatformObject::WrapAddress(Call& call) {
  ASSIGN_OR_RETURN(auto context, ContextOf(call, *platform_));
  std::uint64_t address = 0;
  bool exact = false;
  if (napi_get_value_bigint_uint64(call.env, call.arguments[1], &address, &exact) != napi_ok ||
      !exact || address == 0) {
    return WrongType("address", "a device address as a bigint");
  }
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[2], "bytes"));
  ASSIGN_OR_RETURN(auto release,
                   JsReference::HoldFunction(call.state, call.arguments[3], "release"));
  if (release == nullptr) return WrongType("release", "a function");
  RETURN_IF_ERROR(cuda::CheckDeviceMemory(*context, address, bytes));
  auto owner = std::make_shared<ForeignOwner>(std::move(release));
  return NewBuffer(call, std::make_shared<cuda::DeviceBuffer>(std::move(context), address, bytes,
                                                              std::move(owner)));
}

Result<napi_value> DeviceBufferObject::View(Call& call) {
  ASSIGN_OR_RETURN(const std::size_t offset, ReadSize(call.env, call.arguments[0], "byteOffset"));
  ASSIGN_OR_RETURN(const std::size_t bytes, ReadSize(call.env, call.arguments[1], "bytes"));
  RETURN_IF_ERROR(CheckRange("byteOffset", offset, bytes, buffer().bytes()));
  return NewBuffer(call, std::make_shared<cuda::DeviceBuffer>(
                             resource_->context, buffer().address() + offset, bytes, resource_));
}

Result<napi_value> DeviceBufferObject::ExportIpc(Call& call) {
  ASSIGN_OR_RETURN(const cuda::ExportedMemory exported, cuda::ExportMemory(buffer()));
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  RETURN_IF_ERROR(object.Set("handle", MakeArrayBuffer(call.env, exported.handle)));
  RETURN_IF_ERROR(object.Set("offset", static_cast<double>(exported.offset)));
  return object.value();
}

Result<napi_value> EventObject::ExportIpc(Call& call) {
  ASSIGN_OR_RETURN(const cuda::IpcHandle handle, cuda::ExportEvent(*resource_->event));
  return MakeArrayBuffer(call.env, handle);
}

}  // namespace trtnode::napi
