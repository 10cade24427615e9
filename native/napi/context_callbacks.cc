// NativeExecutionContext: the temporary allocator and the debug listener.
#include <array>
#include <memory>
#include <utility>

#include "executor/debug_capture.h"
#include "napi/context_object.h"
#include "napi/debug_tensors.h"
#include "napi/gpu_allocator.h"
#include "napi/values.h"

namespace trtnode::napi {
namespace {

// A debug tensor on its way to the listener.
class Delivery final : public QueueItem {
 public:
  Delivery(std::shared_ptr<JsReference> listener, executor::DebugTensor tensor)
      : listener_(std::move(listener)), tensor_(std::move(tensor)) {}
  void Run(EnvState& state) override {
    (void)Tell(state.env()).ok();  // what it throws is reported by the queue
  }

 private:
  Status Tell(napi_env env) const {
    ASSIGN_OR_RETURN(napi_value function, listener_->Get(env));
    ASSIGN_OR_RETURN(napi_value tensor, MakeDebugTensor(env, tensor_));
    napi_value receiver = nullptr;
    NAPI_TRY(napi_get_undefined(env, &receiver));
    NAPI_TRY(napi_call_function(env, receiver, function, 1, &tensor, nullptr));
    return {};
  }

  const std::shared_ptr<JsReference> listener_;
  const executor::DebugTensor tensor_;
};

}  // namespace

Result<napi_value> MakeDebugTensor(napi_env env, const executor::DebugTensor& tensor) {
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(env));
  RETURN_IF_ERROR(object.Set("name", tensor.name));
  RETURN_IF_ERROR(object.Set("dtype", DataTypeName(tensor.dtype)));
  RETURN_IF_ERROR(object.Set("shape", MakeDims(env, tensor.shape)));
  RETURN_IF_ERROR(object.Set("data", MakeArrayBuffer(env, tensor.data)));
  return object.value();
}

Result<napi_value> ContextObject::SetTemporaryStorageAllocator(Call& call) {
  ASSIGN_OR_RETURN(auto allocator, ReadGpuAllocator(call.env, call.arguments[0]));
  if (allocator != nullptr && allocator->context() != resource_->context) {
    return Status(ErrorCode::kInvalidArgument,
                  "The GPU allocator belongs to another device, or to another runtime, than the "
                  "execution context.");
  }
  RETURN_IF_ERROR(execution().SetTemporaryStorageAllocator(std::move(allocator)));
  return nullptr;
}

Result<napi_value> ContextObject::SetDebugListener(Call& call) {
  ASSIGN_OR_RETURN(auto held, JsReference::HoldFunction(call.state, call.arguments[0], "listener"));
  std::shared_ptr<executor::DebugCapture> capture;
  if (held != nullptr) {
    capture = std::make_shared<executor::DebugCapture>(
        resource_->context, [held](executor::DebugTensor tensor) {
          (void)held->queue()->Push(std::make_shared<Delivery>(held, std::move(tensor)));
        });
  }
  RETURN_IF_ERROR(execution().SetDebugListener(capture));
  debug_ = std::move(capture);
  return nullptr;
}

Result<napi_value> ContextObject::SetTensorDebugState(Call& call) {
  ASSIGN_OR_RETURN(const std::string name, ReadString(call.env, call.arguments[0], "name"));
  ASSIGN_OR_RETURN(const bool on, ReadBool(call.env, call.arguments[1], "on"));
  RETURN_IF_ERROR(execution().SetTensorDebugState(name, on));
  return nullptr;
}

Result<napi_value> ContextObject::SetAllTensorsDebugState(Call& call) {
  ASSIGN_OR_RETURN(const bool on, ReadBool(call.env, call.arguments[0], "on"));
  RETURN_IF_ERROR(execution().SetAllTensorsDebugState(on));
  return nullptr;
}

Result<napi_value> ContextObject::DebugState(Call& call) {
  ASSIGN_OR_RETURN(const std::string name, ReadString(call.env, call.arguments[0], "name"));
  return MakeBool(call.env, execution().DebugState(name));
}

}  // namespace trtnode::napi
