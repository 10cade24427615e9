// Lane: one execution context with its stream, staging and graph. Launch, Wait and the copies are the measured loop: raw driver
// calls and enqueueV3, nothing between.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "cuda/buffer.h"
#include "cuda/event.h"
#include "cuda/stream.h"
#include "tensorrt/execution_context.h"
#include "world.h"

namespace trtnode::benchmark {

// How the host learns that an iteration is done.
enum class WaitKind : std::uint8_t {
  kSync,           // cuStreamSynchronize
  kQuery,          // spins on cuStreamQuery
  kEvent,          // cuEventRecord after the launch, spins on cuEventQuery
  kEventExternal,  // the same, recorded by the graph's last node
  kFlagMemop,      // cuStreamWriteValue32 into a pinned word, spins on the word
  kFlagMemset,     // cuMemsetD32Async into a mapped pinned word
  kFlagMemcpy,     // a copy of four bytes from the device into a pinned word
  kHostFunction,   // cuLaunchHostFunc sets the word
  kBlocking,       // cuEventSynchronize on an event that sleeps
};
inline constexpr WaitKind kAllWaits[] = {
    WaitKind::kSync,          WaitKind::kQuery,        WaitKind::kEvent,
    WaitKind::kEventExternal, WaitKind::kFlagMemop,    WaitKind::kFlagMemset,
    WaitKind::kFlagMemcpy,    WaitKind::kHostFunction, WaitKind::kBlocking};

std::string_view NameOf(WaitKind wait) noexcept;
std::optional<WaitKind> WaitFromName(std::string_view name) noexcept;

class Lane {
 public:
  // Sets shapes and addresses, runs once and, with `graph`, captures. An Error says what could not be done.
  static Result<std::unique_ptr<Lane>> Create(const World& world,
                                              const std::shared_ptr<tensorrt::Engine>& engine,
                                              const Arguments& arguments, WaitKind wait);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Each false after a failure, told by failure().
  bool Launch() {
    flag_->store(0, std::memory_order_relaxed);
    return exec_ != nullptr ? LaunchGraph() : LaunchCalls();
  }
  bool Wait();

  void CopyIn() const noexcept {
    for (const Port& port : inputs_) std::memcpy(port.pinned, port.host, port.bytes);
  }
  void CopyOut() const noexcept {
    for (const Port& port : outputs_) std::memcpy(port.host, port.pinned, port.bytes);
  }
  // The whole of one iteration.
  bool Once(bool copy) {
    if (copy) CopyIn();
    if (!Launch() || !Wait()) return false;
    if (copy) CopyOut();
    return true;
  }

  // How many of `times` iterations had the right outputs when the wait was over: a wait may end too early.
  int CountRight(int times);
  const std::string& failure() const noexcept { return failure_; }
  // {"y":{"bytes":1024,"first":[…]}} of what lies in the host arrays.
  std::string OutputsJson() const;

 private:
  struct Port {
    std::byte* host = nullptr;
    std::byte* pinned = nullptr;
    cuda::abi::CUdeviceptr device = 0;
    std::size_t bytes = 0;
  };
  explicit Lane(World world) : world_(std::move(world)), f_(world_.context->f()) {}
  Status Setup(const std::shared_ptr<tensorrt::Engine>& engine, const Arguments& arguments,
               WaitKind wait);
  Status SetShapes(const Arguments& arguments);
  Status AddPort(int tensor);
  Status Capture();
  Status Issue();  // H2D, enqueueV3, D2H and what the wait puts behind them
  Status IssueSignal();
  bool LaunchGraph();
  bool LaunchCalls();
  bool RecordAfter();
  bool SpinOnFlag();
  bool Fail(cuda::abi::CUresult result, const char* call);

  const World world_;
  const cuda::abi::Functions& f_;
  WaitKind wait_ = WaitKind::kSync;
  std::shared_ptr<tensorrt::ExecutionContext> context_;
  std::shared_ptr<cuda::Stream> stream_;
  std::shared_ptr<cuda::Event> event_;
  std::shared_ptr<cuda::PinnedBuffer> flag_memory_;
  std::shared_ptr<cuda::DeviceBuffer> one_;  // the constant that flag-memcpy copies
  std::atomic<std::uint32_t>* flag_ = nullptr;
  cuda::abi::CUgraphExec exec_ = nullptr;
  cuda::abi::CUstream raw_stream_ = nullptr;
  std::vector<Port> inputs_, outputs_;
  std::vector<int> output_tensors_;
  std::vector<std::vector<std::byte>> hosts_;
  std::vector<std::shared_ptr<cuda::PinnedBuffer>> pinned_;
  std::vector<std::shared_ptr<cuda::DeviceBuffer>> devices_;
  std::string failure_;
};

}  // namespace trtnode::benchmark
