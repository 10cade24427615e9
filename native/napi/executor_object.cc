// NativeExecutor: preparing, completing, reading, closing; executor_run.cc has the rest.
#include "napi/executor_object.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "napi/errors.h"
#include "napi/exit_gate.h"
#include "napi/promise.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {

CompletionQueue::CompletionQueue(const EnvState& state, int slots)
    : queue_(state.queue()), activity_(state.activity()) {
  for (int i = 0; i < slots; ++i) items_.push_back(std::make_shared<SlotWakeUp>(i));
}

void CompletionQueue::OnEnd(int /*slot*/) noexcept {
  activity_->End();  // begun by BeginRun, as is the gate entered
  LeaveGate();
}

void CompletionQueue::Wake(int slot) noexcept {
  const std::shared_ptr<SlotWakeUp>& item = items_[static_cast<std::size_t>(slot)];
  if (item->queued.exchange(true)) return;
  try {
    queue_->Push(item);
  } catch (...) {  // no memory for a pointer: the next wake-up tries again
    item->queued = false;
  }
}

void CompletionQueue::Attach(ExecutorObject* object) noexcept {
  for (const auto& item : items_) item->object = object;
}

void SlotWakeUp::Run(EnvState& state) {
  queued = false;  // first: whoever wakes from here on queues anew
  if (object != nullptr) object->Look(state, slot_);
}

std::span<const napi_property_descriptor> ExecutorObject::Definition() {
  using Self = ExecutorObject;
  static const std::array kProperties = {
      Getter<&Self::Slots>("slots"),
      Method<&Self::Prepare>("prepare"),
      Method<&Self::Bind>("bind"),
      Method<&Self::Staging>("staging"),
      Method<&Self::Submit>("submit"),
      Method<&Self::RunSync>("runSync"),
      Method<&Self::OutputShapes>("outputShapes"),
      Method<&Self::ReadOutput>("readOutput"),
      Method<&Self::TakeDeviceOutput>("takeDeviceOutput"),
      Method<&Self::TakeError, WhenClosed::kAllow>("takeError"),
      Method<&Self::Timing>("timing"),
      Method<&Self::Forget>("forget"),
      Method<&Self::Memory>("memory"),
      Method<&Self::Stats>("stats"),
      Method<&Self::SetTimed>("setTimed"),
      Method<&Self::SetDebug>("setDebug"),
      Method<&Self::TakeDebugTensors>("takeDebugTensors"),
      Method<&Self::Close, WhenClosed::kAllow>("close"),
  };
  return kProperties;
}

std::shared_ptr<Resource> ExecutorObject::Detach() noexcept {
  return resource_ != nullptr ? std::move(resource_) : std::move(closing_);
}

void ExecutorObject::DropReferences(napi_env env) noexcept {
  for (napi_ref* reference : {&self_, &on_complete_, &ended_, &close_promise_}) {
    if (*reference != nullptr) (void)napi_delete_reference(env, std::exchange(*reference, nullptr));
  }
  for (napi_ref& reference : prepared_) {
    if (reference != nullptr) (void)napi_delete_reference(env, std::exchange(reference, nullptr));
  }
  for (StagingReferences& staging : staging_) DropStaging(env, staging, false);
}

void ExecutorObject::DropStaging(napi_env env, StagingReferences& staging, bool detach) noexcept {
  for (napi_ref* reference : {&staging.input_buffer, &staging.output_buffer}) {
    napi_value buffer = nullptr;
    // From here on JavaScript sees length 0, and the memory goes.
    if (detach && *reference != nullptr &&
        napi_get_reference_value(env, *reference, &buffer) == napi_ok && buffer != nullptr) {
      (void)napi_detach_arraybuffer(env, buffer);
    }
  }
  for (napi_ref* reference : {&staging.value, &staging.input_buffer, &staging.output_buffer}) {
    if (*reference != nullptr) (void)napi_delete_reference(env, std::exchange(*reference, nullptr));
  }
  staging.inputs = staging.outputs = nullptr;
}

void ExecutorObject::HandOverAll() noexcept {
  if (resource_ != nullptr || closing_ != nullptr) open().HandOverAll();
}

void ExecutorObject::Look(EnvState& state, int slot) {
  if ((resource_ == nullptr && closing_ == nullptr) || !open().running(slot)) return;
  if (open().Poll(slot, false)) {
    state.poller().Forget(*this, slot);
    Complete(state, std::span(&slot, 1), nullptr);
  } else if (state.poller().usable() && !state.poller().Watches(*this, slot)) {
    open().TakeOver(slot);
    state.poller().Watch(*this, slot, open().Patience());
  }
}

void ExecutorObject::BeginPending(EnvState& state) noexcept {
  if (pending_++ == 0) (void)napi_reference_ref(state.env(), self_, nullptr);
  state.queue()->AddPending();
}

