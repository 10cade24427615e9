// One inference stream.
#include "bench/lane.h"

#include <utility>

namespace trtnode::bench {
namespace {

constexpr int kCaptureThreadLocal = 1;
constexpr int kAttributeMaxPersistingL2CacheSize = 108;

Status LimitPersistentCache(const cuda::PrimaryContext& context,
                            tensorrt::ExecutionContext& execution, double ratio) {
  cuda::abi::CUdevice device = 0;
  int most = 0;
  RETURN_IF_ERROR(
      context.driver().Check(context.f().cuDeviceGet(&device, context.device()), "cuDeviceGet"));
  RETURN_IF_ERROR(context.driver().Check(
      context.f().cuDeviceGetAttribute(&most, kAttributeMaxPersistingL2CacheSize, device),
      "cuDeviceGetAttribute"));
  return execution.SetPersistentCacheLimit(static_cast<std::uint64_t>(most * ratio));
}

double Milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

Lane::Lane(std::shared_ptr<cuda::PrimaryContext> context,
           std::shared_ptr<tensorrt::ExecutionContext> execution, const Options& options, int id)
    : context_(std::move(context)),
      execution_(std::move(execution)),
      options_(options),
      id_(id),
      flights_(options.overlap ? 2 : 1) {}

Lane::~Lane() {
  // An execution context must not die while its work runs, nor without its CUDA context being current.
  const cuda::ContextGuard guard(*context_);
  for (const auto& stream : streams_) {
    if (stream != nullptr) (void)stream->Synchronize().ok();
  }
  graph_.reset();
  execution_.reset();
}

Result<std::unique_ptr<Lane>> Lane::Create(std::shared_ptr<cuda::PrimaryContext> context,
                                           const std::shared_ptr<tensorrt::Engine>& engine,
                                           const Options& options, int id) {
  ASSIGN_OR_RETURN(auto execution, engine->CreateExecutionContext(options.allocation));
  auto lane = std::make_unique<Lane>(std::move(context), std::move(execution), options, id);
  RETURN_IF_ERROR(lane->Init());
  return lane;
}

Status Lane::Init() {
  for (auto& stream : streams_) {
    ASSIGN_OR_RETURN(stream, cuda::Stream::Create(context_, 0));
  }
  for (Flight& flight : flights_) {
    for (auto& event : flight.events) {
      ASSIGN_OR_RETURN(event, cuda::Event::Create(context_, true, !options_.spin));
    }
  }
  if (options_.persistent_cache_ratio.has_value()) {
    RETURN_IF_ERROR(LimitPersistentCache(*context_, *execution_, *options_.persistent_cache_ratio));
  }
  if (execution_->optimization_profile() != options_.profile) {
    RETURN_IF_ERROR(
        execution_->SetOptimizationProfile(options_.profile, streams_[kCompute]->handle()));
    RETURN_IF_ERROR(streams_[kCompute]->Synchronize());
  }
  ASSIGN_OR_RETURN(bindings_, Bindings::Create(context_, execution_, options_));
  RETURN_IF_ERROR(ProvideActivations());
  if (!options_.layer_times) return {};
  RETURN_IF_ERROR(execution_->SetProfiling(true));
  return execution_->SetEnqueueEmitsProfile(false);  // TakeLayerTimes asks
}

Status Lane::ProvideActivations() {
  if (options_.allocation != tensorrt::AllocationStrategy::kUserManaged) return {};
  ASSIGN_OR_RETURN(const std::int64_t bytes, execution_->UpdateDeviceMemorySizeForShapes());
  if (bytes <= 0) return {};
  ASSIGN_OR_RETURN(activations_,
                   cuda::DeviceBuffer::Allocate(context_, static_cast<std::size_t>(bytes)));
  return execution_->SetDeviceMemory(reinterpret_cast<void*>(activations_->address()), bytes);
}

Status Lane::Prepare() {
  if (!options_.transfers) {
    RETURN_IF_ERROR(bindings_->CopyIn(*streams_[kIn]));
    RETURN_IF_ERROR(streams_[kIn]->Synchronize());
  }
  if (!options_.cuda_graph) return {};
  if (bindings_->data_dependent()) {
    graph_refusal_ = "the size of an output depends on the data";
    return {};
  }
  // What TensorRT sets up in the first run must not be captured.
  RETURN_IF_ERROR(execution_->Enqueue(streams_[kCompute]->handle()));
  RETURN_IF_ERROR(streams_[kCompute]->Synchronize());
  Status status = Capture();
  if (status.ok()) return {};
  if (status.error().code == ErrorCode::kDeviceLost) return status;
  graph_refusal_ = status.error().message;
  return {};
}

Status Lane::WaitFor(const cuda::Event& start) const {
  RETURN_IF_ERROR(streams_[kIn]->Wait(start));
  return streams_[kCompute]->Wait(start);  // without transfers it does not wait for the other
}

Status Lane::Capture() {
  RETURN_IF_ERROR(streams_[kCompute]->BeginCapture(kCaptureThreadLocal));
  Status enqueued = execution_->Enqueue(streams_[kCompute]->handle());
  auto ended = streams_[kCompute]->EndCapture();  // in any case: the stream must be usable again
  RETURN_IF_ERROR(std::move(enqueued));
  ASSIGN_OR_RETURN(graph_, std::move(ended));
  return {};
}

Status Lane::Enqueue() {
  if (graph_ != nullptr) return graph_->Launch(streams_[kCompute]->handle());
  bindings_->BeforeEnqueue();
  return execution_->Enqueue(streams_[kCompute]->handle());
}

Status Lane::Launch() {
  Flight& flight = flights_[next_];
  if (flight.active) return {};
  if (options_.transfers) {
    RETURN_IF_ERROR(Record(flight, kInStart, kIn));
    RETURN_IF_ERROR(bindings_->CopyIn(*streams_[kIn]));
    RETURN_IF_ERROR(Record(flight, kInEnd, kIn));
    RETURN_IF_ERROR(streams_[kCompute]->Wait(*flight.events[kInEnd]));
  }
  RETURN_IF_ERROR(Record(flight, kComputeStart, kCompute));
  flight.enqueue_start = Clock::now();
  RETURN_IF_ERROR(Enqueue());
  flight.enqueue_end = Clock::now();
  RETURN_IF_ERROR(Record(flight, kComputeEnd, kCompute));
  if (options_.transfers) {
    RETURN_IF_ERROR(streams_[kOut]->Wait(*flight.events[kComputeEnd]));
    RETURN_IF_ERROR(Record(flight, kOutStart, kOut));
    RETURN_IF_ERROR(bindings_->CopyOut(*streams_[kOut]));
    RETURN_IF_ERROR(Record(flight, kOutEnd, kOut));
  }
  flight.active = true;
  Next();
  return {};
}

Result<double> Lane::Collect(const Start& start, std::vector<Query>& into) {
  Flight& flight = flights_[next_];
  if (!flight.active) return 0.0;
  const auto& events = flight.events;
  RETURN_IF_ERROR(events[options_.transfers ? kOutEnd : kComputeEnd]->Synchronize());
  flight.active = false;
  Query query;
  query.stream = id_;
  query.enqueue_start = Milliseconds(flight.enqueue_start - start.host);
  query.enqueue_end = Milliseconds(flight.enqueue_end - start.host);
  // CUDA gives times as float, too coarse for differences of distant marks: only the first is told from the start.
  const auto after = [](const cuda::Event& earlier, const cuda::Event& later, double at,
                        double& mark) -> Status {
    ASSIGN_OR_RETURN(const float between, later.MillisecondsSince(earlier));
    mark = at + static_cast<double>(between);
    return {};
  };
  const std::size_t first = options_.transfers ? kInStart : kComputeStart;
  RETURN_IF_ERROR(after(*start.device, *events[first], 0, query.h2d_start));
  query.h2d_end = query.h2d_start;
  query.compute_start = query.h2d_start;
  if (options_.transfers) {
    RETURN_IF_ERROR(after(*events[kInStart], *events[kInEnd], query.h2d_start, query.h2d_end));
    RETURN_IF_ERROR(
        after(*events[kInEnd], *events[kComputeStart], query.h2d_end, query.compute_start));
  }
  RETURN_IF_ERROR(
      after(*events[kComputeStart], *events[kComputeEnd], query.compute_start, query.compute_end));
  query.d2h_start = query.d2h_end = query.compute_end;
  if (options_.transfers) {
    RETURN_IF_ERROR(
        after(*events[kComputeEnd], *events[kOutStart], query.compute_end, query.d2h_start));
    RETURN_IF_ERROR(after(*events[kOutStart], *events[kOutEnd], query.d2h_start, query.d2h_end));
  }
  into.push_back(query);
  return query.compute_start;
}

Status Lane::CollectAll(const Start& start, std::vector<Query>& into) {
  for (std::size_t i = 0; i < flights_.size(); ++i) {
    RETURN_IF_ERROR(Collect(start, into).TakeStatus());
    Next();
  }
  return {};
}

Result<std::vector<tensorrt::LayerTime>> Lane::TakeLayerTimes() {
  RETURN_IF_ERROR(execution_->ReportToProfiler());
  return execution_->TakeLayerTimes();
}

Result<std::vector<Output>> Lane::Outputs() {
  if (!options_.transfers) RETURN_IF_ERROR(bindings_->CopyOut(*streams_[kOut]));
  RETURN_IF_ERROR(streams_[kOut]->Synchronize());
  return bindings_->Outputs();
}

}  // namespace trtnode::bench
