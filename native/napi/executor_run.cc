// NativeExecutor: what a run is given, and starting it.
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "napi/executor_object.h"
#include "napi/exit_gate.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {

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

}  // namespace trtnode::napi
