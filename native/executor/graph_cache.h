// GraphCache: the CUDA graphs that a slot has captured, each for one combination of profile, shapes and addresses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/dims.h"
#include "cuda/graph.h"
#include "executor/signal.h"

namespace trtnode::executor {

// SessionOptions.cudaGraph.
enum class GraphMode : std::uint8_t { kAuto, kOn, kOff };

// The same graph with another end: for the soonest answer, and for many runs in flight (see Signal::Mark).
enum class GraphVariant : std::uint8_t { kLatency, kThroughput };

// Everything that a captured graph has in it and that may differ between two runs.
struct GraphKey {
  int profile = 0;
  std::vector<std::int64_t> shapes;  // dimensions of all inputs, and the values of shape tensors
  std::vector<const void*>
      addresses;  // of tensors, of host memory to copy from and to, of activations
  bool timed = false;
  bool operator==(const GraphKey&) const = default;
};

class GraphCache {
 public:
  struct Entry {
    std::uint64_t id = 0;  // never used twice
    GraphKey key;
    std::array<std::shared_ptr<cuda::Graph>, 2> graphs;  // by variant; null: not captured yet
    std::array<Signal::Mark, 2> marks{};                 // how each tells its end
    cuda::Graph* Of(GraphVariant variant) const noexcept {
      return graphs[static_cast<std::size_t>(variant)].get();
    }
    bool captured() const noexcept { return graphs[0] != nullptr || graphs[1] != nullptr; }
    int runs = 0;  // without a graph, in this combination
    std::uint64_t used = 0;
  };

  // `capacity`: most graphs kept; at least 1.
  explicit GraphCache(std::size_t capacity) : capacity_(capacity) {}

  // The entry of `key`, made if there is none. Valid until the next Find or Keep.
  Entry& Find(const GraphKey& key);
  // `entry` has a graph from now on; if there are too many such entries, the one that was used longest ago goes.
  void Keep(Entry& entry, GraphVariant variant, std::shared_ptr<cuda::Graph> graph,
            Signal::Mark mark);
  void Clear() noexcept { entries_.clear(); }

 private:
  void Shrink(bool with_graph);

  const std::size_t capacity_;
  std::uint64_t clock_ = 0;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace trtnode::executor
