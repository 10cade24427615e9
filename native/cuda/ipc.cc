// Exporting and opening CUDA IPC handles.
#include "cuda/ipc.h"

#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

namespace trtnode::cuda {
namespace {

Status Unsupported(const std::string& what) {
  return Status(
      ErrorCode::kUnsupported, what,
      "CUDA IPC needs Linux and a discrete GPU, and memory of cuMemAlloc (cudaMalloc): not of a "
      "memory pool, not mapped by cuMemMap, not opened from a handle itself. Copy it into a "
      "DeviceBuffer, and export that.");
}

Status ExportError(const PrimaryContext& context, abi::CUresult result, const char* call,
                   const char* what) {
  if (result == abi::kSuccess) return {};
  if (result == abi::kNotSupported || result == abi::kInvalidValue) {
    Status status = Unsupported(std::string(what) + " cannot be shared with other processes.");
    status.error().call = call;
    status.error().cuda_error = result;
    status.error().cuda_error_name = context.driver().Check(result, call).error().cuda_error_name;
    return status;
  }
  return context.driver().Check(result, call);
}

Status OpenError(const PrimaryContext& context, abi::CUresult result, const char* call) {
  if (result == abi::kSuccess) return {};
  if (result == abi::kNotSupported) return Unsupported("This device has no CUDA IPC.");
  Status status = context.driver().Check(result, call);
  Error& error = status.error();
  if (result == abi::kInvalidContext) {
    error.code = ErrorCode::kInvalidArgument;
    error.message =
        "The IPC handle was exported by this very process, and can be opened by others only.";
    error.hint = "Within a process use the buffer itself, or DeviceBuffer.fromAddress().";
  } else if (result == abi::kInvalidValue || result == abi::kInvalidHandle ||
             result == abi::kMapFailed) {
    error.code = ErrorCode::kInvalidArgument;
    error.message =
        "The IPC handle stands for nothing that can be opened (" + error.cuda_error_name + ").";
    error.hint =
        "Pass on all 64 bytes unchanged, keep the exporting process and its memory alive until it "
        "is opened, and run both as the same user, in the same container or with a shared IPC "
        "namespace.";
  }
  return status;
}

// The mappings of this process. CUDA counts openings itself in newer drivers, and refuses the second in older ones: so each is opened
// once, and counted here.
using MappingKey = std::tuple<const Driver*, int, IpcHandle>;
struct Mapping {
  abi::CUdeviceptr address = 0;
  std::size_t users = 0;
};

struct Mappings {
  std::mutex mutex;
  std::map<MappingKey, Mapping> open;
};

Mappings& GetMappings() {
  static Mappings& mappings = *std::make_unique<Mappings>().release();  // outlives every thread
  return mappings;
}

// One use of a mapping.
class MappingUse {
 public:
  static Result<std::shared_ptr<MappingUse>> Open(std::shared_ptr<PrimaryContext> context,
                                                  const IpcHandle& handle) {
    MappingKey key(&context->driver(), context->device(), handle);
    Mappings& mappings = GetMappings();
    const std::lock_guard lock(mappings.mutex);
    Mapping& mapping = mappings.open[key];
    if (mapping.users == 0) {
      abi::CUipcMemHandle raw{};
      std::memcpy(raw.reserved, handle.data(), handle.size());
      Status status = OpenError(
          *context,
          context->f().cuIpcOpenMemHandle_v2(&mapping.address, raw, abi::kIpcLazyEnablePeerAccess),
          "cuIpcOpenMemHandle_v2");
      if (!status.ok()) {
        mappings.open.erase(key);
        return status;
      }
    }
    ++mapping.users;
    return std::make_shared<MappingUse>(std::move(context), std::move(key), mapping.address);
  }

  MappingUse(std::shared_ptr<PrimaryContext> context, MappingKey key,
             abi::CUdeviceptr address) noexcept
      : context_(std::move(context)), key_(std::move(key)), address_(address) {}
  ~MappingUse() {
    Mappings& mappings = GetMappings();
    const ContextGuard guard(*context_);
    const std::lock_guard lock(mappings.mutex);
    const auto found = mappings.open.find(key_);
    if (found == mappings.open.end() || --found->second.users > 0) return;
    context_->f().cuIpcCloseMemHandle(address_);
    mappings.open.erase(found);
  }
  MappingUse(const MappingUse&) = delete;
  MappingUse& operator=(const MappingUse&) = delete;

