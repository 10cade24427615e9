// NativeRefitter and NativeRuntimeConfig: what an engine makes besides contexts and inspectors.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "napi/object.h"
#include "napi/resources.h"
#include "tensorrt/refitter.h"
#include "tensorrt/runtime_config.h"

namespace trtnode::napi {

struct RefitterResource final : Resource {
  RefitterResource(std::shared_ptr<EngineResource> parent,
                   std::shared_ptr<tensorrt::Refitter> value)
      : Resource(Kind::kRefitter, parent->context),
        engine(std::move(parent)),
        refitter(std::move(value)) {}
  ~RefitterResource() override {
    const cuda::ContextGuard guard(*context);
    refitter.reset();
  }
  const std::shared_ptr<EngineResource> engine;
  std::shared_ptr<tensorrt::Refitter> refitter;
};

struct RuntimeConfigResource final : Resource {
  RuntimeConfigResource(std::shared_ptr<EngineResource> parent,
                        std::shared_ptr<tensorrt::RuntimeConfig> value)
      : Resource(Kind::kRuntimeConfig, parent->context),
        engine(std::move(parent)),
        config(std::move(value)) {}
  ~RuntimeConfigResource() override {
    const cuda::ContextGuard guard(*context);
    config.reset();
  }
  const std::shared_ptr<EngineResource> engine;
  std::shared_ptr<tensorrt::RuntimeConfig> config;
};

class RefitterObject final : public HandleObject<RefitterResource> {
 public:
  static constexpr Kind kKind = Kind::kRefitter;
  explicit RefitterObject(std::shared_ptr<RefitterResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> AllWeights(Call& call);
  Result<napi_value> MissingWeights(Call& call);
  Result<napi_value> WeightsPrototype(Call& call);
  Result<napi_value> SetNamedWeights(Call& call);
  Result<napi_value> NamedWeights(Call& call);
  Result<napi_value> UnsetNamedWeights(Call& call);
  Result<napi_value> WeightsValidation(Call& call);
  Result<napi_value> SetWeightsValidation(Call& call);
  Result<napi_value> MaxThreads(Call& call);
  Result<napi_value> SetMaxThreads(Call& call);
  Result<napi_value> RefitFromFile(Call& call);
  Result<napi_value> RefitFromBytes(Call& call);
  Result<napi_value> RefitCudaEngine(Call& call);
  Result<napi_value> RefitCudaEngineSync(Call& call);
  Result<napi_value> RefitCudaEngineAsync(Call& call);

 private:
  tensorrt::Refitter& refitter() const noexcept { return *resource_->refitter; }
};

class RuntimeConfigObject final : public HandleObject<RuntimeConfigResource> {
 public:
  static constexpr Kind kKind = Kind::kRuntimeConfig;
  explicit RuntimeConfigObject(std::shared_ptr<RuntimeConfigResource> resource) noexcept
      : HandleObject(kKind, std::move(resource)) {}
  static std::span<const napi_property_descriptor> Definition();

  Result<napi_value> AllocationStrategy(Call& call);
  Result<napi_value> SetAllocationStrategy(Call& call);
  Result<napi_value> CreateExecutionContext(Call& call);
};

}  // namespace trtnode::napi
