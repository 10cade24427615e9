// NativeExecutor: preparing, submitting, completing.
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
      Method<&Self::Memory>("memory"),
      Method<&Self::Stats>("stats"),
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

Status ExecutorObject::Attach(EnvState& state, napi_value self, napi_value on_complete) {
  const napi_env env = state.env();
  const napi_property_descriptor keeps = {"onComplete", nullptr,     nullptr,      nullptr,
                                          nullptr,      on_complete, napi_default, nullptr};
  NAPI_TRY(napi_define_properties(env, self, 1, &keeps));
  NAPI_TRY(napi_create_reference(env, self, 0, &self_));
  NAPI_TRY(napi_create_reference(env, on_complete, 0, &on_complete_));
  napi_value memory = nullptr;
  napi_value ended = nullptr;
  void* data = nullptr;
  NAPI_TRY(napi_create_arraybuffer(env, errors_.size() * sizeof(std::int32_t), &data, &memory));
  NAPI_TRY(napi_create_typedarray(env, napi_int32_array, errors_.size(), memory, 0, &ended));
  NAPI_TRY(napi_set_named_property(env, self, "ended", ended));
  NAPI_TRY(napi_create_reference(env, ended, 0, &ended_));
  RETURN_IF_ERROR(DefineDirect(env, self, "start", StartDirect<false>));
  RETURN_IF_ERROR(DefineDirect(env, self, "startSync", StartDirect<true>));
  sink_->Attach(this);
  return {};
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

namespace {

template <typename T>
auto Alias(const std::shared_ptr<T>& resource) {
  // Also keeps the resource itself, which is what is counted as alive.
  return std::shared_ptr<typename std::remove_reference_t<decltype(*resource->buffer)>>(
      resource, resource->buffer.get());
}

Status ReadInput(const Call& call, napi_value value, executor::Input& input) {
  input = {};
  if (IsView(call.env, value)) {
    ASSIGN_OR_RETURN(input.host, ReadView(call.env, value, "input"));
    input.kind = executor::Input::Kind::kHost;
  } else if (IsNullish(call.env, value)) {
    input.kind = executor::Input::Kind::kNone;
  } else if (IsObjectOf(call.env, value, Kind::kPinnedBuffer)) {
    ASSIGN_OR_RETURN(PinnedBufferObject * pinned, Unwrap<PinnedBufferObject>(call, value, "input"));
    input.pinned = Alias(pinned->resource());
    input.kind = executor::Input::Kind::kPinned;
  } else {
    ASSIGN_OR_RETURN(DeviceBufferObject * device, Unwrap<DeviceBufferObject>(call, value, "input"));
    input.device = Alias(device->resource());
    input.kind = executor::Input::Kind::kDevice;
  }
  return {};
}

Status ReadTarget(const Call& call, napi_value value, executor::OutputTarget& target) {
  target = {};
  std::array<char, 8> word{};
  std::size_t length = 0;
  if (napi_get_value_string_utf8(call.env, value, word.data(), word.size(), &length) == napi_ok) {
    const std::string_view text(word.data(), length);
    if (text == "host") {
      target.kind = executor::OutputTarget::Kind::kHost;
    } else if (text == "device") {
      target.kind = executor::OutputTarget::Kind::kNewDevice;
    } else {
      return WrongType("output", "'host', 'device' or a buffer");
    }
  } else if (IsObjectOf(call.env, value, Kind::kPinnedBuffer)) {
    ASSIGN_OR_RETURN(PinnedBufferObject * pinned,
                     Unwrap<PinnedBufferObject>(call, value, "output"));
    target.pinned = Alias(pinned->resource());
    target.kind = executor::OutputTarget::Kind::kPinned;
  } else {
    ASSIGN_OR_RETURN(DeviceBufferObject * device,
                     Unwrap<DeviceBufferObject>(call, value, "output"));
    target.device = Alias(device->resource());
    target.kind = executor::OutputTarget::Kind::kDevice;
  }
  return {};
}

}  // namespace

Status ExecutorObject::ReadRun(Call& call, Scratch& scratch) const {
  const std::size_t inputs = executor().layout().inputs.size();
  const std::size_t outputs = executor().layout().outputs.size();
  ASSIGN_OR_RETURN(const std::uint32_t given, ReadLength(call.env, call.arguments[1], "inputs"));
  ASSIGN_OR_RETURN(const std::uint32_t asked, ReadLength(call.env, call.arguments[2], "outputs"));
  if (given != inputs || asked != outputs) {
    return WrongType("inputs and outputs", "arrays with an element for each tensor");
  }
  // All elements first: reading one may run JavaScript (a getter, a Proxy), which could move or free the memory of a view
  // that was looked at before.
  scratch.values.resize(inputs + outputs);
  for (std::uint32_t i = 0; i < given; ++i) {
    NAPI_TRY(napi_get_element(call.env, call.arguments[1], i, &scratch.values[i]));
  }
  for (std::uint32_t i = 0; i < asked; ++i) {
    NAPI_TRY(napi_get_element(call.env, call.arguments[2], i, &scratch.values[inputs + i]));
  }
  if (closed()) return ClosedError(kKind);
  scratch.inputs.resize(inputs);
  scratch.targets.resize(outputs);
  for (std::size_t i = 0; i < inputs; ++i) {
    RETURN_IF_ERROR(ReadInput(call, scratch.values[i], scratch.inputs[i]));
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    RETURN_IF_ERROR(ReadTarget(call, scratch.values[inputs + i], scratch.targets[i]));
  }
  return {};
}

Result<napi_value> ExecutorObject::Bind(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  Scratch scratch = std::move(scratch_);
  RETURN_IF_ERROR(ReadRun(call, scratch));
  RETURN_IF_ERROR(executor().Bind(slot, scratch.inputs, scratch.targets));
  scratch.Clear();
  scratch_ = std::move(scratch);
  return nullptr;
}

Status ExecutorObject::BeginRun(EnvState& state, int slot) {
  if (!EnterGate()) return Status(ErrorCode::kClosed, "The process is ending.");
  state.activity()->Begin();
  Result<executor::Executor::Watcher> watcher = executor().Start(slot);
  if (!watcher.ok()) {
    state.activity()->End();
    LeaveGate();
    return watcher.TakeStatus();
  }
  BeginPending(state);
  if (watcher.value() == executor::Executor::Watcher::kOwner) {
    state.poller().Watch(*this, slot, executor().Patience());
  }
  return {};
}

Status ExecutorObject::DefineDirect(napi_env env, napi_value self, const char* name,
                                    napi_callback callback) {
  using Held = std::shared_ptr<ExecutorObject*>;
  auto held = std::make_unique<Held>(self_of_calls_);
  napi_value function = nullptr;
  NAPI_TRY(napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, held.get(), &function));
  const auto release = [](napi_env, void* data, void*) {
    const std::unique_ptr<Held> ends(static_cast<Held*>(data));
  };
  NAPI_TRY(napi_add_finalizer(env, function, held.get(), release, nullptr, nullptr));
  (void)held.release();
  return FromNapi(napi_set_named_property(env, self, name, function), "napi_set_named_property");
}

