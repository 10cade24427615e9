// Opening the driver, TensorRT (or the reference runtime) and files.
#include "world.h"

#include <dlfcn.h>

#include <bit>
#include <cstring>
#include <fstream>

namespace trtnode::benchmark {
namespace {

std::uint16_t HalfOf(float value) {  // normal numbers and zero; what InputData needs
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint32_t>((bits >> 16) & 0x8000U);
  const int exponent = static_cast<int>((bits >> 23) & 0xffU) - 127 + 15;
  if (exponent <= 0) return static_cast<std::uint16_t>(sign);
  const std::uint32_t rounded = ((bits & 0x7fffffU) + 0x1000U) >> 13;
  return static_cast<std::uint16_t>(sign |
                                    ((static_cast<std::uint32_t>(exponent) << 10) + rounded));
}

template <typename T>
void Put(std::vector<std::byte>* bytes, std::int64_t index, T value) {
  std::memcpy(bytes->data() + static_cast<std::size_t>(index) * sizeof value, &value, sizeof value);
}

// What the reference runtime computes with.
Status SetOnnxRuntime(const Arguments& arguments) {
  void* handle = dlopen(arguments.library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return Status(ErrorCode::kReferenceUnavailable, dlerror());
  const auto set = reinterpret_cast<const char* (*)(const char*)>(
      dlsym(handle, "trtNodeReferenceSetOnnxRuntime"));
  if (set == nullptr) return Status(ErrorCode::kReferenceUnavailable, "not the reference runtime");
  if (const char* reason = set(arguments.onnxruntime.c_str()))
    return Status(ErrorCode::kReferenceUnavailable, reason);
  return Status();
}

}  // namespace

Result<World> OpenWorld(const Arguments& arguments) {
  World world;
  if (arguments.reference) RETURN_IF_ERROR(SetOnnxRuntime(arguments));
  tensorrt::LibraryOptions options;
  options.path = arguments.library;
  options.self_contained = arguments.reference;
  ASSIGN_OR_RETURN(world.library, tensorrt::Library::Open(options));
  ASSIGN_OR_RETURN(world.driver, cuda::Driver::Open(arguments.reference ? arguments.library
                                                                        : cuda::kDriverLibrary));
  ASSIGN_OR_RETURN(world.context, world.driver->Retain(0));
  cuda::EnterThread(*world.context);
  ASSIGN_OR_RETURN(world.runtime, tensorrt::Runtime::Create(world.library, {}));
  return world;
}

Result<std::vector<std::byte>> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::streamoff>(file.tellg());
  if (!file || size < 0) return Status(ErrorCode::kFile, "cannot open " + path);
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size))
    return Status(ErrorCode::kFile, "cannot read " + path);
  return bytes;
}

std::vector<std::byte> InputData(const tensorrt::TensorInfo& tensor, std::int64_t elements) {
  const auto size = ByteSize(tensor.dtype, elements).value_or(0);
  std::vector<std::byte> bytes(size);
  const bool ones = tensor.name.find("mask") != std::string::npos;
  const bool zeros = tensor.name.find("type") != std::string::npos ||
                     tensor.name.find("segment") != std::string::npos;
  for (std::int64_t i = 0; i < elements; ++i) {
    const std::int64_t n = ones ? 1 : zeros ? 0 : (i * 7919) % 1000;
    const float real = static_cast<float>(static_cast<double>((i * 7919) % 1000) / 1000 - 0.5);
    switch (tensor.dtype) {
      case DataType::kFloat:
        Put(&bytes, i, ones ? 1.0F : real);
        break;
      case DataType::kHalf:
        Put(&bytes, i, HalfOf(ones ? 1.0F : real));
        break;
      case DataType::kInt32:
        Put(&bytes, i, static_cast<std::int32_t>(n));
        break;
      case DataType::kInt64:
        Put(&bytes, i, n);
        break;
      case DataType::kBool:
      case DataType::kUint8:
      case DataType::kInt8:
        Put(&bytes, i, static_cast<std::uint8_t>(n & 1));
        break;
      default:
        return bytes;  // zeros
    }
  }
  return bytes;
}

}  // namespace trtnode::benchmark
