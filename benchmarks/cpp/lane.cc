// Setting up a lane, launching it and the ways of waiting.
#include "lane.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "tensorrt/abi/call.h"

namespace trtnode::benchmark {
namespace {

namespace m = tensorrt::abi::methods;

constexpr std::pair<WaitKind, std::string_view> kNames[] = {
    {WaitKind::kSync, "sync"},
    {WaitKind::kQuery, "query"},
    {WaitKind::kEvent, "event"},
    {WaitKind::kEventExternal, "event-external"},
    {WaitKind::kFlagMemop, "flag-memop"},
    {WaitKind::kFlagMemset, "flag-memset"},
    {WaitKind::kFlagMemcpy, "flag-memcpy"},
    {WaitKind::kHostFunction, "hostfunc"},
    {WaitKind::kBlocking, "blocking"}};

constexpr auto kPatience =
    std::chrono::seconds(5);  // a flag that does not come is a failure, not a hang
constexpr int kSpinsBetweenLooksAtTheClock = 1 << 16;

Status Lacks(const char* function) {
  return Status(ErrorCode::kUnsupported, std::string("the driver has no ") + function);
}

bool NeedsFlag(WaitKind wait) {
  return wait == WaitKind::kFlagMemop || wait == WaitKind::kFlagMemset ||
         wait == WaitKind::kFlagMemcpy || wait == WaitKind::kHostFunction;
}

}  // namespace

std::string_view NameOf(WaitKind wait) noexcept {
  for (const auto& [kind, name] : kNames)
    if (kind == wait) return name;
  return "?";
}

std::optional<WaitKind> WaitFromName(std::string_view name) noexcept {
  for (const auto& [kind, text] : kNames)
    if (text == name) return kind;
  return std::nullopt;
}

Result<std::unique_ptr<Lane>> Lane::Create(const World& world,
                                           const std::shared_ptr<tensorrt::Engine>& engine,
                                           const Arguments& arguments, WaitKind wait) {
  std::unique_ptr<Lane> lane(new Lane(world));
  RETURN_IF_ERROR(lane->Setup(engine, arguments, wait));
  return lane;
}

Lane::~Lane() {
  if (raw_stream_ != nullptr) f_.cuStreamSynchronize(raw_stream_);
  if (exec_ != nullptr) f_.cuGraphExecDestroy(exec_);
}

Status Lane::Setup(const std::shared_ptr<tensorrt::Engine>& engine, const Arguments& arguments,
                   WaitKind wait) {
  wait_ = wait;
  ASSIGN_OR_RETURN(stream_, cuda::Stream::Create(world_.context, 0));
  raw_stream_ = stream_->handle();
  const bool blocking = wait == WaitKind::kBlocking;
  ASSIGN_OR_RETURN(event_, cuda::Event::Create(world_.context, false, blocking));
  ASSIGN_OR_RETURN(flag_memory_, cuda::PinnedBuffer::Allocate(world_.context, 64, true));
  std::memset(flag_memory_->data(), 0, 64);
  flag_ = reinterpret_cast<std::atomic<std::uint32_t>*>(flag_memory_->data());
  if (wait == WaitKind::kFlagMemcpy) {
    ASSIGN_OR_RETURN(one_, cuda::DeviceBuffer::Allocate(world_.context, 4));
    const std::uint32_t one = 1;
    RETURN_IF_ERROR(one_->Write(std::as_bytes(std::span(&one, 1)), 0));
  }
  ASSIGN_OR_RETURN(context_, engine->CreateExecutionContext(tensorrt::AllocationStrategy::kStatic));
  RETURN_IF_ERROR(SetShapes(arguments));
  for (std::size_t i = 0; i < engine->info().tensors.size(); ++i)
    RETURN_IF_ERROR(AddPort(static_cast<int>(i)));
  // TensorRT wants a first run outside of a capture.
  CopyIn();
  RETURN_IF_ERROR(Issue());
  RETURN_IF_ERROR(stream_->Synchronize());
  if (arguments.graph) RETURN_IF_ERROR(Capture());
  if (!Once(true)) return Status(ErrorCode::kExecution, failure_);
  return Status();
}

Status Lane::SetShapes(const Arguments& arguments) {
  const tensorrt::EngineInfo& info = context_->engine()->info();
  const int profile = arguments.profile;
  if (profile >= info.num_profiles)
    return Status(ErrorCode::kInvalidArgument,
                  "the plan has " + std::to_string(info.num_profiles) + " profiles");
  RETURN_IF_ERROR(context_->SetOptimizationProfile(profile, raw_stream_));
  RETURN_IF_ERROR(stream_->Synchronize());
  for (std::size_t i = 0; i < info.tensors.size(); ++i) {
    const tensorrt::TensorInfo& tensor = info.tensors[i];
    if (tensor.mode != tensorrt::TensorIOMode::kInput) continue;
    const auto given = arguments.shapes.find(tensor.name);
    Dims shape = tensor.shape;
    if (given != arguments.shapes.end()) {
      shape = given->second;
    } else if (!shape.IsConcrete() && !tensor.profiles.empty()) {
      shape = tensor.profiles[static_cast<std::size_t>(profile)].opt;
    }
    RETURN_IF_ERROR(context_->SetInputShape(static_cast<int>(i), shape));
  }
  return Status();
}

Status Lane::AddPort(int index) {
  const tensorrt::TensorInfo& tensor =
      context_->engine()->info().tensors[static_cast<std::size_t>(index)];
  if (tensor.location != tensorrt::TensorLocation::kDevice)
    return Status(ErrorCode::kUnsupported, "'" + tensor.name + "' is a tensor of the host");
  ASSIGN_OR_RETURN(const Dims shape, context_->TensorShape(index));
  const auto volume = shape.Volume();
  const auto bytes = volume ? ByteSize(tensor.dtype, *volume) : std::nullopt;
  if (!bytes)
    return Status(ErrorCode::kUnsupported,
                  "'" + tensor.name + "' has the shape " + shape.ToString());
  const bool input = tensor.mode == tensorrt::TensorIOMode::kInput;
  hosts_.push_back(input ? InputData(tensor, *volume) : std::vector<std::byte>(*bytes));
  ASSIGN_OR_RETURN(auto pinned, cuda::PinnedBuffer::Allocate(world_.context, *bytes, false));
  ASSIGN_OR_RETURN(auto device, cuda::DeviceBuffer::Allocate(world_.context, *bytes));
  (input ? inputs_ : outputs_)
      .push_back({hosts_.back().data(), pinned->data(), device->address(), *bytes});
  if (!input) output_tensors_.push_back(index);
  RETURN_IF_ERROR(context_->SetTensorAddress(index, device->pointer()));
  pinned_.push_back(std::move(pinned));
  devices_.push_back(std::move(device));
  return Status();
}

Status Lane::Capture() {
  const cuda::Driver& driver = *world_.driver;
  // Of this thread alone; relaxed, as TensorRT may allocate.
  RETURN_IF_ERROR(stream_->BeginCapture(cuda::abi::kCaptureModeRelaxed));
  Status issued = Issue();
  cuda::abi::CUgraph graph = nullptr;
  const cuda::abi::CUresult ended = f_.cuStreamEndCapture(raw_stream_, &graph);
  if (!issued.ok()) {
    if (graph != nullptr) f_.cuGraphDestroy(graph);
    return issued;
  }
  RETURN_IF_ERROR(driver.Check(ended, "cuStreamEndCapture"));
  const cuda::abi::CUresult made = f_.cuGraphInstantiateWithFlags(&exec_, graph, 0);
  f_.cuGraphDestroy(graph);
  if (made != cuda::abi::kSuccess) exec_ = nullptr;
  RETURN_IF_ERROR(driver.Check(made, "cuGraphInstantiateWithFlags"));
  if (f_.cuGraphUpload != nullptr)
    RETURN_IF_ERROR(driver.Check(f_.cuGraphUpload(exec_, raw_stream_), "cuGraphUpload"));
  return stream_->Synchronize();
}

Status Lane::Issue() {
  for (const Port& port : inputs_)
    RETURN_IF_ERROR(stream_->CopyToDevice(port.device, port.pinned, port.bytes));
  RETURN_IF_ERROR(context_->Enqueue(raw_stream_));
  for (const Port& port : outputs_)
    RETURN_IF_ERROR(stream_->CopyToHost(port.pinned, port.device, port.bytes));
  return IssueSignal();
}

Status Lane::IssueSignal() {
  const cuda::Driver& driver = *world_.driver;
  const cuda::abi::CUdeviceptr flag = flag_memory_->device_address();
  if (NeedsFlag(wait_) && wait_ != WaitKind::kHostFunction && flag == 0)
    return Status(ErrorCode::kUnsupported, "pinned memory is not mapped");
  switch (wait_) {
    case WaitKind::kFlagMemop:
      if (f_.cuStreamWriteValue32_v2 == nullptr) return Lacks("cuStreamWriteValue32_v2");
      return driver.Check(
          f_.cuStreamWriteValue32_v2(raw_stream_, flag, 1, cuda::abi::kStreamWriteValueDefault),
          "cuStreamWriteValue32_v2");
    case WaitKind::kFlagMemset:
      if (f_.cuMemsetD32Async == nullptr) return Lacks("cuMemsetD32Async");
      return driver.Check(f_.cuMemsetD32Async(flag, 1, 1, raw_stream_), "cuMemsetD32Async");
    case WaitKind::kFlagMemcpy:
      return driver.Check(
          f_.cuMemcpyDtoHAsync_v2(flag_memory_->data(), one_->address(), 4, raw_stream_),
          "cuMemcpyDtoHAsync_v2");
    case WaitKind::kHostFunction:
      if (f_.cuLaunchHostFunc == nullptr) return Lacks("cuLaunchHostFunc");
      return driver.Check(f_.cuLaunchHostFunc(
                              raw_stream_,
                              [](void* word) {
                                static_cast<std::atomic<std::uint32_t>*>(word)->store(
                                    1, std::memory_order_release);
                              },
                              flag_),
                          "cuLaunchHostFunc");
    case WaitKind::kEventExternal:
      if (f_.cuEventRecordWithFlags == nullptr) return Lacks("cuEventRecordWithFlags");
      {  // outside of a capture the external flag has no meaning and is refused
        int capturing = cuda::abi::kCaptureStatusNone;
        RETURN_IF_ERROR(
            driver.Check(f_.cuStreamIsCapturing(raw_stream_, &capturing), "cuStreamIsCapturing"));
        const unsigned flags =
            capturing == cuda::abi::kCaptureStatusNone ? 0 : cuda::abi::kEventRecordExternal;
        return driver.Check(f_.cuEventRecordWithFlags(event_->handle(), raw_stream_, flags),
                            "cuEventRecordWithFlags");
      }
    default:
      return Status();
  }
}

bool Lane::Fail(cuda::abi::CUresult result, const char* call) {
  const Status status = world_.driver->Check(result, call);
  failure_ = status.ok() ? std::string(call) + " failed" : status.error().message;
  return false;
}

bool Lane::RecordAfter() {
  if (wait_ != WaitKind::kEvent && wait_ != WaitKind::kBlocking) return true;
  const cuda::abi::CUresult result = f_.cuEventRecord(event_->handle(), raw_stream_);
  return result == cuda::abi::kSuccess || Fail(result, "cuEventRecord");
}

bool Lane::LaunchGraph() {
  const cuda::abi::CUresult result = f_.cuGraphLaunch(exec_, raw_stream_);
  if (result != cuda::abi::kSuccess) [[unlikely]]
    return Fail(result, "cuGraphLaunch");
  return RecordAfter();
}

bool Lane::LaunchCalls() {
  cuda::abi::CUresult result = cuda::abi::kSuccess;
  for (const Port& port : inputs_) {
    result = f_.cuMemcpyHtoDAsync_v2(port.device, port.pinned, port.bytes, raw_stream_);
    if (result != cuda::abi::kSuccess) return Fail(result, "cuMemcpyHtoDAsync_v2");
  }
  if (!tensorrt::abi::Invoke<m::VExecutionContext_enqueueV3>(
          world_.library->abi_major(),
          static_cast<const tensorrt::abi::IExecutionContext*>(context_->abi_object()),
          reinterpret_cast<tensorrt::abi::CUstream_st*>(raw_stream_))) {
    failure_ = "enqueueV3 said no";
    return false;
  }
  for (const Port& port : outputs_) {
    result = f_.cuMemcpyDtoHAsync_v2(port.pinned, port.device, port.bytes, raw_stream_);
    if (result != cuda::abi::kSuccess) return Fail(result, "cuMemcpyDtoHAsync_v2");
  }
  if (const Status signalled = IssueSignal(); !signalled.ok()) {
    failure_ = signalled.error().message;
    return false;
  }
  return RecordAfter();
}

bool Lane::SpinOnFlag() {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    for (int i = 0; i < kSpinsBetweenLooksAtTheClock; ++i)
      if (flag_->load(std::memory_order_acquire) != 0) return true;
    if (std::chrono::steady_clock::now() - start > kPatience) {
      failure_ = "the flag was not written within 5 s";
      return false;
    }
  }
}