void ExecutorObject::EndPending(EnvState& state) noexcept {
  state.queue()->RemovePending();
  if (--pending_ == 0) (void)napi_reference_unref(state.env(), self_, nullptr);
}

void ExecutorObject::Complete(EnvState& state, std::span<const int> slots,
                              napi_async_context async_context) {
  const napi_env env = state.env();
  // Handles, so that none of these goes while we are here, whatever is unreferenced now.
  napi_value self = nullptr;
  napi_value function = nullptr;
  napi_value list = nullptr;
  void* data = nullptr;
  std::size_t room = 0;
  (void)napi_get_reference_value(env, self_, &self);
  (void)napi_get_reference_value(env, on_complete_, &function);
  if (!std::exchange(guarded_, true)) GuardExit();
  (void)napi_get_reference_value(env, ended_, &list);
  if (function == nullptr || list == nullptr ||
      napi_get_typedarray_info(env, list, nullptr, &room, &data, nullptr, nullptr) != napi_ok) {
    return;
  }
  const std::span ended(static_cast<std::int32_t*>(data), room);
  std::uint32_t count = 0;
  for (const int slot : slots) {
    if (!open().running(slot) || count == ended.size()) continue;
    EndPending(state);
    Status& error = errors_[static_cast<std::size_t>(slot)] = open().Collect(slot);
    ended[count++] = error.ok() ? slot : ~slot;
  }
  napi_value argument = nullptr;
  if (count == 0 || napi_create_uint32(env, count, &argument) != napi_ok) return;
  // What it throws stays pending and is reported by the caller.
  if (async_context != nullptr) {
    (void)napi_make_callback(env, async_context, self, function, 1, &argument, nullptr);
  } else {
    (void)napi_call_function(env, self, function, 1, &argument, nullptr);
  }
}

Result<napi_value> ExecutorObject::TakeError(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadInt(call.env, call.arguments[0], "slot", 0,
                                           static_cast<int>(errors_.size()) - 1));
  const Status error = std::move(errors_[static_cast<std::size_t>(slot)]);
  if (error.ok()) return nullptr;
  napi_value value = MakeError(call.state, error.error());
  if (value == nullptr) NAPI_TRY(napi_get_and_clear_last_exception(call.env, &value));
  return value;
}

Result<int> ExecutorObject::ReadSlot(Call& call) const {
  ASSIGN_OR_RETURN(const int slot,
                   ReadInt(call.env, call.arguments[0], "slot", 0, executor().slots() - 1));
  RETURN_IF_ERROR(executor().CheckIdle(slot));
  return slot;
}

Result<napi_value> ExecutorObject::Slots(Call& call) {
  return MakeNumber(call.env, executor().slots());
}

Result<napi_value> ExecutorObject::Prepare(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  ASSIGN_OR_RETURN(const int profile, ReadInt(call.env, call.arguments[1], "profile", 0, 1 << 30));
  // Taken out, as reading an array may run a getter that calls us again.
  Scratch scratch = std::move(scratch_);
  const auto count = static_cast<std::uint32_t>(executor().layout().inputs.size());
  scratch.shapes.resize(count);
  scratch.shape_values.resize(count);
  ASSIGN_OR_RETURN(const std::uint32_t shapes, ReadLength(call.env, call.arguments[2], "shapes"));
  ASSIGN_OR_RETURN(const std::uint32_t values, ReadLength(call.env, call.arguments[3], "values"));
  if (shapes != count || values != count) {
    return WrongType("shapes and values", "arrays with an element for each input");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value element = nullptr;
    NAPI_TRY(napi_get_element(call.env, call.arguments[2], i, &element));
    ASSIGN_OR_RETURN(scratch.shapes[i], ReadDims(call.env, element, "shapes"));
    NAPI_TRY(napi_get_element(call.env, call.arguments[3], i, &element));
    executor::ShapeValues& given = scratch.shape_values[i];
    given.given = !IsNullish(call.env, element);
    given.values.clear();
    if (given.given) RETURN_IF_ERROR(ReadIntegers(call.env, element, "values", given.values));
  }
  if (closed()) return ClosedError(kKind);
  ASSIGN_OR_RETURN(const bool changed,
                   executor().Prepare(slot, profile, scratch.shapes, scratch.shape_values));
  scratch_ = std::move(scratch);
  return PreparedShapes(call.env, slot, changed);
}

