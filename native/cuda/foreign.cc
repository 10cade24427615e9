// Asking the driver what an address is.
#include "cuda/foreign.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string>

namespace trtnode::cuda {
namespace {

std::string Hex(abi::CUdeviceptr address) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", address);
  return text;
}

Status CheckByte(const PrimaryContext& context, abi::CUdeviceptr address) {
  const abi::Functions& f = context.f();
  unsigned type = 0;
  const abi::CUresult known = f.cuPointerGetAttribute(&type, abi::kPointerMemoryType, address);
  if (known != abi::kSuccess && known != abi::kInvalidValue) {
    return context.driver().Check(known, "cuPointerGetAttribute");
  }
  if (known == abi::kInvalidValue || type != abi::kMemoryTypeDevice) {
    return Status(
        ErrorCode::kInvalidArgument,
        Hex(address) + (known == abi::kInvalidValue ? " is no address that CUDA knows."
                                                    : " is host memory, not memory of a device."),
        "Give the address of device memory that is still allocated, with its size.");
  }
  int ordinal = -1;
  RETURN_IF_ERROR(
      context.driver().Check(f.cuPointerGetAttribute(&ordinal, abi::kPointerDeviceOrdinal, address),
                             "cuPointerGetAttribute"));
  if (ordinal == context.device()) return {};
  return Status(ErrorCode::kInvalidArgument,
                Hex(address) + " is memory of device " + std::to_string(ordinal) +
                    ", not of device " + std::to_string(context.device()) + ".",
                "Give `device: " + std::to_string(ordinal) + "`.");
}

}  // namespace

Status CheckDeviceMemory(const PrimaryContext& context, abi::CUdeviceptr address,
                         std::size_t bytes) {
  const ContextGuard guard(context);
  RETURN_IF_ERROR(guard.status());
  if (context.f().cuPointerGetAttribute == nullptr) {
    return Status(ErrorCode::kUnsupported, "This driver cannot tell what an address is.",
                  "Update the driver.");
  }
  const abi::CUdeviceptr last = address + std::max<std::size_t>(bytes, 1) - 1;
  if (last < address) {
    return Status(ErrorCode::kInvalidArgument,
                  std::to_string(bytes) + " bytes from " + Hex(address) + " go beyond all memory.",
                  "Give the size in bytes.");
  }
  RETURN_IF_ERROR(CheckByte(context, address));
  return last == address ? Status() : CheckByte(context, last);
}

}  // namespace trtnode::cuda
