// What a run is given: inputs and where its outputs go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cuda/buffer.h"

namespace trtnode::executor {

// Exactly one of the three; none for an input in host memory (a shape tensor), whose values Prepare was given.
struct Input {
  enum class Kind : std::uint8_t { kNone, kHost, kPinned, kDevice };
  Kind kind = Kind::kNone;
  std::span<const std::byte> host;             // read before Submit returns, never after
  std::shared_ptr<cuda::PinnedBuffer> pinned;  // kept until the run has completed
  std::shared_ptr<cuda::DeviceBuffer> device;  // likewise
};

struct OutputTarget {
  enum class Kind : std::uint8_t {
    kHost,       // to the slot's staging, for ReadOutput
    kNewDevice,  // to a buffer that TakeDeviceOutput hands over
    kPinned,     // to the caller's pinned buffer
    kDevice,     // to the caller's device buffer
  };
  Kind kind = Kind::kHost;
  std::shared_ptr<cuda::PinnedBuffer> pinned;
  std::shared_ptr<cuda::DeviceBuffer> device;
};

// The elements of a shape tensor.
struct ShapeValues {
  bool given = false;
  std::vector<std::int64_t> values;
};

}  // namespace trtnode::executor
