// Fault injection: the library can be told to fail, so that tests can prove what its users do then.
//
// TRT_NODE_REFERENCE_FAULTS (read once, at the first use) and trtNodeReferenceSetFaults(spec) take comma-separated items
//   name[=value][@n]      without @n: every time; with it: only the n-th time, counted from when the spec was set
// | item | what fails |
// |---|---|
// | alloc          | a device allocation: CUDA_ERROR_OUT_OF_MEMORY |
// | pinned         | a pinned host allocation: CUDA_ERROR_OUT_OF_MEMORY |
// | stream, event  | creating a stream, an event: CUDA_ERROR_OUT_OF_MEMORY |
// | copy[=code]    | a copy or memset call: that code, at once, not sticky (default 1) |
// | enqueue        | IExecutionContext::enqueueV3 and executeV2: false, with a logged error |
// | launch[=code]  | an engine's run on the stream, seen at the next synchronization: sticky (default 719, launch failed) |
// | delay=ms       | nothing fails: an engine's run takes so many milliseconds longer |
// | deserialize, context, refit, build, parse | that TensorRT call: null or false, with a logged error |
// | graph          | cuStreamBeginCapture: CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED |
// | capture        | enqueueV3 on a capturing stream: false, and the capture is invalidated |
// | instantiate    | cuGraphInstantiateWithFlags: CUDA_ERROR_NOT_SUPPORTED |
// | memop          | cuStreamWriteValue32 and cuStreamWaitValue32, capturing or not: CUDA_ERROR_NOT_SUPPORTED |
// | sticky=code    | every device from now on answers this code to every call (@n: from the n-th engine run on) |
// | lost           | as sticky=999: what a GPU that fell off the bus answers (@n likewise) |
// | nodevice       | cuInit: CUDA_ERROR_NO_DEVICE |
// | init=code      | cuInit: that code |
// Setting a spec, null and empty included, forgets the one before and heals every sticky error.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace trtnode::reference {

class Faults {
 public:
  // The process's faults; never destroyed, as streams may still run at exit.
  static Faults& Get();

  // Empty: accepted; otherwise what is wrong with the spec, and the old one stays in force.
  std::string Set(const char* spec);

  // Counts one occasion. The item's value (0 if it has none) when this occasion must fail.
  std::optional<int> Hit(const char* name);

  // Whether a fault of this name is in force at all; counts nothing.
  std::optional<int> Standing(const char* name) const;

 private:
  struct Item {
    int value = 0;
    uint64_t nth = 0;  // 0: every occasion
    uint64_t seen = 0;
  };

  Faults();
  static std::string Parse(const std::string& spec, std::map<std::string, Item>& items);

  mutable std::mutex mutex_;
  std::map<std::string, Item> items_;
};

}  // namespace trtnode::reference
