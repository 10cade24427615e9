// The command line of trtnode_cpp_loop.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/dims.h"
#include "core/status.h"

namespace trtnode::benchmark {

struct Arguments {
  std::string plan;
  std::map<std::string, Dims> shapes;  // by input; an input that is missing has its profile's opt
  std::string mode = "latency";        // latency | throughput | load | completion
  int streams = 1;
  bool graph = true;
  bool copy = true;  // memcpy from and to ordinary host arrays around each iteration
  int profile = 0;
  int iterations = 0;  // 0: as many as fit into duration_ms
  int warmup_ms = 1000;
  int duration_ms = 2000;
  std::string wait = "sync";
  std::string json;  // file; empty: standard output
  bool samples = false;
  bool serve = false;
  bool reference = false;
  std::string library;      // TensorRT's, or the reference runtime's; empty: searched
  std::string onnxruntime;  // for the reference runtime
};

const char* Usage();

// kInvalidArgument with words for the user.
Result<Arguments> ParseArguments(const std::vector<std::string>& words);

}  // namespace trtnode::benchmark
