// Slot: a stream with staging memory and execution contexts (one for each profile in use); runs one inference at a time.
// Prepare, Bind, Stage and what follows a run are the owner's thread (JavaScript's); Launch is that of whoever launches.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/dims.h"
#include "core/status.h"
#include "cuda/event.h"
#include "cuda/stream.h"
#include "executor/activation_pool.h"
#include "executor/arena.h"
#include "executor/debug_capture.h"
#include "executor/device_pool.h"
#include "executor/graph_cache.h"
#include "executor/growing_output.h"
#include "executor/io_layout.h"
#include "executor/run_io.h"
#include "executor/signal.h"
#include "tensorrt/execution_context.h"

namespace trtnode::executor {

struct SlotOptions {
  int priority = 0;
  int profile = 0;  // whose context and memory are made at once
  GraphMode graphs = GraphMode::kAuto;
  // Of contexts; kUserManaged: activation memory is lent by a pool (from TensorRT 10 on).
  tensorrt::AllocationStrategy allocation = tensorrt::AllocationStrategy::kUserManaged;
  std::size_t max_graphs = 8;
  Completion completion = Completion::kAdaptive;
  bool timing = false;
};

// What all slots of an executor share.
struct SlotShared {
  std::shared_ptr<cuda::PrimaryContext> context;
  std::shared_ptr<tensorrt::Engine> engine;
  std::shared_ptr<const IoLayout> layout;
  std::shared_ptr<ActivationPool> activations;
  std::shared_ptr<DevicePool> outputs;
  SlotOptions options;
  bool zero_copy =
      false;  // the device reads host memory as fast as its own: mapped staging, no copies
};

struct SlotMemory {
  std::uint64_t host_bytes = 0, pinned_bytes = 0, device_bytes = 0;
  std::uint64_t context_bytes = 0;  // activation memory of contexts that have their own
};

// What became of CUDA graphs. Written by the launching thread, read by any.
class GraphStats {
 public:
  std::atomic<std::uint64_t> hits{0};       // runs that launched a graph
  std::atomic<std::uint64_t> captures{0};   // graphs that were captured
  std::atomic<std::uint64_t> fallbacks{0};  // runs without one, as it cannot be captured
  void SetReason(std::string text);
  std::string reason() const;  // of the last fallback

 private:
  mutable std::mutex mutex_;
  std::string reason_;
};

// On the device: milliseconds after the base event (see DeviceClock).
struct DeviceTimes {
  float h2d_start = 0, compute_start = 0, compute_end = 0, d2h_end = 0;
};

// Where the owner writes inputs and reads outputs by itself, in engine order. Offsets of tensors that are not there are unspecified.
struct Staging {
  std::shared_ptr<cuda::PinnedBuffer> inputs, outputs;
  std::vector<std::size_t> input_offsets, output_offsets;
};

class Slot {
 public:
  // Blocks: creates stream and execution context, and takes memory for the largest shapes of the profile where small.
  static Result<std::unique_ptr<Slot>> Create(std::shared_ptr<const SlotShared> shared);
  Slot(std::shared_ptr<const SlotShared> shared, std::shared_ptr<cuda::Stream> stream,
       std::unique_ptr<Signal> signal);
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Takes activation memory from the pool and gives it back, so that a lack of it shows at once and not in the first run.
  Status ReserveActivations();

  // True: something changed, and output_dims() with it. Makes no TensorRT call otherwise.
  // -1 in output_dims() where the data decide.
  Result<bool> Prepare(int profile, std::span<const Dims> shapes,
                       std::span<const ShapeValues> values);
  std::span<const Dims> output_dims() const noexcept { return output_dims_; }
  // After a completed run: without any -1.
  std::span<const Dims> actual_dims() const noexcept { return actual_dims_; }
  bool has_data_dependent_outputs() const noexcept { return data_dependent_; }

  // Says where inputs come from and outputs go to, for this run and the next ones; checks sizes. Host inputs are in staging, or get
  // there by Stage. Buffers are only remembered; Hold keeps them for a run.
  Status Bind(std::span<const Input> inputs, std::span<const OutputTarget> outputs);
  Status Stage(std::span<const Input> inputs);  // copies what is kHost
  Result<Staging> GetStaging();
  // Before each launch: keeps the buffers that were bound until Release. kClosed when one is gone.
  Status Hold();
  // Whether Launch will only launch a graph (and holds the activations for it already): cheap enough for any thread.
  bool HasGraph() const noexcept {
    return debug_.empty() && !dirty_ && entry_ != nullptr && entry_->captured();
  }
  bool ClaimGraph(GraphVariant variant) noexcept;
  // Copies in, enqueues, copies out, marks the end; does not wait, except for what a data-dependent output brings with it: then the
  // run is over when it returns. The context must be current.
  Status Launch(GraphVariant variant);
  bool waits_in_launch() const noexcept { return data_dependent_; }

  // After Launch.
  Result<bool> Done(bool ask_driver) const { return signal_->Done(ask_driver); }
  Status Wait(bool blocking) const { return signal_->Wait(blocking); }
  // After a failure: whatever is still in the stream is waited for and nothing that was cached is trusted any more.
  void Recover();
  // The run is over: drops its hold on buffers and activations.
  void Release() noexcept;

  // After a completed run.
  Status ReadOutput(int output, std::span<std::byte> into) const;
  Result<std::shared_ptr<cuda::DeviceBuffer>> TakeDeviceOutput(int output);
  Result<DeviceTimes> Times(const cuda::Event& base) const;
  // Whether the next runs are timed, until it is set again; at first those of executors with timing are. Timed runs have graphs of their own.
  void SetTimed(bool timed) noexcept;

