// NativeExecutor: debug tensors of runs.
#include <utility>
#include <vector>

#include "napi/debug_tensors.h"
#include "napi/executor_object.h"
#include "napi/values.h"

namespace trtnode::napi {

// setDebug(slot, true | names | null)
Result<napi_value> ExecutorObject::SetDebug(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  executor::DebugRequest request;
  const napi_value given = call.arguments[1];
  if (TypeOf(call.env, given) == napi_boolean) {
    ASSIGN_OR_RETURN(request.all, ReadBool(call.env, given, "debug"));
  } else if (!IsNullish(call.env, given)) {
    ASSIGN_OR_RETURN(request.names, ReadStrings(call.env, given, "debug"));
  }
  RETURN_IF_ERROR(executor().SetDebug(slot, std::move(request)));
  return nullptr;
}

Result<napi_value> ExecutorObject::TakeDebugTensors(Call& call) {
  ASSIGN_OR_RETURN(const int slot, ReadSlot(call));
  ASSIGN_OR_RETURN(const std::vector<executor::DebugTensor> tensors,
                   executor().TakeDebugTensors(slot));
  ASSIGN_OR_RETURN(napi_value list, MakeArray(call.env, tensors.size()));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    RETURN_IF_ERROR(SetElement(call.env, list, i, MakeDebugTensor(call.env, tensors[i])));
  }
  return list;
}

}  // namespace trtnode::napi
