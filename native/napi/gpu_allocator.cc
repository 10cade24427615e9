// Allocators of JavaScript: from any of TensorRT's threads to the JavaScript thread, and never a deadlock.
#include "napi/gpu_allocator.h"

#include <array>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <optional>
#include <string>

#include "napi/exit_gate.h"
#include "napi/values.h"

namespace trtnode::napi {
namespace {

using Clock = std::chrono::steady_clock;

// How long a call of ours may hold the JavaScript thread before it counts as blocked: it may wait for the very thread that asks.
constexpr auto kPatience = std::chrono::milliseconds(1000);
constexpr auto kLook = std::chrono::milliseconds(20);

Status NoMemory(std::size_t bytes, const std::string& why, std::string hint) {
  Error error;
  error.code = ErrorCode::kOutOfMemory;
  error.message = "The GPU allocator gave no memory for " + cuda::FormatBytes(bytes) + ": " + why;
  error.hint = std::move(hint);
  error.requested_bytes = bytes;
  return Status(std::move(error));
}

// deallocate(address) on its way to JavaScript, with the buffer: its memory goes, or back into a pool, on the JavaScript thread.
class Notice final : public QueueItem {
 public:
  Notice(std::shared_ptr<JsReference> deallocate, std::shared_ptr<JsReference> object,
         std::uint64_t address)
      : deallocate_(std::move(deallocate)), object_(std::move(object)), address_(address) {}
  void Run(EnvState& state) override {
    (void)Tell(state.env()).ok();  // what it throws is reported by the queue
  }

 private:
  Status Tell(napi_env env) const {
    ASSIGN_OR_RETURN(napi_value function, deallocate_->Get(env));
    ASSIGN_OR_RETURN(napi_value address, MakeBigint(env, address_));
    napi_value receiver = nullptr;
    NAPI_TRY(napi_get_undefined(env, &receiver));
    NAPI_TRY(napi_call_function(env, receiver, function, 1, &address, nullptr));
    return {};
  }

  const std::shared_ptr<JsReference> deallocate_;
  const std::shared_ptr<JsReference> object_;
  const std::uint64_t address_;
};

}  // namespace

struct JsDeviceSource::Inner {
  Inner(std::shared_ptr<cuda::PrimaryContext> cuda_context, EnvState& env_state,
        std::shared_ptr<JsReference> allocate_function,
        std::shared_ptr<JsReference> deallocate_function)
      : context(std::move(cuda_context)),
        state(env_state),
        js_thread(std::this_thread::get_id()),
        queue(env_state.queue()),
        calls(env_state.calls()),
        ending(std::make_shared<std::atomic<bool>>(false)),
        allocate(std::move(allocate_function)),
        deallocate(std::move(deallocate_function)) {
    state.AddCancellation(ending);
  }

  struct Lent {
    std::shared_ptr<DeviceBufferResource> buffer;
    std::shared_ptr<JsReference> object;
  };

  // JavaScript thread.
  Result<void*> Ask(std::size_t bytes, std::uint64_t alignment, std::uint32_t flags);
  // Null: none of ours.
  std::optional<Lent> Take(void* address);
  // Nobody uses the memory any more: JavaScript may give it to somebody else.
  void Tell(void* address, Lent lent) const;

