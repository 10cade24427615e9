// Measure: trtexec's measurement of an engine. What is run, and what is recorded of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/dims.h"
#include "core/status.h"
#include "cuda/context.h"
#include "tensorrt/engine.h"

namespace trtnode::bench {

// One input of the engine.
struct Input {
  Dims dims;
  // The elements of a shape tensor (location host), or of any other input its bytes, as many as `dims` says.
  std::vector<std::byte> bytes;
};

struct Options {
  int profile = 0;
  std::vector<Input> inputs;  // in engine order
  int streams = 1;       // inferences in flight, each with a context, streams and memory of its own
  bool threads = false;  // a thread for each of them, instead of one for all
  std::int64_t iterations = 10;
  double warm_up_ms = 200;
  double duration_ms =
      3000;  // after the warm-up; the loop ends when this and `iterations` are satisfied. Below 0: until stopped
  double sleep_ms = 0;  // between the first launch and the start of the device
  double idle_ms = 0;   // between queries
  bool cuda_graph = false;
  // Of the contexts; kUserManaged: as much as the shapes need.
  tensorrt::AllocationStrategy allocation = tensorrt::AllocationStrategy::kStatic;
  bool spin = false;  // wait for the device by spinning
  bool transfers = true;
  bool overlap = true;  // two queries of a stream in flight, so that copies hide behind computing
  bool layer_times =
      false;  // profile the layers; for one stream that does not overlap, without a graph
  bool outputs = false;                          // give the outputs
  std::optional<double> persistent_cache_ratio;  // of the device's persisting L2 cache
};

// What other threads see of a measurement, and tell it.
struct Control {
  std::shared_ptr<std::atomic<bool>> cancelled;  // give up: kAborted
  std::atomic<bool> stopped{false};              // enough: end the loop as if all was satisfied
  std::atomic<std::int64_t> queries{0};          // done so far, warm-up included
  std::atomic<double> device_ms{0};              // since the start; 0 while it is being set up
};

// One query; milliseconds from the start of the measurement. Those of enqueueing are of the host's clock, the others of the
// device's. Without transfers the copies take no time.
struct Query {
  double enqueue_start = 0, enqueue_end = 0;
  double h2d_start = 0, h2d_end = 0;
  double compute_start = 0, compute_end = 0;
  double d2h_start = 0, d2h_end = 0;
  std::int32_t stream = 0;
};

struct Output {
  Dims dims;
  std::vector<std::byte> bytes;
};

// So many queries does one thread record at most; then the loop ends.
inline constexpr std::size_t kMostQueries = std::size_t{1} << 23;

struct Measurement {
  bool full = false;           // ended by kMostQueries
  std::vector<Query> queries;  // by h2d_start, warm-up included
  bool cuda_graph = false;     // launched as a graph
  std::size_t graph_nodes = 0;
  std::string graph_refusal;  // why there is none although it was asked for
  // After the warm-up: CPU time of the measuring threads and of the whole process, and the queries meanwhile.
  double thread_cpu_ms = 0, process_cpu_ms = 0;
  std::int64_t cpu_queries = 0;
  std::vector<Output> outputs;      // in engine order, of the last query of the first stream
  std::vector<std::string> layers;  // with layer_times
  std::vector<std::vector<float>>
      layer_times;  // by query (after the warm-up), by layer; milliseconds
};

// Blocks until the measurement is over. Any thread that may enter the engine's device; starts more with `threads`.
Result<Measurement> Measure(const std::shared_ptr<cuda::PrimaryContext>& context,
                            const std::shared_ptr<tensorrt::Engine>& engine, const Options& options,
                            Control& control);

}  // namespace trtnode::bench
