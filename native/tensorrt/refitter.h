// Refitter: IRefitter and the ONNX parser's IParserRefitter: exchanges the weights of an engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/status.h"
#include "tensorrt/engine.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

// Type and number of elements.
struct WeightsShape {
  DataType type = DataType::kFloat;
  std::int64_t count = 0;
};

// Weights as an application gives them.
struct GivenWeights {
  WeightsShape shape;
  const void* values = nullptr;
  TensorLocation location = TensorLocation::kHost;
  // Keeps `values`: TensorRT reads them when it refits, and again at each later refit, until others are set.
  std::shared_ptr<const void> keep;
};

// One call at a time (guarded inside); the CUDA context of the engine must be current. Keeps the engine alive.
class Refitter {
 public:
  // kUnsupported for an engine that is not refittable, or a library without a refitter.
  static Result<std::shared_ptr<Refitter>> Create(std::shared_ptr<Engine> engine);
  ~Refitter();
  Refitter(const Refitter&) = delete;
  Refitter& operator=(const Refitter&) = delete;

  Result<std::vector<std::string>> AllWeights();
  Result<std::vector<std::string>> MissingWeights();
  // From TensorRT 10 on; nothing for a name that it does not know.
  Result<std::optional<WeightsShape>> Prototype(const std::string& name);
  Status SetNamedWeights(const std::string& name, GivenWeights weights);
  // What was set and not unset; nothing if there is none.
  Result<std::optional<WeightsShape>> NamedWeights(const std::string& name);
  Status UnsetNamedWeights(const std::string& name);
  Status SetWeightsValidation(bool on);
  Result<bool> WeightsValidation();
  Status SetMaxThreads(int threads);
  int max_threads();

  // Sets the weights that an ONNX model has; `path` is the model's where `model` is empty, else where external weights are looked
  // for. From TensorRT 10 on.
  Status SetWeightsFromOnnx(std::span<const std::byte> model, const std::string& path);
  // Blocks. Nothing may run in the engine. kRefit with what is missing: nothing was changed. kRefit otherwise: some of the weights
  // may have been exchanged.
  Status Refit();
  // Enqueues it; the weights must stay until the stream has passed it. From TensorRT 10 on.
  Status RefitAsync(void* stream);

  const std::shared_ptr<Engine>& engine() const noexcept;

 private:
  struct Impl;
  explicit Refitter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trtnode::tensorrt
