// Loads an engine's model and infers shapes with ONNX Runtime.
#include "reference/runtime/engine_core.h"

#include <algorithm>
#include <utility>

#include "reference/onnx/shape_flow.h"
#include "reference/onnx/weights.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

constexpr size_t kCacheSize = 256;
constexpr size_t kMinContextMemory = 64 * 1024;
constexpr size_t kMaxContextMemory = 16 * 1024 * 1024;
constexpr int64_t kMaxProbeElements = int64_t{1} << 28;

constexpr uint32_t Bit(BuilderFlag flag) { return 1U << static_cast<unsigned>(flag); }

std::vector<int64_t> Dimensions(const onnx::ValueInfo& info) {
  std::vector<int64_t> dimensions;
  for (const onnx::Dimension& dimension : info.dimensions) dimensions.push_back(dimension.value);
  return dimensions;
}

bool IsKnown(const std::vector<int64_t>& dimensions) {
  return std::all_of(dimensions.begin(), dimensions.end(),
                     [](int64_t dimension) { return dimension >= 0; });
}

}  // namespace

std::string LayerName(const onnx::Node& node) {
  if (!node.name.empty()) return node.name;
  return "node_of_" + (node.outputs.empty() ? node.op_type : node.outputs.front());
}

EngineCore::EngineCore(Plan plan, std::shared_ptr<Reporter> reporter, IGpuAllocator* allocator)
    : plan_(std::move(plan)), reporter_(std::move(reporter)), allocator_(allocator) {}

std::shared_ptr<EngineCore> EngineCore::Create(Plan plan, std::shared_ptr<Reporter> reporter,
                                               IGpuAllocator* allocator, std::string* error) {
  std::shared_ptr<EngineCore> core(
      new EngineCore(std::move(plan), std::move(reporter), allocator));  // NOLINT
  *error = core->Load();
  return error->empty() ? core : nullptr;
}

std::string EngineCore::Load() {
  std::string error;
  auto model = onnx::ParseModel(plan_.model, &error);
  if (!model) return error;
  model_ = std::move(*model);
  std::map<std::string, std::string> zeros;
  for (const onnx::Weight& weight : onnx::ListWeights(plan_.model)) {
    const auto type = ToDataType(weight.element_type).value_or(DataType::kFLOAT);
    const size_t bytes =
        static_cast<size_t>(weight.elements) * onnx::WeightElementSize(weight.element_type);
    refittable_.push_back({weight.name, type, weight.elements, bytes});
    if (!weight.stripped) continue;
    missing_.insert(weight.name);
    zeros[weight.name].resize(bytes);
  }
  auto computing = std::make_shared<Computing>();
  computing->model = zeros.empty() ? std::move(plan_.model)
                                   : onnx::ReplaceWeights(std::exchange(plan_.model, {}), zeros);
  plan_.model.clear();
  computing->session =
      ort::Session::Create(RunnableModel(computing->model), ort::Purpose::kRun, &error);
  if (!computing->session) return error;
  computing_ = computing;
  error = AddTensors();
  if (error.empty()) error = AddDebugTensors();
  if (!error.empty()) return error;
  for (const onnx::Node& node : model_.nodes) {
    if (node.op_type != "Constant") layers_.push_back(&node);
  }
  onnx::Specialization light;
  light.drop_weights = true;
  light.forget_shapes = false;
  skeleton_ = onnx::Specialize(computing->model, light);
  for (const onnx::Initializer& initializer : model_.initializers)
    weights_bytes_ += initializer.encoded_size;
  for (const auto& [name, bytes] : zeros) weights_bytes_ += bytes.size();
  if (!SetBudget(StreamableBytes()))
    return "Requested size was " + std::to_string(weights_bytes_) + " bytes.";
  return {};
}

std::shared_ptr<const Computing> EngineCore::computing() const {
  const std::lock_guard lock(mutex_);
  return computing_;
}

