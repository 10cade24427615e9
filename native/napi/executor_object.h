// NativeExecutor.
#pragma once

#include <atomic>
#include <memory>
#include <span>
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

// "Look at this slot" on its way to JavaScript: one item a slot, used again and again.
class SlotWakeUp final : public QueueItem {
 public:
  explicit SlotWakeUp(int slot) noexcept : slot_(slot) {}
  void Run(EnvState& state) override;
  // Null before the first run, and after the object is gone. JavaScript thread.
  ExecutorObject* object = nullptr;
  std::atomic<bool> queued{false};

 private:
  const int slot_;
};

class CompletionQueue final : public executor::CompletionSink {
 public:
  CompletionQueue(const EnvState& state, int slots);
  void OnEnd(int slot) noexcept override;
  void Wake(int slot) noexcept override;
  void Attach(ExecutorObject* object) noexcept;

 private:
  const std::shared_ptr<JsQueue> queue_;
  const std::shared_ptr<Activity> activity_;
  std::vector<std::shared_ptr<SlotWakeUp>> items_;
};

class ExecutorObject final : public HandleObject<ExecutorResource> {
 public:
  static constexpr Kind kKind = Kind::kExecutor;
  ExecutorObject(std::shared_ptr<ExecutorResource> resource, std::shared_ptr<CompletionQueue> sink)
      : HandleObject(kKind, std::move(resource)),
        sink_(std::move(sink)),
        errors_(static_cast<std::size_t>(resource_->executor->slots())),
        prepared_(static_cast<std::size_t>(resource_->executor->slots())),
        staging_(static_cast<std::size_t>(resource_->executor->slots())) {}
  ~ExecutorObject() override {
    sink_->Attach(nullptr);
    *self_of_calls_ = nullptr;
  }
  static std::span<const napi_property_descriptor> Definition();
  std::shared_ptr<Resource> Detach() noexcept override;
  void DropReferences(napi_env env) noexcept override;

  // Ties this to its JavaScript object, once: `self` keeps `on_complete` alive (and not this, which would be a cycle that no
  // collector sees).
  Status Attach(EnvState& state, napi_value self, napi_value on_complete);
  // The runs of `slots` have ended: tells JavaScript, with one call. `async_context`: null within a callback of Node's.
  void Complete(EnvState& state, std::span<const int> slots, napi_async_context async_context);
  // The slot shall be looked at: its run has ended, or will in a moment.
  void Look(EnvState& state, int slot);
  // For LoopPoller; while a run is in flight.
  bool Poll(int slot, bool ask_driver) { return open().Poll(slot, ask_driver); }
  void HandOver(int slot) { open().HandOver(slot); }
  void HandOverAll() noexcept;

  Result<napi_value> Slots(Call& call);
  Result<napi_value> Prepare(Call& call);
  Result<napi_value> Bind(Call& call);
  Result<napi_value> Staging(Call& call);
  Result<napi_value> Submit(Call& call);
  Result<napi_value> RunSync(Call& call);
  Result<napi_value> OutputShapes(Call& call);
  Result<napi_value> ReadOutput(Call& call);
  Result<napi_value> TakeDeviceOutput(Call& call);
  Result<napi_value> TakeError(Call& call);
  Result<napi_value> Timing(Call& call);
  Result<napi_value> Forget(Call& call);
  Result<napi_value> Memory(Call& call);
  Result<napi_value> Stats(Call& call);
  Result<napi_value> SetTimed(Call& call);
  Result<napi_value> SetDebug(Call& call);          // executor_debug.cc
  Result<napi_value> TakeDebugTensors(Call& call);  // likewise
  Result<napi_value> Close(Call& call);

 private:
  // Reused from call to call, so that a run allocates nothing.
  struct Scratch {
    std::vector<napi_value> values;
    std::vector<Dims> shapes;
    std::vector<executor::ShapeValues> shape_values;
    std::vector<executor::Input> inputs;
    std::vector<executor::OutputTarget> targets;
    // Lets go of the buffers: only the slot keeps them, for the run.
    void Clear() noexcept {
      inputs.clear();
      targets.clear();
    }
  };

  // What JavaScript holds of a slot's staging memory.
  struct StagingReferences {
    const void* inputs = nullptr;
    const void* outputs = nullptr;
    napi_ref value = nullptr;          // what staging() returned last
    napi_ref input_buffer = nullptr;   // ArrayBuffer
    napi_ref output_buffer = nullptr;  // likewise
  };

  executor::Executor& executor() const noexcept { return *resource_->executor; }
  // Also while it is closing.
  executor::Executor& open() const noexcept {
    return *(resource_ != nullptr ? resource_ : closing_)->executor;
  }
  Status BeginRun(EnvState& state, int slot);
  Status StartSync(int slot) { return executor().RunSync(slot); }
  // start and startSync, which find this without looking at their receiver: that would cost a good part of a short run.
  template <bool kSync>
  static napi_value StartDirect(napi_env env, napi_callback_info info) noexcept;
  Status DefineDirect(napi_env env, napi_value self, const char* name, napi_callback callback);
  void DropStaging(napi_env env, StagingReferences& staging, bool detach) noexcept;
  Result<int> ReadSlot(Call& call) const;
  Status ReadRun(Call& call, Scratch& scratch) const;
  Result<napi_value> PreparedShapes(napi_env env, int slot, bool changed);
  // While something is pending the JavaScript object lives and the event loop does.
  void BeginPending(EnvState& state) noexcept;
  void EndPending(EnvState& state) noexcept;

  const std::shared_ptr<CompletionQueue> sink_;
  // What start and startSync hold of this; null once it is gone.
  const std::shared_ptr<ExecutorObject*> self_of_calls_ = std::make_shared<ExecutorObject*>(this);
  std::shared_ptr<ExecutorResource> closing_;  // between close() and its end
  napi_ref self_ = nullptr;                    // weak, strong while something is pending
  napi_ref on_complete_ = nullptr;             // weak
  napi_ref ended_ = nullptr;    // weak: an Int32Array of as many elements as there are slots
  std::vector<Status> errors_;  // by slot, of the last run, until they are taken
  napi_ref close_promise_ = nullptr;
  std::vector<napi_ref> prepared_;          // by slot: what prepare returned last
  std::vector<StagingReferences> staging_;  // by slot
  int pending_ = 0;
  bool guarded_ =
      false;  // GuardExit was called once more: a first run may make libraries register exit handlers
  Scratch scratch_;
};

}  // namespace trtnode::napi