bool Lane::Wait() {
  cuda::abi::CUresult result = cuda::abi::kSuccess;
  switch (wait_) {
    case WaitKind::kSync:
      result = f_.cuStreamSynchronize(raw_stream_);
      return result == cuda::abi::kSuccess || Fail(result, "cuStreamSynchronize");
    case WaitKind::kQuery:
      while ((result = f_.cuStreamQuery(raw_stream_)) == cuda::abi::kNotReady) {
      }
      return result == cuda::abi::kSuccess || Fail(result, "cuStreamQuery");
    case WaitKind::kEvent:
    case WaitKind::kEventExternal:
      while ((result = f_.cuEventQuery(event_->handle())) == cuda::abi::kNotReady) {
      }
      return result == cuda::abi::kSuccess || Fail(result, "cuEventQuery");
    case WaitKind::kBlocking:
      result = f_.cuEventSynchronize(event_->handle());
      return result == cuda::abi::kSuccess || Fail(result, "cuEventSynchronize");
    default:
      return SpinOnFlag();
  }
}

int Lane::CountRight(int times) {
  if (!Once(true)) return 0;
  std::vector<std::vector<std::byte>> expected;
  for (const Port& port : outputs_) expected.emplace_back(port.host, port.host + port.bytes);
  int right = 0;
  for (int i = 0; i < times; ++i) {
    for (const Port& port : outputs_) std::memset(port.pinned, 0xff, port.bytes);
    if (!Once(true)) return right;
    bool same = true;
    for (std::size_t k = 0; k < outputs_.size(); ++k)
      same &= std::memcmp(outputs_[k].host, expected[k].data(), expected[k].size()) == 0;
    right += same ? 1 : 0;
  }
  return right;
}

std::string Lane::OutputsJson() const {
  std::string json = "{";
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const tensorrt::TensorInfo& tensor =
        context_->engine()->info().tensors[static_cast<std::size_t>(output_tensors_[i])];
    json += (i > 0 ? ",\"" : "\"") + tensor.name + "\":{\"dtype\":\"" +
            std::string(DataTypeName(tensor.dtype)) +
            "\",\"bytes\":" + std::to_string(outputs_[i].bytes);
    if (tensor.dtype == DataType::kFloat) {
      json += ",\"first\":[";
      for (std::size_t k = 0; k < 4 && (k + 1) * 4 <= outputs_[i].bytes; ++k) {
        float value = 0;
        std::memcpy(&value, outputs_[i].host + k * 4, 4);
        char text[32];
        std::snprintf(text, sizeof text, "%s%.6g", k > 0 ? "," : "", static_cast<double>(value));
        json += text;
      }
      json += "]";
    }
    json += "}";
  }
  return json + "}";
}

}  // namespace trtnode::benchmark
