// Slot: one execution context with its stream and memory; runs one inference at a time.
// Prepare, Stage and what follows a run are the owner's thread (JavaScript's); Launch and Finish that of the submission.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/dims.h"
#include "core/status.h"
#include "cuda/event.h"
#include "cuda/stream.h"
#include "executor/arena.h"
#include "executor/growing_output.h"
#include "executor/io_layout.h"
#include "executor/run_io.h"
#include "tensorrt/execution_context.h"

namespace trtnode::executor {

struct SlotMemory {
  std::uint64_t host_bytes = 0, pinned_bytes = 0, device_bytes = 0;
};

class Slot {
 public:
  // Blocks: creates the execution context and the stream, and takes memory for the first profile's largest shapes where small.
  static Result<std::unique_ptr<Slot>> Create(std::shared_ptr<cuda::PrimaryContext> context,
                                              const std::shared_ptr<tensorrt::Engine>& engine,
                                              std::shared_ptr<const IoLayout> layout, int priority);
  Slot(std::shared_ptr<cuda::PrimaryContext> context, std::shared_ptr<const IoLayout> layout,
       std::shared_ptr<tensorrt::ExecutionContext> execution, std::shared_ptr<cuda::Stream> stream,
       std::shared_ptr<cuda::Event> blocking, std::shared_ptr<cuda::Event> spinning);
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // True: something changed, and output_dims() with it. Makes no TensorRT call otherwise.
  // -1 in output_dims() where the data decide.
  Result<bool> Prepare(int profile, std::span<const Dims> shapes,
                       std::span<const ShapeValues> values);
  std::span<const Dims> output_dims() const noexcept { return output_dims_; }
  // After a completed run: without any -1.
  std::span<const Dims> actual_dims() const noexcept { return actual_dims_; }
  bool has_data_dependent_outputs() const noexcept { return data_dependent_; }

  // Checks sizes and copies host inputs to staging; takes buffers over until Release. Moves from the arguments.
  Status Stage(std::span<Input> inputs, std::span<OutputTarget> outputs);
  // Copies in, enqueues, copies out, and records an event; does not wait. The slot's context must be current.
  Status Launch(bool blocking);
  // Waits for Launch's event, then fetches the outputs whose size only now is known.
  Status Wait(bool blocking);
  // After a failure: whatever is still in the stream is waited for and nothing that was cached is trusted any more.
  void Recover();
  // Drops the run's hold on the caller's buffers.
  void Release() noexcept;

  // After a completed run.
  Status ReadOutput(int output, std::span<std::byte> into) const;
  Result<std::shared_ptr<cuda::DeviceBuffer>> TakeDeviceOutput(int output);

  SlotMemory memory() const noexcept;  // any thread
  const std::shared_ptr<cuda::PrimaryContext>& context() const noexcept { return context_; }

 private:
  struct InputState {
    Dims dims;
    bool dims_known = false;
    std::size_t bytes = 0;
    std::size_t offset = 0;            // in the arena
    std::vector<std::int64_t> values;  // shape tensors
    std::vector<std::byte> host;       // their elements as TensorRT reads them
    void* address = nullptr;           // as last set
    Input given;
  };
  struct OutputState {
    std::size_t bytes = 0;
    std::size_t offset = 0;
    bool data_dependent = false;
    void* address = nullptr;
    std::shared_ptr<GrowingOutput> growing;        // made when first needed
    std::optional<bool> growing_set = false;       // whether TensorRT has it; null: not known
    std::shared_ptr<cuda::PinnedBuffer> staging;   // of a data-dependent output
    std::shared_ptr<cuda::DeviceBuffer> produced;  // kNewDevice; kept for the next run if not taken
    bool taken = false;
    OutputTarget target;
  };

  Status Change(int profile, std::span<const Dims> shapes, std::span<const ShapeValues> values);
  Status SetShapeValues(std::size_t input, const std::vector<std::int64_t>& values);
  Status LayOut();
  void ReserveForLargest();
  Status CheckInput(std::size_t input, const Input& given) const;
  Status CheckTarget(std::size_t output, const OutputTarget& target) const;
  Status LaunchInputs();
  Status LaunchOutputs();
  Status LaunchOutput(std::size_t output);
  Status CopyOut();
  Status FetchDataDependent(bool* copied);
  const std::shared_ptr<cuda::Event>& event(bool blocking) const noexcept {
    return blocking ? blocking_event_ : spinning_event_;
  }
  Status SetAddress(int tensor, void*& known, void* address);
  void Forget() noexcept;

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const std::shared_ptr<const IoLayout> layout_;
  std::shared_ptr<tensorrt::ExecutionContext> execution_;
  const std::shared_ptr<cuda::Stream> stream_;
  const std::shared_ptr<cuda::Event> blocking_event_;
  const std::shared_ptr<cuda::Event> spinning_event_;

  bool prepared_ = false;
  int profile_ = -1;
  std::vector<InputState> inputs_;
  std::vector<OutputState> outputs_;
  std::vector<Dims> output_dims_;
  std::vector<Dims> actual_dims_;
  bool data_dependent_ = false;
  Arena input_arena_;
  Arena output_arena_;
  std::size_t input_bytes_ = 0, output_bytes_ = 0;        // what the prepared shapes need
  std::size_t largest_inputs_ = 0, largest_outputs_ = 0;  // what the first profile's largest need
  std::atomic<std::uint64_t> host_bytes_{0}, staging_bytes_{0}, produced_bytes_{0};
};

}  // namespace trtnode::executor