Result<napi_value> ExecutorObject::PreparedShapes(napi_env env, int slot, bool changed) {
  napi_ref& reference = prepared_[static_cast<std::size_t>(slot)];
  napi_value list = nullptr;
  if (reference != nullptr && !changed) {
    NAPI_TRY(napi_get_reference_value(env, reference, &list));
    return list;
  }
  if (reference != nullptr) NAPI_TRY(napi_delete_reference(env, std::exchange(reference, nullptr)));
  const std::span<const Dims> shapes = executor().PreparedShapes(slot);
  ASSIGN_OR_RETURN(list, MakeArray(env, shapes.size()));
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    ASSIGN_OR_RETURN(napi_value dims, MakeDims(env, shapes[i]));
    NAPI_TRY(napi_object_freeze(env, dims));  // given out again as long as nothing changes
    NAPI_TRY(napi_set_element(env, list, static_cast<std::uint32_t>(i), dims));
  }
  NAPI_TRY(napi_object_freeze(env, list));
  NAPI_TRY(napi_create_reference(env, list, 1, &reference));
  return list;
}

Result<napi_value> ExecutorObject::OutputShapes(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  if (!executor().HasDataDependentOutputs(slot)) return PreparedShapes(call.env, slot, false);
  return MakeDimsList(call.env, executor().OutputShapes(slot));
}

Result<napi_value> ExecutorObject::ReadOutput(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  ASSIGN_OR_RETURN(const int output, ReadInt(call.env, call.arguments[1], "output", 0, 1 << 30));
  ASSIGN_OR_RETURN(const std::span<std::byte> into, ReadView(call.env, call.arguments[2], "into"));
  RETURN_IF_ERROR(executor().ReadOutput(slot, output, into));
  return nullptr;
}

Result<napi_value> ExecutorObject::TakeDeviceOutput(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  ASSIGN_OR_RETURN(const int output, ReadInt(call.env, call.arguments[1], "output", 0, 1 << 30));
  ASSIGN_OR_RETURN(auto buffer, executor().TakeDeviceOutput(slot, output));
  auto resource = std::make_shared<DeviceBufferResource>(std::move(buffer));
  return NewObject(call.state, std::make_unique<DeviceBufferObject>(std::move(resource)));
}

// setTimed(slot, timed)
Result<napi_value> ExecutorObject::SetTimed(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  ASSIGN_OR_RETURN(const bool timed, ReadBool(call.env, call.arguments[1], "timed"));
  RETURN_IF_ERROR(executor().SetTimed(slot, timed));
  return nullptr;
}

Result<napi_value> ExecutorObject::Timing(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  ASSIGN_OR_RETURN(const std::span<std::byte> into, ReadView(call.env, call.arguments[1], "into"));
  ASSIGN_OR_RETURN(const executor::RunTimes times, executor().Times(slot));
  const std::array<std::int64_t, 7> all = {times.submit,        times.launched,    times.h2d_start,
                                           times.compute_start, times.compute_end, times.d2h_end,
                                           times.completed};
  std::array<double, 7> milliseconds{};
  if (into.size() != sizeof(milliseconds)) return WrongType("into", "a Float64Array of 7 elements");
  for (std::size_t i = 0; i < all.size(); ++i) {
    milliseconds[i] = static_cast<double>(all[i]) / 1e6;
  }
  std::memcpy(into.data(), milliseconds.data(), sizeof(milliseconds));
  return nullptr;
}

Result<napi_value> ExecutorObject::Forget(Call&) {
  RETURN_IF_ERROR(executor().Forget());
  return nullptr;
}

Result<napi_value> ExecutorObject::Memory(Call& call) {
  const executor::ExecutorMemory memory = executor().memory();
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  RETURN_IF_ERROR(object.Set("hostBytes", memory.host_bytes));
  RETURN_IF_ERROR(object.Set("pinnedBytes", memory.pinned_bytes));
  RETURN_IF_ERROR(object.Set("deviceBytes", memory.device_bytes));
  RETURN_IF_ERROR(object.Set("activationBytes", memory.activation_bytes));
  return object.value();
}

Result<napi_value> ExecutorObject::Stats(Call& call) {
  const executor::ExecutorStats stats = executor().stats();
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  RETURN_IF_ERROR(object.Set("graphHits", stats.hits));
  RETURN_IF_ERROR(object.Set("graphCaptures", stats.captures));
  RETURN_IF_ERROR(object.Set("graphFallbacks", stats.fallbacks));
  RETURN_IF_ERROR(object.Set("graphFallbackReason", stats.reason));
  RETURN_IF_ERROR(object.Set("inlineLaunches", stats.inline_launches));
  RETURN_IF_ERROR(object.Set("offThreadLaunches", stats.off_thread_launches));
  return object.value();
}