template <bool kSync>
napi_value ExecutorObject::StartDirect(napi_env env, napi_callback_info info) noexcept {
  struct Arguments {
    napi_env env;
    ExecutorObject* object;
    napi_value slot;
  };
  std::size_t count = 1;
  Arguments arguments{env, nullptr, nullptr};
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, &arguments.slot, nullptr, &data) != napi_ok) {
    return nullptr;
  }
  arguments.object = **static_cast<std::shared_ptr<ExecutorObject*>*>(data);
  if (arguments.object == nullptr || arguments.object->state() == nullptr) {
    // Kept by itself and called when the executor was collected, or while the environment ends.
    (void)napi_throw_error(env, ErrorCodeName(ErrorCode::kClosed), "This Executor is closed.");
    return nullptr;
  }
  return DispatchDirect(
      *arguments.object->state(),
      [](void* given) -> Result<napi_value> {
        const auto& call = *static_cast<Arguments*>(given);
        ExecutorObject& object = *call.object;
        if (object.closed()) return ClosedError(kKind);
        std::int32_t slot = -1;
        if (napi_get_value_int32(call.env, call.slot, &slot) != napi_ok) {
          return WrongType("slot", "a number");
        }
        RETURN_IF_ERROR(object.executor().CheckIdle(slot));
        RETURN_IF_ERROR(kSync ? object.StartSync(slot) : object.BeginRun(*object.state(), slot));
        return nullptr;
      },
      &arguments);
}

