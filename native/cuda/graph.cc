// CUDA graphs.
#include "cuda/graph.h"

#include <utility>

namespace trtnode::cuda {

Result<std::shared_ptr<Graph>> Graph::Instantiate(std::shared_ptr<PrimaryContext> context,
                                                  abi::CUgraph graph) {
  const ContextGuard guard(*context);
  const abi::Functions& f = context->f();
  std::size_t nodes = 0;
  if (f.cuGraphGetNodes != nullptr) f.cuGraphGetNodes(graph, nullptr, &nodes);
  abi::CUgraphExec exec = nullptr;
  const abi::CUresult result = f.cuGraphInstantiateWithFlags(&exec, graph, 0);
  f.cuGraphDestroy(graph);
  RETURN_IF_ERROR(context->driver().Check(result, "cuGraphInstantiateWithFlags"));
  return std::make_shared<Graph>(std::move(context), exec, nodes);
}

Graph::Graph(std::shared_ptr<PrimaryContext> context, abi::CUgraphExec exec,
             std::size_t nodes) noexcept
    : context_(std::move(context)), exec_(exec), nodes_(nodes) {}

Graph::~Graph() {
  const ContextGuard guard(*context_);
  context_->f().cuGraphExecDestroy(exec_);
}

Status Graph::Launch(abi::CUstream stream) const {
  const ContextGuard guard(*context_);
  RETURN_IF_ERROR(guard.status());
  return context_->driver().Check(context_->f().cuGraphLaunch(exec_, stream), "cuGraphLaunch");
}

}  // namespace trtnode::cuda
