// Graph: a captured stream, instantiated and ready to be launched again and again.
#pragma once

#include <cstddef>
#include <memory>

#include "core/status.h"
#include "cuda/context.h"

namespace trtnode::cuda {

class Graph {
 public:
  // Takes `graph` (destroyed here in any case; the executable form does not need it).
  static Result<std::shared_ptr<Graph>> Instantiate(std::shared_ptr<PrimaryContext> context,
                                                    abi::CUgraph graph);
  Graph(std::shared_ptr<PrimaryContext> context, abi::CUgraphExec exec, std::size_t nodes) noexcept;
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  std::size_t num_nodes() const noexcept { return nodes_; }
  const std::shared_ptr<PrimaryContext>& context() const noexcept { return context_; }
  // Does not wait. The memory that was captured must stay in place until the launch is done.
  Status Launch(abi::CUstream stream) const;

 private:
  const std::shared_ptr<PrimaryContext> context_;
  const abi::CUgraphExec exec_;
  const std::size_t nodes_;
};

}  // namespace trtnode::cuda
