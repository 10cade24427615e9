// What an engine is, shared by its handle and its contexts: the plan, its tensors, the session, and shape inference.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reference/onnx/model.h"
#include "reference/onnx/specialize.h"
#include "reference/ort/session.h"
#include "reference/plan/plan.h"
#include "reference/report.h"
#include "reference/runtime/device_memory.h"

namespace trtnode::reference {

struct TensorSpec {
  std::string name;
  DataType type = DataType::kFLOAT;
  int32_t element_type = 0;         // the same in ONNX's numbers
  std::vector<int64_t> dimensions;  // -1: known only at run time
  bool input = false;
  bool shape_input = false;     // its values, in host memory, decide shapes
  bool data_dependent = false;  // an output whose size is known only after the run
  std::string format;           // what getTensorFormatDesc answers
};

// Weights that a refitter may exchange.
struct RefittableWeight {
  std::string name;
  DataType type = DataType::kFLOAT;
  int64_t count = 0;
  size_t bytes = 0;
};

// What computes: exchanged as a whole by a refit, so that a run in flight keeps what it began with.
struct Computing {
  std::string model;  // stripped weights are zeros here
  std::unique_ptr<ort::Session> session;
};

// Indexed as EngineCore::tensors().
struct InputState {
  std::vector<int64_t> dimensions;
  std::optional<std::vector<int64_t>> values;  // of a shape input, once its address is set
};
using Shapes = std::vector<std::vector<int64_t>>;

class EngineCore {
 public:
  // Null with the reason in `error` if ONNX Runtime does not take the model.
  static std::shared_ptr<EngineCore> Create(Plan plan, std::shared_ptr<Reporter> reporter,
                                            IGpuAllocator* allocator, std::string* error);

  const Plan& plan() const { return plan_; }
  const onnx::Model& model() const { return model_; }
  const std::vector<TensorSpec>& tensors() const { return tensors_; }  // inputs first
  size_t input_count() const { return input_count_; }
  // What the network marked for debugging, outputs included, in its order; their shapes are the run's.
  const std::vector<TensorSpec>& debug_tensors() const { return debug_tensors_; }
  // tensors(), and from their number on debug_tensors().
  const TensorSpec& Spec(size_t index) const {
    return index < tensors_.size() ? tensors_[index] : debug_tensors_[index - tensors_.size()];
  }
  std::shared_ptr<const Computing> computing() const;
  const std::shared_ptr<Reporter>& reporter() const { return reporter_; }
  IGpuAllocator* allocator() const { return allocator_; }
  size_t layer_count() const { return layers_.size(); }  // of one profile
  const onnx::Node& layer(size_t index) const { return *layers_[index]; }

  // -1 if there is no such tensor, a null name included.
  int Find(char const* name) const;
  // The range of an input in a profile: from the profile, or the network's own fixed shape.
  std::vector<int64_t> ProfileDimensions(size_t tensor, size_t profile,
                                         OptProfileSelector select) const;
  const std::vector<int64_t>* ProfileValues(size_t tensor, size_t profile,
                                            OptProfileSelector select) const;

  // All tensors' shapes for these inputs; an output stays -1 where it depends on data or on values not given yet. Null with
  // ONNX Runtime's reason if the shapes do not fit the model. Results are remembered.
  std::shared_ptr<const Shapes> Resolve(const std::vector<InputState>& inputs, std::string* error);

  // Bytes of activation memory that a context of this profile takes, with what weight streaming needs.
  size_t ContextMemory(size_t profile) const;

  // Built with one of kREFIT, kREFIT_IDENTICAL, kREFIT_INDIVIDUAL and kSTRIP_PLAN.
  bool refittable() const;
  const std::vector<RefittableWeight>& weights() const { return refittable_; }
  bool IsMissing(const std::string& name) const;  // stripped, and not refitted since
  bool IsComplete() const;
  // Exchanges weights, given by name as bytes; the reason if the model cannot be loaded then.
  std::string Refit(const std::map<std::string, std::string>& values);
  // The plan as it is now; without the refittable weights, or those that are missing anyway.
  std::string Serialize(bool exclude_weights) const;

  // Weight streaming: the bytes that may be streamed, those of them that stay on the device, and what streaming needs there.
  int64_t StreamableBytes() const;
  int64_t budget() const { return budget_; }
  int64_t ScratchBytes() const;
  // False if there is not enough device memory. No context may be alive.
  bool SetBudget(int64_t bytes);
  int contexts() const { return contexts_; }
  void CountContext(int difference) { contexts_ += difference; }

 private:
  EngineCore(Plan plan, std::shared_ptr<Reporter> reporter, IGpuAllocator* allocator);
  std::string Load();
  std::string AddTensors();
  std::string AddDebugTensors();
  // `model` with the debug tensors among its outputs.
  std::string RunnableModel(const std::string& model) const;
  std::shared_ptr<const Shapes> Infer(const std::vector<InputState>& inputs,
                                      std::string* error) const;
  // One run on zeros, for what shape inference cannot tell. ONNX Runtime's reason if it fails.
  std::string ProbeByRunning(const std::vector<InputState>& inputs, Shapes* shapes) const;

  Plan plan_;
  std::shared_ptr<Reporter> reporter_;
  IGpuAllocator* allocator_;
  onnx::Model model_;
  std::string skeleton_;  // the model without heavy weights, for shape inference
  std::map<std::string, size_t> output_ranks_;
  std::vector<TensorSpec> tensors_;
  std::vector<TensorSpec> debug_tensors_;
  size_t input_count_ = 0;
  std::vector<const onnx::Node*> layers_;
  std::unique_ptr<DeviceMemory> weights_;
  size_t weights_bytes_ = 0;
  std::vector<RefittableWeight> refittable_;
  std::atomic<int64_t> budget_{0};
  std::atomic<int> contexts_{0};

  using Key = std::vector<int64_t>;
  mutable std::mutex mutex_;
  std::shared_ptr<const Computing> computing_;
  std::set<std::string> missing_;
  std::list<std::pair<Key, std::shared_ptr<const Shapes>>> cache_;  // most recently used first
};

// A node's name as TensorRT's parser gives it: its own, or "node_of_<first output>".
std::string LayerName(const onnx::Node& node);

}  // namespace trtnode::reference
