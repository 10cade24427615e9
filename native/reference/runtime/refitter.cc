// IRefitter.
#include "reference/runtime/refitter.h"

#include <algorithm>
#include <vector>

#include "reference/cuda/machine.h"
#include "reference/cuda/stream.h"
#include "reference/faults.h"

namespace trtnode::reference {
namespace {

constexpr Weights kNoWeights{DataType::kFLOAT, nullptr, 0};

int32_t Fill(const std::vector<char const*>& all, int32_t size, char const** names) {
  if (names != nullptr)
    std::copy_n(all.begin(), std::clamp<int64_t>(size, 0, static_cast<int64_t>(all.size())), names);
  return static_cast<int32_t>(all.size());
}

}  // namespace

// What a refit reads when it happens, as TensorRT does: memory that went meanwhile is the caller's fault.
struct Refitter::Source {
  std::string name;
  const void* values = nullptr;
  size_t bytes = 0;
  bool on_device = false;
};

bool Refitter::Refit(EngineCore& core, const Reporter& reporter, char const* api,
                     const std::vector<Source>& sources) {
  std::map<std::string, std::string> values;
  for (const Source& source : sources) {
    if (source.on_device) {
      const auto block = Machine::Get().memory.Find(source.values);
      if (!block || !block->Covers(source.values, source.bytes)) {
        reporter.Error(ErrorCode::kFAILED_EXECUTION, api, kCudaRuntime,
                       "an illegal memory access was encountered: weights " + source.name);
        return false;
      }
    }
    values[source.name].assign(static_cast<const char*>(source.values), source.bytes);
  }
  if (Faults::Get().Hit("refit")) {
    reporter.Error(ErrorCode::kINTERNAL_ERROR, api, kInternal, "Injected fault: refit.");
    return false;
  }
  const std::string error = core.Refit(values);
  if (!error.empty()) reporter.Error(ErrorCode::kINTERNAL_ERROR, api, kInternal, error);
  return error.empty();
}

std::vector<Refitter::Source> Refitter::Sources() const {
  std::vector<Source> sources;
  for (const RefittableWeight& weight : core_->weights()) {
    const auto given = given_.find(weight.name);
    if (given == given_.end()) continue;
    sources.push_back({weight.name, given->second.weights.values, weight.bytes,
                       given->second.location == TensorLocation::kDEVICE});
  }
  return sources;
}

IRefitter* Refitter::Make(std::shared_ptr<EngineCore> core, ILogger* logger) {
  if (!core->refittable()) {
    Reporter(logger).Error(ErrorCode::kINVALID_ARGUMENT, "createInferRefitter", kApiUsage,
                           "Parameter check failed, condition: e.isRefittable().");
    return nullptr;
  }
  auto refitter = std::make_unique<Refitter>(std::move(core), logger);
  Refitter& self = *refitter;
  // The application deletes what it gets, through slot 1 of the handle's own vtable.
  self.handle_ = std::make_unique<IRefitter>(std::move(refitter)).release();
  return self.handle_;
}

Refitter::Refitter(std::shared_ptr<EngineCore> core, ILogger* logger)
    : core_(std::move(core)), reports_(std::make_shared<Reporter>(logger)) {
  reporter_ = reports_.get();
}

bool Refitter::Fail(char const* api, const std::string& text) const {
  reports_->Error(ErrorCode::kINVALID_ARGUMENT, api, kApiUsage, "Parameter check failed, " + text);
  return false;
}

const RefittableWeight* Refitter::Find(char const* api, char const* name) const {
  for (const RefittableWeight& weight : core_->weights()) {
    if (name != nullptr && weight.name == name) return &weight;
  }
  Fail(api, std::string("condition: isRefittableWeights. ") + (name == nullptr ? "(null)" : name) +
                " is not the name of refittable weights of this engine.");
  return nullptr;
}

bool Refitter::setNamedWeights(char const* name, Weights weights) noexcept {
  return setNamedWeightsWithLocation(name, weights, TensorLocation::kHOST);
}

bool Refitter::setNamedWeightsWithLocation(char const* name, Weights weights,
                                           TensorLocation location) noexcept {
  constexpr char kApi[] = "IRefitter::setNamedWeights";
  return Guard(*reports_, kApi, false, [&] {
    const RefittableWeight* known = Find(kApi, name);
    if (known == nullptr) return false;
    if (weights.type != known->type)
      return Fail(kApi, "condition: weights.type == prototype.type. The type of " + known->name +
                            " must be that of the prototype.");
    if (weights.count != known->count || weights.values == nullptr)
      return Fail(kApi, "condition: weights.count == prototype.count. " + known->name + " has " +
                            std::to_string(known->count) + " elements, " +
                            std::to_string(weights.count) + " were given.");
    given_[known->name] = {weights, location};
    return true;
  });
}

Weights Refitter::getNamedWeights(char const* name) const noexcept {
  return Guard(*reports_, "IRefitter::getNamedWeights", kNoWeights, [&] {
    const auto found = given_.find(name == nullptr ? "" : name);
    return found == given_.end() ? kNoWeights : found->second.weights;
  });
}

TensorLocation Refitter::getWeightsLocation(char const* name) const noexcept {
  return Guard(*reports_, "IRefitter::getWeightsLocation", TensorLocation::kHOST, [&] {
    const auto found = given_.find(name == nullptr ? "" : name);
    return found == given_.end() ? TensorLocation::kHOST : found->second.location;
  });
}

bool Refitter::unsetNamedWeights(char const* name) noexcept {
  return Guard(*reports_, "IRefitter::unsetNamedWeights", false,
               [&] { return given_.erase(name == nullptr ? "" : name) != 0; });
}

Weights Refitter::getWeightsPrototype(char const* name) const noexcept {
  return Guard(*reports_, "IRefitter::getWeightsPrototype", Weights{DataType::kFLOAT, nullptr, -1},
               [&] {
                 const RefittableWeight* known = Find("IRefitter::getWeightsPrototype", name);
                 if (known == nullptr) return Weights{DataType::kFLOAT, nullptr, -1};
                 return Weights{known->type, nullptr, known->count};
               });
}

int32_t Refitter::getMissingWeights(int32_t size, char const** names) noexcept {
  return Guard(*reports_, "IRefitter::getMissingWeights", 0, [&] {
    std::vector<char const*> missing;
    for (const RefittableWeight& weight : core_->weights()) {
      if (core_->IsMissing(weight.name) && given_.count(weight.name) == 0)
        missing.push_back(weight.name.c_str());
    }
    return Fill(missing, size, names);
  });
}

int32_t Refitter::getAllWeights(int32_t size, char const** names) noexcept {
  return Guard(*reports_, "IRefitter::getAllWeights", 0, [&] {
    std::vector<char const*> all;
    for (const RefittableWeight& weight : core_->weights()) all.push_back(weight.name.c_str());
    return Fill(all, size, names);
  });
}

bool Refitter::setMaxThreads(int32_t threads) noexcept {
  if (threads < 1) return false;
  max_threads_ = threads;
  return true;
}

bool Refitter::CheckComplete(char const* api) {
  const int32_t missing = getMissingWeights(0, nullptr);
  return missing == 0 || Fail(api, "condition: getMissingWeights() == 0. " +
                                       std::to_string(missing) + " weights are missing.");
}

bool Refitter::refitCudaEngine() noexcept {
  constexpr char kApi[] = "IRefitter::refitCudaEngine";
  return Guard(*reports_, kApi, false, [&] {
    if (!CheckComplete(kApi)) return false;
    return Refit(*core_, *reports_, kApi, Sources());
  });
}

bool Refitter::refitCudaEngineAsync(cudaStream_t handle) noexcept {
  constexpr char kApi[] = "IRefitter::refitCudaEngineAsync";
  return Guard(*reports_, kApi, false, [&] {
    if (!CheckComplete(kApi)) return false;
    Context* context = RuntimeContext();
    const auto stream = context == nullptr ? nullptr : FindStream(*context, handle);
    if (!stream) return Fail(kApi, "condition: the stream is one of the engine's device.");
    return SubmitOrRecord(
               *stream, [core = core_, reports = reports_, sources = Sources()]() -> CUresult {
                 return Refit(*core, *reports, "IRefitter::refitCudaEngineAsync", sources)
                            ? CUDA_SUCCESS
                            : CUDA_ERROR_LAUNCH_FAILED;
               }) == CUDA_SUCCESS;
  });
}

}  // namespace trtnode::reference