  abi::CUdeviceptr address() const noexcept { return address_; }

 private:
  const std::shared_ptr<PrimaryContext> context_;
  const MappingKey key_;
  const abi::CUdeviceptr address_;
};

}  // namespace

Result<ExportedMemory> ExportMemory(const DeviceBuffer& buffer) {
  const PrimaryContext& context = *buffer.context();
  const ContextGuard guard(context);
  RETURN_IF_ERROR(guard.status());
  const abi::Functions& f = context.f();
  if (f.cuIpcGetMemHandle == nullptr || f.cuMemGetAddressRange_v2 == nullptr) {
    return Unsupported("This driver has no CUDA IPC.");
  }
  abi::CUdeviceptr base = 0;
  RETURN_IF_ERROR(context.driver().Check(
      f.cuMemGetAddressRange_v2(&base, nullptr, buffer.address()), "cuMemGetAddressRange_v2"));
  abi::CUipcMemHandle raw{};
  RETURN_IF_ERROR(ExportError(context, f.cuIpcGetMemHandle(&raw, base), "cuIpcGetMemHandle",
                              "This device memory"));
  ExportedMemory exported;
  std::memcpy(exported.handle.data(), raw.reserved, exported.handle.size());
  exported.offset = buffer.address() - base;
  return exported;
}

Result<std::shared_ptr<DeviceBuffer>> ImportMemory(std::shared_ptr<PrimaryContext> context,
                                                   const IpcHandle& handle, std::size_t offset,
                                                   std::optional<std::size_t> bytes) {
  const ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  const abi::Functions& f = context->f();
  if (f.cuIpcOpenMemHandle_v2 == nullptr || f.cuIpcCloseMemHandle == nullptr ||
      f.cuMemGetAddressRange_v2 == nullptr) {
    return Unsupported("This driver has no CUDA IPC.");
  }
  ASSIGN_OR_RETURN(auto use, MappingUse::Open(context, handle));
  std::size_t size = 0;
  RETURN_IF_ERROR(context->driver().Check(f.cuMemGetAddressRange_v2(nullptr, &size, use->address()),
                                          "cuMemGetAddressRange_v2"));
  const std::size_t wanted = bytes.value_or(offset <= size ? size - offset : 0);
  if (offset > size || wanted > size - offset) {
    return Status(ErrorCode::kInvalidArgument,
                  std::to_string(wanted) + " bytes from byte " + std::to_string(offset) +
                      " do not lie within the shared allocation of " + std::to_string(size) +
                      " bytes.",
                  "Give the offset and the size that the exporting process tells.");
  }
  const abi::CUdeviceptr address = use->address() + offset;
  return std::make_shared<DeviceBuffer>(std::move(context), address, wanted, std::move(use));
}

Result<IpcHandle> ExportEvent(const Event& event) {
  const PrimaryContext& context = *event.context();
  const ContextGuard guard(context);
  RETURN_IF_ERROR(guard.status());
  if (context.f().cuIpcGetEventHandle == nullptr) {
    return Unsupported("This driver has no CUDA IPC.");
  }
  abi::CUipcEventHandle raw{};
  RETURN_IF_ERROR(ExportError(context, context.f().cuIpcGetEventHandle(&raw, event.handle()),
                              "cuIpcGetEventHandle", "This event"));
  IpcHandle handle{};
  std::memcpy(handle.data(), raw.reserved, handle.size());
  return handle;
}

Result<std::shared_ptr<Event>> ImportEvent(std::shared_ptr<PrimaryContext> context,
                                           const IpcHandle& handle) {
  const ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  if (context->f().cuIpcOpenEventHandle == nullptr) {
    return Unsupported("This driver has no CUDA IPC.");
  }
  abi::CUipcEventHandle raw{};
  std::memcpy(raw.reserved, handle.data(), handle.size());
  abi::CUevent event = nullptr;
  RETURN_IF_ERROR(
      OpenError(*context, context->f().cuIpcOpenEventHandle(&event, raw), "cuIpcOpenEventHandle"));
  return std::make_shared<Event>(std::move(context), event);
}

}  // namespace trtnode::cuda
