// The plain structs, aliases and opaque names of TensorRT 10's interface, laid out as the facts say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "reference/abi/enums.h"

// CUDA's opaque handles; the runtime API's cudaStream_t is the driver API's CUstream.
struct CUstream_st;
struct CUevent_st;

namespace trtnode::reference {

using cudaStream_t = CUstream_st*;
using cudaEvent_t = CUevent_st*;

using AsciiChar = char;
using ErrorDesc = char const*;
using RefCount = int32_t;
using BuilderFlags = uint32_t;
using TensorFormats = uint32_t;
using TacticSources = uint32_t;
using QuantizationFlags = uint32_t;
using SerializationFlags = uint32_t;
using TempfileControlFlags = uint32_t;
using AllocatorFlags = uint32_t;
using NetworkDefinitionCreationFlags = uint32_t;
using OnnxParserFlags = uint32_t;
using PluginLibraryHandle = void*;
// Crosses the border as a C++ object in TensorRT as well, so both sides need libstdc++'s vector.
using SubGraphCollection_t = std::vector<std::pair<std::vector<size_t>, bool>>;

inline constexpr int32_t kMaxDims = 8;

// 72 bytes, d at 8: returned through a hidden pointer, passed by const reference on 10.x.
struct Dims64 {
  int32_t nbDims;
  int64_t d[kMaxDims];
};

struct Weights {
  DataType type;
  void const* values;
  int64_t count;
};

// 16 bytes: returned in registers.
struct InterfaceInfo {
  char const* kind;
  int32_t major;
  int32_t minor;
};

struct TimingCacheKey {
  uint8_t data[16];
};

struct TimingCacheValue {
  uint64_t tacticHash;
  float timingMSec;
};

static_assert(sizeof(Dims64) == 72 && offsetof(Dims64, d) == 8);
static_assert(sizeof(Weights) == 24 && offsetof(Weights, values) == 8);
static_assert(sizeof(InterfaceInfo) == 16 && offsetof(InterfaceInfo, major) == 8);
static_assert(sizeof(TimingCacheKey) == 16 && sizeof(TimingCacheValue) == 16);

}  // namespace trtnode::reference