bool EngineCore::refittable() const {
  constexpr uint32_t kFlags = Bit(BuilderFlag::kREFIT) | Bit(BuilderFlag::kREFIT_IDENTICAL) |
                              Bit(BuilderFlag::kREFIT_INDIVIDUAL) | Bit(BuilderFlag::kSTRIP_PLAN);
  return (plan_.builder_flags & kFlags) != 0;
}

bool EngineCore::IsMissing(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return missing_.count(name) != 0;
}

bool EngineCore::IsComplete() const {
  const std::lock_guard lock(mutex_);
  return missing_.empty();
}

std::string EngineCore::Refit(const std::map<std::string, std::string>& values) {
  std::string error;
  auto refitted = std::make_shared<Computing>();
  refitted->model = onnx::ReplaceWeights(computing()->model, values);
  refitted->session =
      ort::Session::Create(RunnableModel(refitted->model), ort::Purpose::kRun, &error);
  if (!refitted->session) return error;
  const std::lock_guard lock(mutex_);
  computing_ = std::move(refitted);
  for (const auto& [name, bytes] : values) missing_.erase(name);
  return {};
}

std::string EngineCore::Serialize(bool exclude_weights) const {
  Plan plan = plan_;
  std::vector<std::string> without;
  for (const RefittableWeight& weight : refittable_) {
    if (exclude_weights || IsMissing(weight.name)) without.push_back(weight.name);
  }
  plan.model = onnx::StripWeights(computing()->model, without);
  return SerializePlan(plan);
}

int64_t EngineCore::StreamableBytes() const {
  if ((plan_.builder_flags & Bit(BuilderFlag::kWEIGHT_STREAMING)) == 0) return 0;
  int64_t bytes = 0;
  for (const RefittableWeight& weight : refittable_) bytes += static_cast<int64_t>(weight.bytes);
  return bytes;
}

int64_t EngineCore::ScratchBytes() const {
  if (budget_ >= StreamableBytes()) return 0;
  size_t largest = 0;
  for (const RefittableWeight& weight : refittable_) largest = std::max(largest, weight.bytes);
  return static_cast<int64_t>(largest);
}

bool EngineCore::SetBudget(int64_t bytes) {
  const int64_t streamable = StreamableBytes();
  const int64_t budget = std::min(bytes, streamable);
  const auto streamed = static_cast<size_t>(streamable - budget);
  auto memory =
      DeviceMemory::Allocate(weights_bytes_ - std::min(streamed, weights_bytes_), allocator_);
  if (!memory) return false;
  weights_ = std::move(memory);
  budget_ = budget;
  return true;
}

std::string EngineCore::AddTensors() {
  const onnx::ShapeFlow flow = onnx::AnalyzeShapes(model_);
  for (const bool input : {true, false}) {
    for (const onnx::ValueInfo& info : input ? model_.inputs : model_.outputs) {
      TensorSpec& spec = tensors_.emplace_back();
      spec.name = info.name;
      spec.input = input;
      spec.shape_input = input && flow.shape_inputs.count(info.name) != 0;
      spec.data_dependent = !input && flow.data_dependent_outputs.count(info.name) != 0;
      spec.dimensions = Dimensions(info);
      spec.element_type = info.element_type;
      for (const ort::TensorType& known :
           input ? computing_->session->inputs() : computing_->session->outputs()) {
        if (known.name != info.name) continue;
        spec.element_type = known.element_type;
        // An unknown rank looks like a scalar; what the model declares is better then.
        if (known.dimensions.size() >= spec.dimensions.size()) spec.dimensions = known.dimensions;
      }
      const auto type = ToDataType(spec.element_type);
      if (!type)
        return "Tensor " + info.name + " has the data type " +
               onnx::ElementTypeName(spec.element_type) + ", which TensorRT has not.";
      spec.type = *type;
      if (spec.dimensions.size() > static_cast<size_t>(kMaxDims))
        return "Tensor " + info.name + " has more than 8 dimensions.";
      spec.format = std::string("Row major linear ") + FormatName(spec.type) + " format (kLINEAR)";
      if (input) ++input_count_;
      if (!input && info.has_shape) output_ranks_[info.name] = info.dimensions.size();
    }
  }
  return {};
}