  const std::shared_ptr<cuda::PrimaryContext> context;
  EnvState& state;  // only on the JavaScript thread
  const std::thread::id js_thread;
  const std::shared_ptr<JsQueue> queue;
  const std::shared_ptr<JsCalls> calls;
  const std::shared_ptr<std::atomic<bool>> ending;
  const std::shared_ptr<JsReference> allocate;
  const std::shared_ptr<JsReference> deallocate;  // may be null
  std::mutex mutex;                               // guards `lent`
  std::unordered_map<void*, Lent> lent;
};

Result<void*> JsDeviceSource::Inner::Ask(std::size_t bytes, std::uint64_t alignment,
                                         std::uint32_t flags) {
  const napi_env env = state.env();
  napi_handle_scope scope = nullptr;
  NAPI_TRY(napi_open_handle_scope(env, &scope));
  const auto ask = [&]() -> Result<void*> {
    ASSIGN_OR_RETURN(napi_value function, allocate->Get(env));
    std::array<napi_value, 3> arguments{};
    ASSIGN_OR_RETURN(arguments[0], MakeNumber(env, static_cast<double>(bytes)));
    ASSIGN_OR_RETURN(arguments[1], MakeNumber(env, static_cast<double>(alignment)));
    ASSIGN_OR_RETURN(arguments[2], MakeNumber(env, flags));
    napi_value receiver = nullptr;
    NAPI_TRY(napi_get_undefined(env, &receiver));
    napi_value given = nullptr;
    NAPI_TRY(
        napi_call_function(env, receiver, function, arguments.size(), arguments.data(), &given));
    if (IsNullish(env, given)) {
      return NoMemory(bytes, "its `allocate` function returned none.",
                      "Return a DeviceBuffer of at least that size.");
    }
    ASSIGN_OR_RETURN(Object * object,
                     UnwrapObject(env, given, Kind::kDeviceBuffer, "What a GPU allocator returns"));
    const auto& resource = static_cast<DeviceBufferObject*>(object)->resource();
    void* const address = resource->buffer->pointer();
    if (resource->context != context || resource->buffer->bytes() < bytes ||
        (alignment > 1 && resource->buffer->address() % alignment != 0)) {
      return NoMemory(bytes,
                      "its `allocate` function returned a buffer of " +
                          std::to_string(resource->buffer->bytes()) + " bytes on device " +
                          std::to_string(resource->context->device()) + ".",
                      "Return one of the allocator's own device, large enough, aligned to " +
                          std::to_string(alignment) + ".");
    }
    ASSIGN_OR_RETURN(auto held, JsReference::Hold(state, given));
    const std::lock_guard lock(mutex);
    if (!lent.try_emplace(address, Lent{resource, std::move(held)}).second) {
      return NoMemory(bytes, "its `allocate` function returned a buffer that TensorRT still uses.",
                      "Give a buffer again only after `deallocate` was called for it.");
    }
    return address;
  };
  Result<void*> result = ask();
  bool pending = false;
  // The exception is the caller's in lib/, which keeps it; none may be left for TensorRT's frames.
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    napi_value thrown = nullptr;
    (void)napi_get_and_clear_last_exception(env, &thrown);
    if (result.ok()) result = NoMemory(bytes, "its `allocate` function threw.", {});
  }
  (void)napi_close_handle_scope(env, scope);
  return result;
}

std::optional<JsDeviceSource::Inner::Lent> JsDeviceSource::Inner::Take(void* address) {
  const std::lock_guard lock(mutex);
  const auto found = lent.find(address);
  if (found == lent.end()) return std::nullopt;
  Lent taken = std::move(found->second);
  lent.erase(found);
  return taken;
}

void JsDeviceSource::Inner::Tell(void* address, Lent taken) const {
  if (deallocate == nullptr) return;
  (void)queue->Push(std::make_shared<Notice>(deallocate, std::move(taken.object),
                                             reinterpret_cast<std::uint64_t>(address)));
}

// One question on its way to the JavaScript thread.
class JsDeviceSource::Request final : public QueueItem {
 public:
  struct Answer {
    std::mutex mutex;
    std::condition_variable changed;
    bool given_up = false;  // nobody waits any more
    bool done = false;
    Result<void*> memory{static_cast<void*>(nullptr)};
  };

  Request(std::shared_ptr<Inner> inner, std::shared_ptr<Answer> answer, std::size_t bytes,
          std::uint64_t alignment, std::uint32_t flags)
      : inner_(std::move(inner)),
        answer_(std::move(answer)),
        bytes_(bytes),
        alignment_(alignment),
        flags_(flags) {}

  void Run(EnvState& /*state*/) override {
    {
      const std::lock_guard lock(answer_->mutex);
      if (answer_->given_up) return;
    }
    // Without the lock: JavaScript may call what waits for the very thread that asks, which must be able to give up.
    Result<void*> memory = Ask();
    {
      const std::lock_guard lock(answer_->mutex);
      if (!answer_->given_up) {
        answer_->memory = std::move(memory);
        answer_->done = true;
        answer_->changed.notify_all();
        return;
      }
    }
    if (!memory.ok()) return;
    if (auto lent = inner_->Take(memory.value())) inner_->Tell(memory.value(), std::move(*lent));
  }

 private:
  Result<void*> Ask() const {
    try {
      return inner_->Ask(bytes_, alignment_, flags_);
    } catch (const std::exception&) {  // whoever waits needs an answer all the same
      return Status(ErrorCode::kOutOfMemory, "Host memory is exhausted.");
    }
  }

  const std::shared_ptr<Inner> inner_;
  const std::shared_ptr<Answer> answer_;
  const std::size_t bytes_;
  const std::uint64_t alignment_;
  const std::uint32_t flags_;
};

JsDeviceSource::JsDeviceSource(std::shared_ptr<cuda::PrimaryContext> context, EnvState& state,
                               std::shared_ptr<JsReference> allocate,
                               std::shared_ptr<JsReference> deallocate)
    : inner_(std::make_shared<Inner>(std::move(context), state, std::move(allocate),
                                     std::move(deallocate))) {}

