// NativeRuntime.deserializeEngineStream and NativePlanStream.
#include "napi/plan_stream.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "executor/cuda_copy.h"
#include "napi/exit_gate.h"
#include "napi/objects.h"
#include "napi/promise.h"
#include "napi/values.h"
#include "napi/view.h"

namespace trtnode::napi {
namespace {

constexpr std::size_t kHighWater = std::size_t{4} << 20;
constexpr auto kLook = std::chrono::milliseconds(20);

}  // namespace

bool ChunkQueue::Write(std::span<const std::byte> chunk) {
  const std::lock_guard lock(mutex_);
  if (abandoned_ || ended_) return false;  // nothing more is wanted: the promise tells why
  if (chunk.empty()) return true;
  chunks_.emplace_back(chunk.begin(), chunk.end());
  bytes_ += chunk.size();
  full_ = bytes_ >= kHighWater;
  changed_.notify_all();
  return !full_;
}

void ChunkQueue::End() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void ChunkQueue::Fail(Status reason) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = true;
  failure_ = std::move(reason);
  changed_.notify_all();
}

void ChunkQueue::Abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  chunks_.clear();
  bytes_ = 0;
}

Result<std::size_t> ChunkQueue::Read(std::span<std::byte> into) {
  std::unique_lock lock(mutex_);
  // By looking: the end of the environment, or of the process, notifies nobody.
  while (!changed_.wait_for(lock, kLook, [&] { return ended_ || !chunks_.empty(); })) {
    if (*ending_ || Exiting()) {
      return Status(ErrorCode::kClosed, "The environment is ending: the plan's source is gone.");
    }
  }
  // What came before a failure is of no use.
  if (!failure_.ok()) return Status(failure_.error());
  if (chunks_.empty()) return std::size_t{0};
  std::size_t got = 0;
  while (got < into.size() && !chunks_.empty()) {
    const std::vector<std::byte>& chunk = chunks_.front();
    const std::size_t step = std::min(into.size() - got, chunk.size() - offset_);
    std::memcpy(into.data() + got, chunk.data() + offset_, step);
    got += step;
    offset_ += step;
    if (offset_ == chunk.size()) {
      chunks_.pop_front();
      offset_ = 0;
    }
  }
  bytes_ -= got;
  if (full_ && bytes_ < kHighWater / 2) {
    full_ = false;
    (void)CallLater(on_wanted_);
  }
  return got;
}

std::span<const napi_property_descriptor> PlanStreamObject::Definition() {
  using Self = PlanStreamObject;
  static const std::array kProperties = {
      Getter<&Self::Engine>("engine"),
      Method<&Self::Write>("write"),
      Method<&Self::End>("end"),
      Method<&Self::Fail>("fail"),
  };
  return kProperties;
}

void PlanStreamObject::DropReferences(napi_env env) noexcept {
  if (engine_ != nullptr) (void)napi_delete_reference(env, std::exchange(engine_, nullptr));
  // Whoever would have written is gone.
  try {
    chunks_->Fail(Status(ErrorCode::kClosed, "The plan's source was dropped."));
  } catch (...) {  // no memory for the reason: it ends by the environment's end
  }
}

Result<napi_value> PlanStreamObject::Engine(Call& call) {
  napi_value engine = nullptr;
  NAPI_TRY(napi_get_reference_value(call.env, engine_, &engine));
  return engine;
}

Result<napi_value> PlanStreamObject::Write(Call& call) {
  ASSIGN_OR_RETURN(const std::span<std::byte> chunk,
                   ReadView(call.env, call.arguments[0], "chunk"));
  return MakeBool(call.env, chunks_->Write(chunk));
}

Result<napi_value> PlanStreamObject::End(Call& /*call*/) {
  chunks_->End();
  return nullptr;
}

Result<napi_value> PlanStreamObject::Fail(Call& call) {
  ASSIGN_OR_RETURN(std::string message, ReadString(call.env, call.arguments[0], "message"));
  chunks_->Fail(Status(ErrorCode::kFile, std::move(message)));
  return nullptr;
}

Result<napi_value> RuntimeObject::DeserializeEngineStream(Call& call) {
  ASSIGN_OR_RETURN(auto wanted,
                   JsReference::HoldFunction(call.state, call.arguments[0], "onWanted"));
  if (wanted == nullptr) return WrongType("onWanted", "a function");
  auto ending = std::make_shared<std::atomic<bool>>(false);
  call.state.AddCancellation(ending);
  auto chunks = std::make_shared<ChunkQueue>(std::move(wanted), std::move(ending));
  auto engine = std::make_shared<std::shared_ptr<EngineResource>>();
  ASSIGN_OR_RETURN(napi_value promise,
                   RunAsync(
                       call.state,
                       [runtime = resource_, chunks, engine]() -> Status {
                         cuda::RelaxCaptureMode(runtime->context->driver());
                         const cuda::ContextGuard guard(*runtime->context);
                         RETURN_IF_ERROR(guard.status());
                         executor::CudaCopy copy(runtime->context);
                         auto made = runtime->runtime->DeserializeEngineFrom(*chunks, copy);
                         chunks->Abandon();
                         GuardExit();
                         RETURN_IF_ERROR(made.TakeStatus());
                         *engine = std::make_shared<EngineResource>(runtime, made.Take());
                         return {};
                       },
                       [engine](EnvState& state) {
                         return NewObject(state,
                                          std::make_unique<EngineObject>(std::move(*engine)));
                       }));
  napi_ref reference = nullptr;
  NAPI_TRY(napi_create_reference(call.env, promise, 1, &reference));
  return NewObject(call.state, std::make_unique<PlanStreamObject>(std::move(chunks), reference));
}

}  // namespace trtnode::napi