Result<napi_value> ExecutorObject::Submit(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  Scratch scratch = std::move(scratch_);
  RETURN_IF_ERROR(ReadRun(call, scratch));
  RETURN_IF_ERROR(executor().Bind(slot, scratch.inputs, scratch.targets));
  RETURN_IF_ERROR(executor().Stage(slot, scratch.inputs));
  RETURN_IF_ERROR(BeginRun(call.state, slot));
  scratch.Clear();
  scratch_ = std::move(scratch);
  return nullptr;
}

Result<napi_value> ExecutorObject::RunSync(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  Scratch scratch = std::move(scratch_);
  RETURN_IF_ERROR(ReadRun(call, scratch));
  RETURN_IF_ERROR(executor().Bind(slot, scratch.inputs, scratch.targets));
  RETURN_IF_ERROR(executor().Stage(slot, scratch.inputs));
  RETURN_IF_ERROR(executor().RunSync(slot));
  scratch.Clear();
  scratch_ = std::move(scratch);
  return nullptr;
}

namespace {

void ReleaseStaging(napi_env /*env*/, void* /*data*/, void* hint) noexcept {
  const std::unique_ptr<std::shared_ptr<PinnedBufferResource>> held(
      static_cast<std::shared_ptr<PinnedBufferResource>*>(hint));
  FreeLater(std::move(*held));
}

// Null: this JavaScript engine allows no external ArrayBuffers.
Result<napi_value> StagingBuffer(napi_env env, const std::shared_ptr<cuda::PinnedBuffer>& buffer,
                                 const void*& known, napi_ref& reference) {
  napi_value value = nullptr;
  if (reference != nullptr && known == buffer->data()) {
    NAPI_TRY(napi_get_reference_value(env, reference, &value));
    return value;
  }
  auto held = std::make_unique<std::shared_ptr<PinnedBufferResource>>(
      std::make_shared<PinnedBufferResource>(buffer));
  const napi_status status = napi_create_external_arraybuffer(env, buffer->data(), buffer->bytes(),
                                                              ReleaseStaging, held.get(), &value);
  if (status == napi_no_external_buffers_allowed) return nullptr;
  NAPI_TRY(status);
  (void)held.release();
  if (reference != nullptr) {
    // The slot has other memory now: the old ArrayBuffer lets go of its own.
    napi_value old = nullptr;
    NAPI_TRY(napi_get_reference_value(env, reference, &old));
    if (old != nullptr) (void)napi_detach_arraybuffer(env, old);
    NAPI_TRY(napi_delete_reference(env, std::exchange(reference, nullptr)));
  }
  known = buffer->data();
  NAPI_TRY(napi_create_reference(env, value, 1, &reference));
  return value;
}

Result<napi_value> MakeOffsets(napi_env env, const std::vector<std::size_t>& offsets) {
  ASSIGN_OR_RETURN(napi_value list, MakeArray(env, offsets.size()));
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    RETURN_IF_ERROR(SetElement(env, list, i, MakeNumber(env, static_cast<double>(offsets[i]))));
  }
  return list;
}

}  // namespace

Result<napi_value> ExecutorObject::Staging(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  ASSIGN_OR_RETURN(const executor::Staging staging, executor().GetStaging(slot));
  StagingReferences& known = staging_[static_cast<std::size_t>(slot)];
  ASSIGN_OR_RETURN(napi_value inputs,
                   StagingBuffer(call.env, staging.inputs, known.inputs, known.input_buffer));
  if (inputs == nullptr) return nullptr;
  ASSIGN_OR_RETURN(napi_value outputs,
                   StagingBuffer(call.env, staging.outputs, known.outputs, known.output_buffer));
  if (outputs == nullptr) return nullptr;
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  RETURN_IF_ERROR(object.Set("inputs", inputs));
  RETURN_IF_ERROR(object.Set("outputs", outputs));
  RETURN_IF_ERROR(object.Set("inputOffsets", MakeOffsets(call.env, staging.input_offsets)));
  RETURN_IF_ERROR(object.Set("outputOffsets", MakeOffsets(call.env, staging.output_offsets)));
  return object.value();
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