Result<napi_value> ExecutorObject::Close(Call& call) {
  napi_value promise = nullptr;
  if (close_promise_ != nullptr) {
    NAPI_TRY(napi_get_reference_value(call.env, close_promise_, &promise));
    return promise;
  }
  if (closed()) return ResolvedPromise(call.env);
  for (StagingReferences& staging : staging_) DropStaging(call.env, staging, true);
  closing_ = std::move(resource_);
  // In two steps: the completions lie before the first one's end in the queue, and still need the executor.
  Result<napi_value> started = RunAsync(
      call.state,
      [resource = closing_]() -> Status {
        resource->executor->Close();
        return {};
      },
      [this](EnvState& state) -> Result<napi_value> {
        auto held = std::make_shared<std::shared_ptr<ExecutorResource>>(std::move(closing_));
        Result<napi_value> freed = RunAsync(
            state,
            [held]() -> Status {
              cuda::RelaxCaptureMode((*held)->context->driver());
              held->reset();
              return {};
            },
            [](EnvState&) -> Result<napi_value> { return nullptr; });
        EndPending(state);
        return freed;
      });
  if (!started.ok()) {
    resource_ = std::move(closing_);
    return started;
  }
  BeginPending(call.state);  // this must outlive the first step
  NAPI_TRY(napi_create_reference(call.env, started.value(), 1, &close_promise_));
  return started;
}

Result<napi_value> EngineObject::CreateExecutor(Call& call) {
  const napi_value options = call.arguments[0];
  executor::ExecutorOptions wanted;
  ASSIGN_OR_RETURN(wanted.slots, GetInt(call.env, options, "slots", 1, 1024));
  ASSIGN_OR_RETURN(wanted.priority, GetInt(call.env, options, "priority", -1000000, 1000000));
  const int profiles = std::max(1, resource_->engine->info().num_profiles);
  ASSIGN_OR_RETURN(wanted.profile, GetInt(call.env, options, "profile", 0, profiles - 1));
  ASSIGN_OR_RETURN(const int graphs, GetInt(call.env, options, "cudaGraph", 0, 2));
  wanted.graphs = static_cast<executor::GraphMode>(graphs);
  ASSIGN_OR_RETURN(const int max_graphs, GetInt(call.env, options, "maxCudaGraphs", 1, 1 << 20));
  wanted.max_graphs = static_cast<std::size_t>(max_graphs);
  ASSIGN_OR_RETURN(const int allocation, GetInt(call.env, options, "allocationStrategy", 0, 2));
  wanted.allocation = static_cast<tensorrt::AllocationStrategy>(allocation);
  ASSIGN_OR_RETURN(const int completion, GetInt(call.env, options, "completion", 0, 2));
  wanted.completion = static_cast<executor::Completion>(completion);
  ASSIGN_OR_RETURN(wanted.timing, GetBool(call.env, options, "timing"));
  wanted.owner_polls = call.state.poller().usable();
  ASSIGN_OR_RETURN(napi_value shared, Get(call.env, options, "activations"));
  std::shared_ptr<ActivationPoolResource> activations;
  if (!IsNullish(call.env, shared)) {
    ASSIGN_OR_RETURN(ActivationPoolObject * pool,
                     Unwrap<ActivationPoolObject>(call, shared, "activations"));
    activations = pool->resource();
    if (activations->context != resource_->context) {
      return Status(ErrorCode::kInvalidArgument,
                    "The activation memory belongs to another device, or to another runtime, than "
                    "the session.");
    }
  }
  ASSIGN_OR_RETURN(napi_value function, Get(call.env, options, "onComplete"));
  ASSIGN_OR_RETURN(auto on_complete, JsReference::HoldFunction(call.state, function, "onComplete"));
  if (on_complete == nullptr) return WrongType("onComplete", "a function");
  if (closed()) return ClosedError(kKind);
  auto sink = std::make_shared<CompletionQueue>(call.state, wanted.slots);
  auto created = std::make_shared<std::shared_ptr<ExecutorResource>>();
  return RunAsync(
      call.state,
      [engine = resource_, wanted, activations, sink, created]() -> Status {
        cuda::RelaxCaptureMode(engine->context->driver());
        ASSIGN_OR_RETURN(
            auto executor,
            executor::Executor::Create(engine->context, engine->engine, wanted,
                                       activations != nullptr ? activations->pool : nullptr, sink));
        *created = std::make_shared<ExecutorResource>(engine, std::move(executor));
        GuardExit();
        return {};
      },
      [sink, created, on_complete](EnvState& state) -> Result<napi_value> {
        auto owned = std::make_unique<ExecutorObject>(std::move(*created), sink);
        ExecutorObject* object = owned.get();
        ASSIGN_OR_RETURN(napi_value self, NewObject(state, std::move(owned)));
        ASSIGN_OR_RETURN(napi_value callback, on_complete->Get(state.env()));
        RETURN_IF_ERROR(object->Attach(state, self, callback));
        return self;
      });
}

}  // namespace trtnode::napi
