// Finding and forgetting graphs.
#include "executor/graph_cache.h"

#include <algorithm>
#include <utility>

namespace trtnode::executor {

GraphCache::Entry& GraphCache::Find(const GraphKey& key) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [&](const std::unique_ptr<Entry>& entry) { return entry->key == key; });
  if (found != entries_.end()) {
    (*found)->used = ++clock_;
    return **found;
  }
  entries_.push_back(std::make_unique<Entry>());
  Entry& entry = *entries_.back();
  entry.key = key;
  entry.used = entry.id = ++clock_;
  // Combinations without a graph are counted by themselves: addresses that never come again must not push out what is used.
  Shrink(false);
  return entry;
}

void GraphCache::Keep(Entry& entry, GraphVariant variant, std::shared_ptr<cuda::Graph> graph,
                      Signal::Mark mark) {
  entry.graphs[static_cast<std::size_t>(variant)] = std::move(graph);
  entry.marks[static_cast<std::size_t>(variant)] = mark;
  Shrink(true);
}

void GraphCache::Shrink(bool with_graph) {
  std::size_t count = 0;
  auto oldest = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if ((*entry)->captured() != with_graph) continue;
    ++count;
    if (oldest == entries_.end() || (*entry)->used < (*oldest)->used) oldest = entry;
  }
  if (count > capacity_) entries_.erase(oldest);
}

}  // namespace trtnode::executor
