// The loop of the measurement, and what runs around it.
#include "bench/measure.h"

#include <algorithm>
#include <ctime>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "bench/lane.h"

namespace trtnode::bench {
namespace {

constexpr double kNapMs = 20;  // sleep is taken in pieces, so that cancelling ends it

double CpuMilliseconds(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

Status Cancelled() { return Status(ErrorCode::kAborted, "The measurement was cancelled."); }

void Sleep(double milliseconds, const Control& control) {
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double, std::milli>(milliseconds));
  for (auto now = Clock::now(); now < end && !*control.cancelled && !control.stopped;
       now = Clock::now()) {
    const std::chrono::duration<double, std::milli> nap(kNapMs);
    std::this_thread::sleep_for(
        std::min(end - now, std::chrono::duration_cast<Clock::duration>(nap)));
  }
}

// The queries of a lane that memory is kept for, so that the loop does not allocate. Untouched memory costs nothing.
std::size_t Expected(const Options& options) {
  constexpr double kPerMillisecond = 100;
  constexpr auto kMost = static_cast<double>(kMostQueries);
  if (options.duration_ms < 0) return kMostQueries;
  const double milliseconds = options.warm_up_ms + options.duration_ms;
  const double expected = milliseconds * kPerMillisecond + static_cast<double>(options.iterations);
  return static_cast<std::size_t>(std::min(expected, kMost));
}

// Layer times by query, columns by name; a name that comes twice in a query is two layers.
class LayerTimes {
 public:
  void Add(const std::vector<tensorrt::LayerTime>& times) {
    std::map<std::string, int> seen;
    std::vector<float>& row = rows_.emplace_back(names_.size());
    for (const tensorrt::LayerTime& time : times) {
      const auto [at, added] = columns_.try_emplace({time.name, seen[time.name]++}, names_.size());
      if (added) names_.push_back(time.name);
      row.resize(names_.size());
      row[at->second] += time.milliseconds;
    }
  }

  void MoveTo(Measurement& measurement) {
    for (auto& row : rows_) row.resize(names_.size());
    measurement.layers = std::move(names_);
    measurement.layer_times = std::move(rows_);
  }

 private:
  std::map<std::pair<std::string, int>, std::size_t> columns_;
  std::vector<std::string> names_;
  std::vector<std::vector<float>> rows_;
};

// The part of a measurement that one thread does.
struct Worker {
  std::span<const std::unique_ptr<Lane>> lanes;
  std::vector<Query> queries;
  LayerTimes layers;
  double thread_cpu_ms = 0, process_cpu_ms = 0;
  std::int64_t cpu_queries = 0;
  bool full = false;
  Status status;

  Status Run(const Options& options, const Start& start, Control& control);