  // Which tensors the next runs tell of, until it is set again. Such runs have no graph: the listener works within the enqueueing.
  void SetDebug(DebugRequest request) noexcept { debug_ = std::move(request); }
  // Those of the last run, in the order in which the engine passed them.
  std::vector<DebugTensor> TakeDebugTensors() noexcept { return std::exchange(debug_tensors_, {}); }

  SlotMemory memory() const noexcept;  // any thread
  const GraphStats& graph_stats() const noexcept { return graph_stats_; }
  const std::shared_ptr<cuda::PrimaryContext>& context() const noexcept { return shared_->context; }
  Signal& signal() noexcept { return *signal_; }

 private:
  // An execution context and what it was told; for one profile.
  struct Context {
    std::shared_ptr<tensorrt::ExecutionContext> execution;
    std::vector<Dims> dims;                    // of inputs, as last set
    std::vector<bool> dims_known;              // likewise
    std::vector<void*> addresses;              // by tensor; null: unknown
    std::vector<std::optional<bool>> growing;  // outputs: whether TensorRT has our allocator
    void* memory = nullptr;
    std::uint64_t enqueued = 0;  // the graph entry for which it was enqueued last
  };
  struct InputState {
    Dims dims;
    std::size_t bytes = 0;
    std::size_t offset = 0;            // in the arena
    std::vector<std::int64_t> values;  // shape tensors
    std::vector<std::byte> host;       // their elements as TensorRT reads them
    Input::Kind kind = Input::Kind::kNone;
    std::byte* pinned_at = nullptr;
    cuda::abi::CUdeviceptr device_at = 0;  // of the buffer, mapped ones included
    std::weak_ptr<const void> owner;
    std::shared_ptr<const void> held;
  };
  struct OutputState {
    std::size_t bytes = 0;
    std::size_t offset = 0;
    bool data_dependent = false;
    std::shared_ptr<GrowingOutput> growing;        // made when first needed
    std::shared_ptr<cuda::PinnedBuffer> staging;   // of a data-dependent output
    std::shared_ptr<cuda::DeviceBuffer> produced;  // kNewDevice; kept for the next run if not taken
    bool taken = false;
    OutputTarget::Kind kind = OutputTarget::Kind::kHost;
    std::weak_ptr<cuda::PinnedBuffer> pinned_owner;
    std::weak_ptr<cuda::DeviceBuffer> device_owner;
    std::shared_ptr<cuda::PinnedBuffer> pinned;
    std::shared_ptr<cuda::DeviceBuffer> device;
    std::byte* pinned_at = nullptr;
    cuda::abi::CUdeviceptr device_at = 0;
    std::size_t capacity = 0;  // of the caller's buffer
  };

  Result<Context*> ContextOf(int profile);
  tensorrt::AllocationStrategy OwnStrategy() const noexcept;
  std::uint64_t OwnBytes(int profile) const noexcept;
  Status Change(int profile, std::span<const Dims> shapes, std::span<const ShapeValues> values);
  Status SetShapeValues(std::size_t input, const std::vector<std::int64_t>& values);
  Status LayOut();
  void ReserveForLargest();
  Status CheckInput(std::size_t input, const Input& given) const;
  Status CheckTarget(std::size_t output, const OutputTarget& target) const;
  bool TakeInput(InputState& input, const Input& given);
  bool TakeTarget(OutputState& output, const OutputTarget& target);

  Status Configure();
  Status SetInputAddresses();
  Status SetOutputAddresses();
  Status SetAddress(int tensor, void* address);
  Status AcquireActivations();
  bool ReclaimActivations() noexcept;
  GraphKey MakeKey() const;
  std::optional<std::string> GraphObstacle() const;  // why these runs cannot have a graph
  Status LaunchPlain();
  Status LaunchWatched();
  Status LaunchGraph(GraphVariant variant);
  Status Enqueue();
  Status Capture(GraphVariant variant);
  Status CopyIn();
  Status CopyOut();
  Status RecordTime(int which, bool capturing);
  Status FinishDataDependent();
  Status FetchDataDependent(bool* copied);
  void Fallback(std::string reason);
  void Forget() noexcept;

  const std::shared_ptr<const SlotShared> shared_;
  const std::shared_ptr<cuda::Stream> stream_;
  const std::unique_ptr<Signal> signal_;
  std::array<std::shared_ptr<cuda::Event>, 4> times_;  // null without timing
  bool timed_ = true;                                  // means nothing without timing
  std::vector<std::unique_ptr<Context>> contexts_;     // by profile

  bool prepared_ = false;
  bool bound_ = false;
  int profile_ = -1;
  Context* current_ = nullptr;
  std::vector<InputState> inputs_;
  std::vector<OutputState> outputs_;
  std::vector<Dims> output_dims_;
  std::vector<Dims> actual_dims_;
  bool data_dependent_ = false;
  Arena input_arena_;
  Arena output_arena_;
  std::size_t input_bytes_ = 0, output_bytes_ = 0;        // what the prepared shapes need
  std::size_t largest_inputs_ = 0, largest_outputs_ = 0;  // what the first profile's largest need

  // What the next Launch does; dirty: Configure has to find out.
  bool dirty_ = true;
  GraphCache graphs_;
  GraphCache::Entry* entry_ = nullptr;  // null: no graph for this combination
  int refusals_ = 0;                    // captures that failed
  ActivationPool::Block* block_ = nullptr;
  void* block_memory_ = nullptr;
  bool holds_block_ = false;

  DebugRequest debug_;
  std::vector<DebugTensor> debug_tensors_;

  GraphStats graph_stats_;
  std::atomic<std::uint64_t> host_bytes_{0}, staging_bytes_{0}, produced_bytes_{0},
      context_bytes_{0};
};

}  // namespace trtnode::executor
