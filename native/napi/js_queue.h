// JsQueue: what native threads want done on an environment's JavaScript thread. Many items, one wake-up.
#pragma once

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "napi/js.h"

namespace trtnode::napi {

class EnvState;

// Something to do on the JavaScript thread.
class QueueItem {
 public:
  virtual ~QueueItem() = default;
  // In a handle scope of its own. A JavaScript exception left pending becomes an uncaught exception.
  virtual void Run(EnvState& state) = 0;
};

class JsQueue {
 public:
  explicit JsQueue(EnvState& state) noexcept;
  ~JsQueue() = default;
  JsQueue(const JsQueue&) = delete;
  JsQueue& operator=(const JsQueue&) = delete;

  // JavaScript thread.
  Status Open(napi_env env);
  // After it nothing reaches JavaScript any more; what is queued is dropped. JavaScript thread, from the cleanup hook.
  void Close() noexcept;
  // Work is pending: the event loop stays alive until as many RemovePending as AddPending. JavaScript thread.
  void AddPending() noexcept;
  void RemovePending() noexcept;

  // Any thread. False: the environment is gone, and the item was dropped.
  bool Push(std::shared_ptr<QueueItem> item);
  // Any thread: deletes a reference, on the JavaScript thread, some time. After Close it dies with the environment.
  void DeleteLater(napi_ref reference) noexcept;

 private:
  static void OnWake(napi_env env, napi_value function, void* context, void* data) noexcept;
  void Drain(napi_env env);
  void Wake() noexcept;  // with the mutex held

  EnvState& state_;
  const std::thread::id js_thread_;
  napi_env env_ = nullptr;

  std::mutex mutex_;  // guards the next five
  napi_threadsafe_function function_ = nullptr;
  bool closed_ = true;
  bool woken_ = false;
  std::vector<std::shared_ptr<QueueItem>> items_;
  std::vector<napi_ref> dead_references_;

  // JavaScript thread only.
  std::vector<std::shared_ptr<QueueItem>> spare_;  // keeps its capacity between batches
  int pending_ = 0;
  bool hold_ =
      false;  // items pushed by the JavaScript thread itself keep the loop alive until they are delivered
};

}  // namespace trtnode::napi
