// What an ONNX parser says of a model: its errors, node by node, and which parts of the model it could build.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trtnode {

struct ModelError {
  std::string code;         // the parser's word: "kUNSUPPORTED_NODE", …
  std::string description;  // what is wrong
  int node = -1;            // index of the node in its graph; -1: of the model as a whole
  std::string node_name;
  std::string node_operator;
  std::vector<std::string> local_functions;  // the calls that lead to the node, outermost first
  // Where in the parser's own source: for whoever reads that.
  std::string file, function;
  int line = 0;
};

// Nodes that the parser takes together, or not at all.
struct ModelSubgraph {
  bool supported = false;
  std::vector<std::int64_t> nodes;  // indices in the model's graph, in the order in which they run
};

}  // namespace trtnode
