// One run of a model as work on a stream: everything it needs is copied in, so that it can be captured and replayed.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "reference/cuda/types.h"
#include "reference/runtime/engine_core.h"

namespace trtnode::reference {

class Context;

// A tensor of a run, by its index for EngineCore::Spec().
struct RunTensor {
  size_t tensor = 0;
  void* address = nullptr;  // null for an output: ONNX Runtime allocates
  std::vector<int64_t> dimensions;
  std::vector<char> host_copy;  // a shape input's bytes, taken when the run was enqueued
};

// What a run leaves behind. Written before the stream moves on; a reader synchronizes with the stream first.
struct RunResult {
  std::mutex mutex;
  std::vector<ort::Produced> outputs;
  float milliseconds = 0;
};

class ModelRun {
 public:
  // `context`: the one that it runs in.
  ModelRun(Context& context, std::shared_ptr<EngineCore> core, std::shared_ptr<Reporter> reporter,
           std::vector<RunTensor> inputs, std::vector<RunTensor> outputs,
           std::shared_ptr<RunResult> result)
      : context_(context),
        core_(std::move(core)),
        reporter_(std::move(reporter)),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        result_(std::move(result)) {}

  // On the stream's thread. Anything but CUDA_SUCCESS is the device's sticky error.
  CUresult operator()();

 private:
  CUresult Run();
  // False (and logged) if the address is not in device-visible memory, or the tensor does not fit there.
  bool AddView(RunTensor& tensor, std::vector<ort::TensorView>* views,
               std::vector<std::shared_ptr<const class Block>>* holds);

  Context& context_;
  std::shared_ptr<EngineCore> core_;
  std::shared_ptr<Reporter> reporter_;
  std::vector<RunTensor> inputs_;
  std::vector<RunTensor> outputs_;
  std::shared_ptr<RunResult> result_;
};

}  // namespace trtnode::reference
