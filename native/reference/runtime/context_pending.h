// What an enqueue gathers before it touches the stream; for context_enqueue.cc and context_debug.cc alone.
#pragma once

#include <vector>

#include "reference/runtime/context.h"

namespace trtnode::reference {

struct ExecutionContext::Pending {
  std::vector<RunTensor> inputs;
  std::vector<RunTensor> outputs;  // the engine's, then debug tensors that are no outputs
  std::vector<size_t> unknown;     // positions in `outputs` whose size only the run tells
};

}  // namespace trtnode::reference