Result<void*> JsDeviceSource::Allocate(std::size_t bytes, std::uint64_t alignment,
                                       std::uint32_t flags, void* /*stream*/) {
  const Status over = NoMemory(bytes, "its environment is ending.",
                               "Close sessions before the process or worker ends.");
  if (*inner_->ending || Exiting()) return Status(over.error());
  if (std::this_thread::get_id() == inner_->js_thread) return inner_->Ask(bytes, alignment, flags);
  const auto answer = std::make_shared<Request::Answer>();
  if (!inner_->queue->Push(std::make_shared<Request>(inner_, answer, bytes, alignment, flags))) {
    return Status(over.error());
  }
  std::uint64_t call = inner_->calls->number();
  auto since = Clock::now();
  for (;;) {
    {
      std::unique_lock lock(answer->mutex);
      if (answer->changed.wait_for(lock, kLook, [&] { return answer->done; })) {
        return std::move(answer->memory);
      }
      const bool ending = *inner_->ending || Exiting();
      const bool blocked = call % 2 == 1 && Clock::now() - since > kPatience;
      if (ending || blocked) {
        answer->given_up = true;
        if (ending) return Status(over.error());
        return NoMemory(bytes,
                        "the JavaScript thread, where its `allocate` function would run, is "
                        "blocked by a synchronous call of trt-node.",
                        "Use the asynchronous calls (run, deserializeEngineAsync, synchronize), or "
                        "an allocator without `allocate`.");
      }
    }
    if (const std::uint64_t now = inner_->calls->number(); now != call) {
      call = now;
      since = Clock::now();
    }
  }
}

bool JsDeviceSource::Free(void* address, void* stream) {
  std::optional<Inner::Lent> lent = inner_->Take(address);
  if (!lent) return false;
  {
    // JavaScript may give the buffer to somebody else at once.
    const cuda::ContextGuard guard(*inner_->context);
    if (stream != nullptr) {
      (void)inner_->context->f().cuStreamSynchronize(static_cast<cuda::abi::CUstream>(stream));
    } else {
      (void)inner_->context->Synchronize().ok();
    }
  }
  inner_->Tell(address, std::move(*lent));
  return true;
}

std::span<const napi_property_descriptor> GpuAllocatorObject::Definition() {
  using Self = GpuAllocatorObject;
  static const std::array kProperties = {
      Getter<&Self::Device>("device"),
      Method<&Self::Stats>("stats"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> GpuAllocatorObject::Device(Call& call) {
  return MakeNumber(call.env, resource_->context->device());
}

Result<napi_value> GpuAllocatorObject::Stats(Call& call) {
  const executor::AllocatorStats stats = resource_->allocator->stats();
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(call.env));
  RETURN_IF_ERROR(object.Set("allocatedBytes", stats.allocated_bytes));
  RETURN_IF_ERROR(object.Set("peakBytes", stats.peak_bytes));
  RETURN_IF_ERROR(object.Set("allocations", stats.allocations));
  RETURN_IF_ERROR(object.Set("deallocations", stats.deallocations));
  RETURN_IF_ERROR(object.Set("refusals", stats.refusals));
  return object.value();
}

Result<napi_value> CreateGpuAllocator(Call& call) {
  ASSIGN_OR_RETURN(PlatformObject * platform,
                   Unwrap<PlatformObject>(call, call.arguments[0], "platform"));
  ASSIGN_OR_RETURN(const int device, ReadInt(call.env, call.arguments[1], "device", 0, 1 << 20));
  ASSIGN_OR_RETURN(const std::size_t limit, ReadSize(call.env, call.arguments[2], "limit"));
  ASSIGN_OR_RETURN(auto allocate,
                   JsReference::HoldFunction(call.state, call.arguments[3], "allocate"));
  ASSIGN_OR_RETURN(auto deallocate,
                   JsReference::HoldFunction(call.state, call.arguments[4], "deallocate"));
  ASSIGN_OR_RETURN(auto context, platform->platform()->Context(device));
  std::unique_ptr<executor::DeviceMemorySource> source;
  if (allocate != nullptr) {
    source = std::make_unique<JsDeviceSource>(context, call.state, std::move(allocate),
                                              std::move(deallocate));
  } else {
    source = executor::MakeDeviceSource(context);
  }
  auto resource = std::make_shared<GpuAllocatorResource>(
      std::make_shared<executor::CountingAllocator>(std::move(context), limit, std::move(source)));
  return NewObject(call.state, std::make_unique<GpuAllocatorObject>(std::move(resource)));
}

Result<std::shared_ptr<executor::CountingAllocator>> ReadGpuAllocator(napi_env env,
                                                                      napi_value value) {
  if (IsNullish(env, value)) return std::shared_ptr<executor::CountingAllocator>();
  ASSIGN_OR_RETURN(Object * object, UnwrapObject(env, value, Kind::kGpuAllocator, "gpuAllocator"));
  return static_cast<GpuAllocatorObject*>(object)->resource()->allocator;
}

}  // namespace trtnode::napi
