// NativeExecutor.
#pragma once

#include <memory>
#include <vector>

#include "executor/executor.h"
#include "napi/objects.h"

namespace trtnode::napi {

class ExecutorObject;

struct ExecutorResource final : Resource {
  ExecutorResource(std::shared_ptr<EngineResource> parent,
                   std::unique_ptr<executor::Executor> value)
      : Resource(Kind::kExecutor, parent->context),
        engine(std::move(parent)),
        executor(std::move(value)) {}
  ~ExecutorResource() override { executor.reset(); }  // waits for the runs in flight
  const std::shared_ptr<EngineResource> engine;
  std::unique_ptr<executor::Executor> executor;
};

// The end of a run on its way to onComplete: one item a slot, used again and again.
class RunCompletion final : public QueueItem {
 public:
  explicit RunCompletion(int slot) noexcept : slot_(slot) {}
  void Run(EnvState& state) override;
  // Set before the first run. Alive as long as a run is in flight, which holds its JavaScript object.
  ExecutorObject* object = nullptr;

 private:
  const int slot_;
};

class CompletionQueue final : public executor::CompletionSink {
 public:
  CompletionQueue(const EnvState& state, int slots);
  void OnComplete(int slot) noexcept override;
  void Attach(ExecutorObject& object) noexcept;

 private:
  const std::shared_ptr<JsQueue> queue_;
  const std::shared_ptr<Activity> activity_;
  std::vector<std::shared_ptr<RunCompletion>> items_;
};

class ExecutorObject final : public HandleObject<ExecutorResource> {
 public:
  static constexpr Kind kKind = Kind::kExecutor;
  explicit ExecutorObject(std::shared_ptr<ExecutorResource> resource)
      : HandleObject(kKind, std::move(resource)),
        prepared_(static_cast<std::size_t>(resource_->executor->slots())) {}
  static std::span<const napi_property_descriptor> Definition();
  std::shared_ptr<Resource> Detach() noexcept override;
  void DropReferences(napi_env env) noexcept override;

  // Ties this to its JavaScript object, once: `self` keeps `on_complete` alive (and not this, which would be a cycle that no
  // collector sees).
  Status Attach(napi_env env, napi_value self, napi_value on_complete);
  void Complete(EnvState& state, int slot);

  Result<napi_value> Slots(Call& call);
  Result<napi_value> Prepare(Call& call);
  Result<napi_value> Submit(Call& call);
  Result<napi_value> RunSync(Call& call);
  Result<napi_value> OutputShapes(Call& call);
  Result<napi_value> ReadOutput(Call& call);
  Result<napi_value> TakeDeviceOutput(Call& call);
  Result<napi_value> Memory(Call& call);
  Result<napi_value> Close(Call& call);

 private:
  // Reused from call to call, so that a run allocates nothing.
  struct Scratch {
    std::vector<napi_value> values;
    std::vector<Dims> shapes;
    std::vector<executor::ShapeValues> shape_values;
    std::vector<executor::Input> inputs;
    std::vector<executor::OutputTarget> targets;
  };

  executor::Executor& executor() const noexcept { return *resource_->executor; }
  Result<int> ReadSlot(Call& call) const;
  Status ReadRun(Call& call, Scratch& scratch) const;
  Result<napi_value> PreparedShapes(napi_env env, int slot, bool changed);
  // While something is pending the JavaScript object lives and the event loop does.
  void BeginPending(EnvState& state) noexcept;
  void EndPending(EnvState& state) noexcept;

  std::shared_ptr<ExecutorResource> closing_;  // between close() and its end
  napi_ref self_ = nullptr;                    // weak, strong while something is pending
  napi_ref on_complete_ = nullptr;             // weak
  napi_ref close_promise_ = nullptr;
  std::vector<napi_ref> prepared_;  // by slot: what prepare returned last
  int pending_ = 0;
  Scratch scratch_;
};

}  // namespace trtnode::napi