std::string EngineCore::RunnableModel(const std::string& model) const {
  onnx::Specialization how;
  how.forget_shapes = false;
  for (const std::string& name : plan_.debug_tensors) {
    const bool output = std::any_of(model_.outputs.begin(), model_.outputs.end(),
                                    [&](const onnx::ValueInfo& info) { return info.name == name; });
    if (!output) how.more_outputs.push_back(name);
  }
  return how.more_outputs.empty() ? model : onnx::Specialize(model, how);
}

std::string EngineCore::AddDebugTensors() {
  for (const std::string& name : plan_.debug_tensors) {
    const auto& outputs = computing_->session->outputs();
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [&](const ort::TensorType& type) { return type.name == name; });
    if (found == outputs.end()) return "The network computes no tensor " + name + ".";
    const auto type = ToDataType(found->element_type);
    if (!type) return "Debug tensor " + name + " has a data type that TensorRT has not.";
    TensorSpec& spec = debug_tensors_.emplace_back();
    spec.name = name;
    spec.type = *type;
    spec.element_type = found->element_type;
    spec.dimensions = found->dimensions;
  }
  return {};
}

int EngineCore::Find(char const* name) const {
  if (name == nullptr) return -1;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::vector<int64_t> EngineCore::ProfileDimensions(size_t tensor, size_t profile,
                                                   OptProfileSelector select) const {
  const TensorSpec& spec = tensors_[tensor];
  const auto& entries = plan_.profiles[profile].entries;
  const auto entry = entries.find(spec.name);
  const auto index = static_cast<size_t>(select);
  if (entry == entries.end() || !entry->second.has_dimensions[index]) return spec.dimensions;
  return entry->second.dimensions[index];
}

const std::vector<int64_t>* EngineCore::ProfileValues(size_t tensor, size_t profile,
                                                      OptProfileSelector select) const {
  const auto& entries = plan_.profiles[profile].entries;
  const auto entry = entries.find(tensors_[tensor].name);
  const auto index = static_cast<size_t>(select);
  if (entry == entries.end() || !entry->second.has_values[index]) return nullptr;
  return &entry->second.values[index];
}

std::shared_ptr<const Shapes> EngineCore::Resolve(const std::vector<InputState>& inputs,
                                                  std::string* error) {
  Key key;
  for (const InputState& input : inputs) {
    key.push_back(static_cast<int64_t>(input.dimensions.size()));
    key.insert(key.end(), input.dimensions.begin(), input.dimensions.end());
    key.push_back(input.values ? static_cast<int64_t>(input.values->size()) : -1);
    if (input.values) key.insert(key.end(), input.values->begin(), input.values->end());
  }
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(cache_.begin(), cache_.end(),
                                    [&](const auto& entry) { return entry.first == key; });
    if (found != cache_.end()) {
      cache_.splice(cache_.begin(), cache_, found);
      return found->second;
    }
  }
  // Outside of the lock: inference takes milliseconds, and two threads that infer the same do no harm.
  auto shapes = Infer(inputs, error);
  if (!shapes) return nullptr;
  const std::lock_guard lock(mutex_);
  cache_.emplace_front(std::move(key), shapes);
  if (cache_.size() > kCacheSize) cache_.pop_back();
  return shapes;
}

