// NativePlanStream: a plan on its way from JavaScript to the thread that deserializes it, some of it at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "napi/js_reference.h"
#include "napi/object.h"
#include "tensorrt/plan_source.h"

namespace trtnode::napi {

// Between the two threads: JavaScript writes chunks and is told when there is room again, the other one reads and waits.
class ChunkQueue final : public tensorrt::PlanSource {
 public:
  ChunkQueue(std::shared_ptr<JsReference> on_wanted, std::shared_ptr<std::atomic<bool>> ending)
      : on_wanted_(std::move(on_wanted)), ending_(std::move(ending)) {}

  // JavaScript thread. True: there is room for more; else onWanted is called when there is.
  bool Write(std::span<const std::byte> chunk);
  void End();
  // `reason`: why there is no more; the reader fails with it.
  void Fail(Status reason);
  // The reader is gone: everything from here on is dropped.
  void Abandon();

  Result<std::size_t> Read(std::span<std::byte> into) override;

 private:
  const std::shared_ptr<JsReference> on_wanted_;
  const std::shared_ptr<std::atomic<bool>> ending_;  // the environment is
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<std::byte>> chunks_;
  std::size_t offset_ = 0;  // into the first
  std::size_t bytes_ = 0;   // that wait
  bool ended_ = false;
  bool full_ = false;  // JavaScript waits for onWanted
  bool abandoned_ = false;
  Status failure_;
};

// Not closed, and nothing to free: the deserialization runs to its end whoever holds the handle.
class PlanStreamObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::kPlanStream;
  PlanStreamObject(std::shared_ptr<ChunkQueue> chunks, napi_ref engine) noexcept
      : Object(kKind), chunks_(std::move(chunks)), engine_(engine) {}
  static std::span<const napi_property_descriptor> Definition();
  bool closed() const noexcept override { return false; }
  std::shared_ptr<Resource> Detach() noexcept override { return nullptr; }
  void DropReferences(napi_env env) noexcept override;

  Result<napi_value> Engine(Call& call);
  Result<napi_value> Write(Call& call);
  Result<napi_value> End(Call& call);
  Result<napi_value> Fail(Call& call);

 private:
  const std::shared_ptr<ChunkQueue> chunks_;
  napi_ref engine_;
};

}  // namespace trtnode::napi
