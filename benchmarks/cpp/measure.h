// The measured loops: latency, throughput, ways of waiting; and the figures made of their samples, as JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "core/status.h"
#include "lane.h"
#include "world.h"

namespace trtnode::benchmark {

using Lanes = std::vector<std::unique_ptr<Lane>>;

std::int64_t NowNs() noexcept;

// Calls and bytes of malloc, from malloc_count.c where it was preloaded.
struct Allocations {
  bool counted = false;
  std::uint64_t calls = 0, bytes = 0;
};

// One measured series. `samples` in nanoseconds; throughput has `count` and `seconds`, and its samples are launches.
struct Series {
  std::vector<std::int64_t> samples;
  std::int64_t count = 0;
  double seconds = 0;
  Allocations allocations;  // of the loop alone
  std::string error;        // empty: none
};

// "count":…,"p50_us":…,… without braces. Percentiles by trtexec's rule: sorted[max(n - 1 - int((1 - p) n), 0)].
std::string FiguresJson(const std::vector<std::int64_t>& samples);
std::string SamplesJson(const std::vector<std::int64_t>& samples);  // "[17.31,…]", µs
std::string Quoted(const std::string& text);                        // a JSON string

Result<Lanes> MakeLanes(const World& world, const std::shared_ptr<tensorrt::Engine>& engine,
                        const Arguments& arguments, WaitKind wait);

// One lane, one iteration after the other, each timed. `iterations` 0: for `duration_ms`.
Series MeasureLatency(Lane& lane, bool copy, int iterations, int duration_ms);

// All lanes in flight, always waiting for the oldest; every 16th launch is timed.
Series MeasureThroughput(const Lanes& lanes, bool copy, int iterations, int duration_ms);

// Each way of waiting on a lane of its own, in rounds that alternate; the JSON array of all.
std::string MeasureCompletion(const World& world, const std::shared_ptr<tensorrt::Engine>& engine,
                              const Arguments& arguments);

// Ways to load the plan: "load-read" reads the file and deserializes it, "load-mmap" deserializes from a mapping, "load-ready"
// reads, deserializes and makes a context with buffers, graph and first run: what Session.load and a first run do. Freeing is not
// timed. `iterations` 0: 5.
Series MeasureLoad(const World& world, const Arguments& arguments, const std::string& way,
                   int iterations);

// The first two, `iterations` times each (default 10), alternating; the JSON array.
std::string MeasureLoads(const World& world, const Arguments& arguments);

// A round of the mode: iterations (0: for duration_ms), duration_ms.
using Round = std::function<Series(int, int)>;

// One line of JSON in, one round, one line of JSON out, until the input ends (benchmarks/README.md: the peers' protocol).
int Serve(const Arguments& arguments, const Round& round, const std::string& ready);

}  // namespace trtnode::benchmark