 private:
  Status Loop(const Options& options, const Start& start, Control& control);
};

Status Worker::Loop(const Options& options, const Start& start, Control& control) {
  const double end_ms = options.warm_up_ms + options.duration_ms;
  const bool endless = options.duration_ms < 0;
  std::int64_t skipped = 0;
  double device_ms = 0;
  double thread_cpu = 0;
  double process_cpu = 0;
  std::size_t warm = 0;  // queries at the end of the warm-up
  bool timed = false;
  for (std::int64_t i = 0; endless || i < options.iterations + skipped || device_ms < end_ms; ++i) {
    if (*control.cancelled) return Cancelled();
    if (control.stopped.load(std::memory_order_relaxed)) break;
    if (queries.size() >= kMostQueries) {
      full = true;
      break;
    }
    for (const auto& lane : lanes) RETURN_IF_ERROR(lane->Launch());
    if (options.layer_times) {
      ASSIGN_OR_RETURN(const auto times, lanes.front()->TakeLayerTimes());
      if (timed) layers.Add(times);
    }
    const std::size_t before = queries.size();
    for (const auto& lane : lanes) {
      ASSIGN_OR_RETURN(const double at, lane->Collect(start, queries));
      device_ms = std::max(device_ms, at);
    }
    control.queries.fetch_add(static_cast<std::int64_t>(queries.size() - before),
                              std::memory_order_relaxed);
    control.device_ms.store(device_ms, std::memory_order_relaxed);
    if (device_ms < options.warm_up_ms) {
      if (device_ms > 0) ++skipped;  // complete iterations count
      continue;
    }
    if (!timed) {
      timed = true;
      warm = queries.size();
      thread_cpu = CpuMilliseconds(CLOCK_THREAD_CPUTIME_ID);
      process_cpu = CpuMilliseconds(CLOCK_PROCESS_CPUTIME_ID);
    }
    if (options.idle_ms > 0) Sleep(options.idle_ms, control);
  }
  for (const auto& lane : lanes) RETURN_IF_ERROR(lane->CollectAll(start, queries));
  if (timed) {
    thread_cpu_ms = CpuMilliseconds(CLOCK_THREAD_CPUTIME_ID) - thread_cpu;
    process_cpu_ms = CpuMilliseconds(CLOCK_PROCESS_CPUTIME_ID) - process_cpu;
    cpu_queries = static_cast<std::int64_t>(queries.size() - warm);
  }
  return *control.cancelled ? Cancelled() : Status();
}

Status Worker::Run(const Options& options, const Start& start, Control& control) {
  try {
    queries.reserve(std::min(Expected(options) * lanes.size(), kMostQueries) + 2 * lanes.size());
    for (const auto& lane : lanes) RETURN_IF_ERROR(lane->WaitFor(*start.device));
    return Loop(options, start, control);
  } catch (const std::bad_alloc&) {
    return Status(ErrorCode::kOutOfMemory, "Host memory for the recorded queries is exhausted.",
                  "Measure for a shorter time.");
  } catch (const std::exception& error) {
    return Status(ErrorCode::kInternal, error.what());
  }
}

struct SleepCall {
  double milliseconds;
  const Control& control;
};

// trtexec's --sleepTime: the device starts so much later than the first launch.
Status SleepOnDevice(const cuda::PrimaryContext& context, const cuda::Stream& stream,
                     SleepCall& call) {
  if (call.milliseconds <= 0) return {};
  if (context.f().cuLaunchHostFunc == nullptr) {
    return Status(ErrorCode::kUnsupported, "This driver has no cuLaunchHostFunc to sleep with.",
                  "Measure without --sleepTime.");
  }
  return context.driver().Check(context.f().cuLaunchHostFunc(
                                    stream.handle(),
                                    [](void* data) {
                                      const auto& sleep = *static_cast<SleepCall*>(data);
                                      Sleep(sleep.milliseconds, sleep.control);
                                    },
                                    &call),
                                "cuLaunchHostFunc");
}

// Marks the start on both clocks. Without a sleep the host's is put to where the device's is, to some microseconds; with one the
// device starts that much later.
Status Begin(const cuda::Stream& stream, const Options& options, Start& start) {
  const auto before = Clock::now();
  start.host = before;
  RETURN_IF_ERROR(stream.Record(*start.device));
  if (options.sleep_ms > 0) return {};
  for (bool done = false; !done;) {
    ASSIGN_OR_RETURN(done, start.device->Query());
  }
  start.host = before + (Clock::now() - before) / 2;
  return {};
}

// Runs the workers: one here, or each on a thread of its own. An error of one stops the others.
void RunWorkers(const cuda::PrimaryContext& context, std::vector<Worker>& workers,
                const Options& options, const Start& start, Control& control) {
  const auto run = [&](Worker& worker) {
    worker.status = worker.Run(options, start, control);
    if (!worker.status.ok()) control.stopped = true;
  };
  if (workers.size() == 1) {
    run(workers.front());
    return;
  }
  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  for (Worker& worker : workers) {
    try {
      threads.emplace_back([&] {
        cuda::EnterThread(context);
        run(worker);
      });
    } catch (const std::system_error& error) {
      worker.status = Status(ErrorCode::kOutOfMemory,
                             std::string("A thread cannot be started: ") + error.what(),
                             "Raise the limit of processes, or measure without --threads.");
      control.stopped = true;
      break;
    }
  }
  for (std::thread& thread : threads) thread.join();
}

Status Gather(std::vector<Worker>& workers, Measurement& measurement) {
  std::size_t count = 0;
  for (Worker& worker : workers) {
    RETURN_IF_ERROR(std::move(worker.status));
    count += worker.queries.size();
  }
  measurement.queries.reserve(count);
  for (Worker& worker : workers) {
    measurement.queries.insert(measurement.queries.end(), worker.queries.begin(),
                               worker.queries.end());
    worker.queries = {};
    measurement.thread_cpu_ms += worker.thread_cpu_ms;
    measurement.process_cpu_ms = std::max(measurement.process_cpu_ms, worker.process_cpu_ms);
    measurement.cpu_queries += worker.cpu_queries;
    measurement.full = measurement.full || worker.full;
  }
  std::stable_sort(measurement.queries.begin(), measurement.queries.end(),
                   [](const Query& a, const Query& b) { return a.h2d_start < b.h2d_start; });
  workers.front().layers.MoveTo(measurement);
  return {};
}

}  // namespace

Result<Measurement> Measure(const std::shared_ptr<cuda::PrimaryContext>& context,
                            const std::shared_ptr<tensorrt::Engine>& engine, const Options& options,
                            Control& control) {
  const cuda::ContextGuard guard(*context);
  RETURN_IF_ERROR(guard.status());
  std::vector<std::unique_ptr<Lane>> lanes;
  for (int id = 0; id < options.streams; ++id) {
    if (*control.cancelled) return Cancelled();
    ASSIGN_OR_RETURN(auto lane, Lane::Create(context, engine, options, id));
    RETURN_IF_ERROR(lane->Prepare());
    lanes.push_back(std::move(lane));
  }
  const std::span<const std::unique_ptr<Lane>> all(lanes);
  std::vector<Worker> workers(options.threads ? lanes.size() : 1);
  for (std::size_t i = 0; i < workers.size(); ++i) {
    workers[i].lanes = options.threads ? all.subspan(i, 1) : all;
  }
  Start start;
  ASSIGN_OR_RETURN(start.device, cuda::Event::Create(context, true, true));
  ASSIGN_OR_RETURN(auto main_stream, cuda::Stream::Create(context, 0));
  SleepCall sleep{options.sleep_ms, control};
  RETURN_IF_ERROR(main_stream->Record(*start.device));  // whatever the first time costs
  RETURN_IF_ERROR(main_stream->Synchronize());
  RETURN_IF_ERROR(SleepOnDevice(*context, *main_stream, sleep));
  Status status = Begin(*main_stream, options, start);
  if (status.ok()) RunWorkers(*context, workers, options, start, control);
  Status slept = main_stream->Synchronize();  // `sleep` must outlive its use
  RETURN_IF_ERROR(std::move(status));
  Measurement measurement;
  RETURN_IF_ERROR(Gather(workers, measurement));
  RETURN_IF_ERROR(std::move(slept));
  const Lane& first = *lanes.front();
  measurement.cuda_graph = first.graph() != nullptr;
  measurement.graph_nodes = measurement.cuda_graph ? first.graph()->num_nodes() : 0;
  measurement.graph_refusal = first.graph_refusal();
  if (options.outputs) {
    ASSIGN_OR_RETURN(measurement.outputs, lanes.front()->Outputs());
  }
  return measurement;
}

}  // namespace trtnode::bench
