// Lane: one inference stream of a measurement: a context with three CUDA streams and two queries in flight, as in trtexec.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/bindings.h"
#include "bench/measure.h"
#include "cuda/buffer.h"
#include "cuda/event.h"
#include "cuda/graph.h"
#include "cuda/stream.h"

namespace trtnode::bench {

using Clock = std::chrono::steady_clock;

// When a measurement began, on both clocks.
struct Start {
  Clock::time_point host;
  std::shared_ptr<cuda::Event> device;
};

// One thread at a time, with the context current.
class Lane {
 public:
  static Result<std::unique_ptr<Lane>> Create(std::shared_ptr<cuda::PrimaryContext> context,
                                              const std::shared_ptr<tensorrt::Engine>& engine,
                                              const Options& options, int id);
  Lane(std::shared_ptr<cuda::PrimaryContext> context,
       std::shared_ptr<tensorrt::ExecutionContext> execution, const Options& options, int id);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Captures the graph if there shall be one, and without transfers copies the inputs. Waits.
  Status Prepare();
  // Nothing starts before the event.
  Status WaitFor(const cuda::Event& start) const;
  // Launches a query, unless as many as there may be are in flight.
  Status Launch();
  // Waits for the oldest query if all are in flight, and appends it. How far the device is: milliseconds at which that query's
  // computing began, 0 if there was none.
  Result<double> Collect(const Start& start, std::vector<Query>& into);
  Status CollectAll(const Start& start, std::vector<Query>& into);
  // Layer times of the last query, which are waited for.
  Result<std::vector<tensorrt::LayerTime>> TakeLayerTimes();
  // The outputs of the last query, copied now if they were not.
  Result<std::vector<Output>> Outputs();

  const std::shared_ptr<cuda::Graph>& graph() const noexcept { return graph_; }
  const std::string& graph_refusal() const noexcept { return graph_refusal_; }

 private:
  enum : std::size_t { kIn, kCompute, kOut, kStreams };
  enum : std::size_t { kInStart, kInEnd, kComputeStart, kComputeEnd, kOutStart, kOutEnd, kEvents };
  // One query in flight.
  struct Flight {
    std::array<std::shared_ptr<cuda::Event>, kEvents> events;
    Clock::time_point enqueue_start, enqueue_end;
    bool active = false;
  };

  Status Init();
  Status ProvideActivations();
  Status Enqueue();
  Status Capture();
  Status Record(Flight& flight, std::size_t event, std::size_t stream) const {
    return streams_[stream]->Record(*flight.events[event]);
  }
  void Next() noexcept { next_ = (next_ + 1) % flights_.size(); }

  const std::shared_ptr<cuda::PrimaryContext> context_;
  std::shared_ptr<tensorrt::ExecutionContext> execution_;
  const Options& options_;
  const int id_;
  std::array<std::shared_ptr<cuda::Stream>, kStreams> streams_;
  std::vector<Flight> flights_;
  std::size_t next_ = 0;
  std::unique_ptr<Bindings> bindings_;
  std::shared_ptr<cuda::DeviceBuffer> activations_;  // user-managed
  std::shared_ptr<cuda::Graph> graph_;
  std::string graph_refusal_;
};

}  // namespace trtnode::bench