std::shared_ptr<const Shapes> EngineCore::Infer(const std::vector<InputState>& inputs,
                                                std::string* error) const {
  auto shapes = std::make_shared<Shapes>();
  onnx::Specialization how;
  how.output_ranks = output_ranks_;
  bool values_known = true;
  bool shape_values = false;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const TensorSpec& spec = tensors_[i];
    shapes->push_back(spec.input ? inputs[i].dimensions : spec.dimensions);
    if (!spec.input) continue;
    how.input_shapes[spec.name] = inputs[i].dimensions;
    if (!spec.shape_input) continue;
    shape_values = true;
    if (inputs[i].values) {
      how.constants[spec.name] = {spec.element_type, inputs[i].dimensions, *inputs[i].values};
    } else {
      values_known = false;
    }
  }
  if (std::all_of(shapes->begin(), shapes->end(), IsKnown)) return shapes;
  std::string ignored;
  auto session =
      ort::Session::Create(onnx::Specialize(skeleton_, how), ort::Purpose::kInferShapes, &ignored);
  // Few operators want their weights as constants; then the whole model must be taken.
  if (!session)
    session = ort::Session::Create(onnx::Specialize(computing()->model, how),
                                   ort::Purpose::kInferShapes, error);
  if (!session) return nullptr;
  bool unknown = false;
  for (size_t i = input_count_; i < tensors_.size(); ++i) {
    for (const ort::TensorType& known : session->outputs()) {
      if (known.name == tensors_[i].name && known.dimensions.size() >= (*shapes)[i].size())
        (*shapes)[i] = known.dimensions;
    }
    unknown = unknown || (!IsKnown((*shapes)[i]) && !tensors_[i].data_dependent);
  }
  if (!values_known || (!unknown && !shape_values)) return shapes;
  const std::string reason = ProbeByRunning(inputs, shapes.get());
  if (reason.empty() || !shape_values) return shapes;
  // Inference believes any shape value; that one does not fit the data, as with Reshape, only a run tells.
  *error = reason;
  return nullptr;
}

std::string EngineCore::ProbeByRunning(const std::vector<InputState>& inputs,
                                       Shapes* shapes) const {
  std::vector<std::vector<char>> memory;
  std::vector<ort::TensorView> views;
  for (size_t i = 0; i < input_count_; ++i) {
    const int64_t volume = Volume(inputs[i].dimensions);
    if (volume < 0 || volume > kMaxProbeElements) return {};
    auto& bytes = memory.emplace_back(static_cast<size_t>(volume) * ElementSize(tensors_[i].type));
    if (inputs[i].values && tensors_[i].type == DataType::kINT64) {
      std::copy(inputs[i].values->begin(), inputs[i].values->end(),
                reinterpret_cast<int64_t*>(bytes.data()));
    } else if (inputs[i].values) {
      std::copy(inputs[i].values->begin(), inputs[i].values->end(),
                reinterpret_cast<int32_t*>(bytes.data()));
    }
    views.push_back({tensors_[i].name.c_str(), tensors_[i].element_type, bytes.data(), bytes.size(),
                     inputs[i].dimensions});
  }
  std::vector<ort::TensorView> outputs;
  for (size_t i = input_count_; i < tensors_.size(); ++i) {
    outputs.push_back({tensors_[i].name.c_str(), tensors_[i].element_type, nullptr, 0, {}});
  }
  std::vector<ort::Produced> produced;
  std::string error = computing()->session->Run(views, outputs, &produced);
  if (!error.empty()) return error;
  for (size_t i = input_count_; i < tensors_.size(); ++i) {
    if (!tensors_[i].data_dependent) (*shapes)[i] = produced[i - input_count_].dimensions;
  }
  return {};
}

size_t EngineCore::ContextMemory(size_t profile) const {
  // A plausible figure, so that contexts cost memory as TensorRT's do: the inputs at their largest, within bounds.
  size_t bytes = 0;
  for (size_t i = 0; i < input_count_; ++i) {
    const int64_t volume = Volume(ProfileDimensions(i, profile, OptProfileSelector::kMAX));
    if (volume > 0)
      bytes +=
          std::min(static_cast<size_t>(volume), kMaxContextMemory) * ElementSize(tensors_[i].type);
  }
  constexpr size_t kStep = 512;
  return std::clamp(bytes * 2 / kStep * kStep, kMinContextMemory, kMaxContextMemory) +
         (static_cast<size_t>(ScratchBytes()) + kStep - 1) / kStep * kStep;
}

}  // namespace trtnode::reference
