// NativeCudaGraph.
#include <array>

#include "napi/objects.h"
#include "napi/values.h"

namespace trtnode::napi {

std::span<const napi_property_descriptor> GraphObject::Definition() {
  static const std::array kProperties = {
      Getter<&GraphObject::NumNodes>("numNodes"),
      Method<&GraphObject::Launch>("launch"),
      CloseMethod(kKind),
  };
  return kProperties;
}

Result<napi_value> GraphObject::NumNodes(Call& call) {
  return MakeNumber(call.env, static_cast<double>(resource_->graph->num_nodes()));
}

Result<napi_value> GraphObject::Launch(Call& call) {
  ASSIGN_OR_RETURN(StreamObject * stream, Unwrap<StreamObject>(call, call.arguments[0], "stream"));
  stream->resource()->Keep(resource_);  // and with it all memory that was captured
  RETURN_IF_ERROR(resource_->graph->Launch(stream->resource()->stream->handle()));
  return nullptr;
}

}  // namespace trtnode::napi
