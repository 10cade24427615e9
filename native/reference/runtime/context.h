// IExecutionContext: shapes, addresses and profile of one stream of inferences, and the enqueueing of runs.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/cuda/stream.h"
#include "reference/runtime/engine_core.h"
#include "reference/runtime/model_run.h"

namespace trtnode::reference {

class ExecutionContext final : public VExecutionContext {
 public:
  // Null (and logged) if the device memory that the strategy asks for cannot be had.
  static IExecutionContext* Make(std::shared_ptr<EngineCore> core, ICudaEngine* engine,
                                 IErrorRecorder* recorder,
                                 ExecutionContextAllocationStrategy strategy);
  ExecutionContext(std::shared_ptr<EngineCore> core, ICudaEngine* engine, IErrorRecorder* recorder,
                   ExecutionContextAllocationStrategy strategy);
  // Waits for its runs, as freeing device memory does on a GPU: they report to a logger that may go next.
  ~ExecutionContext() override;

  IExecutionContext* getPImpl() noexcept override { return handle_; }
  void setDebugSync(bool sync) noexcept override { debug_sync_ = sync; }
  bool getDebugSync() const noexcept override { return debug_sync_; }
  void setProfiler(IProfiler* profiler) noexcept override;
  IProfiler* getProfiler() const noexcept override { return profiler_; }
  ICudaEngine const& getEngine() const noexcept override { return *engine_; }
  void setName(char const* name) noexcept override { name_ = name == nullptr ? "" : name; }
  char const* getName() const noexcept override { return name_.c_str(); }
  void setDeviceMemory(void* memory) noexcept override;
  void setDeviceMemoryV2(void* memory, int64_t size) noexcept override;
  size_t updateDeviceMemorySizeForShapes() noexcept override;
  int32_t getOptimizationProfile() const noexcept override { return profile_; }
  bool setOptimizationProfileAsync(int32_t index, cudaStream_t stream) noexcept override;
  bool allInputDimensionsSpecified() const noexcept override;
  bool allInputShapesSpecified() const noexcept override;
  void setErrorRecorder(IErrorRecorder* recorder) noexcept override {
    reports_->SetRecorder(recorder);
  }
  IErrorRecorder* getErrorRecorder() const noexcept override { return reports_->recorder(); }

  bool setInputShape(char const* name, Dims64 const& dims) noexcept override;
  Dims64 getTensorShape(char const* name) const noexcept override;
  Dims64 getTensorStrides(char const* name) const noexcept override;
  int32_t inferShapes(int32_t max_names, char const** names) noexcept override;
  int64_t getMaxOutputSize(char const* name) const noexcept override;

  bool setTensorAddress(char const* name, void* address) noexcept override;
  void const* getTensorAddress(char const* name) const noexcept override;
  bool setInputTensorAddress(char const* name, void const* address) noexcept override;
  bool setOutputTensorAddress(char const* name, void* address) noexcept override;
  void* getOutputTensorAddress(char const* name) const noexcept override;
  bool setOutputAllocator(char const* name, IOutputAllocator* allocator) noexcept override;
  IOutputAllocator* getOutputAllocator(char const* name) noexcept override;
  bool setInputConsumedEvent(cudaEvent_t event) noexcept override;
  cudaEvent_t getInputConsumedEvent() const noexcept override { return consumed_; }
  bool setTemporaryStorageAllocator(IGpuAllocator* allocator) noexcept override;
  IGpuAllocator* getTemporaryStorageAllocator() const noexcept override { return temporary_; }

  bool enqueueV3(cudaStream_t stream) noexcept override;
  bool executeV2(void* const* bindings) noexcept override;
  void setEnqueueEmitsProfile(bool emits) noexcept override { emits_profile_ = emits; }
  bool getEnqueueEmitsProfile() const noexcept override { return emits_profile_; }
  bool reportToProfiler() const noexcept override;

  void setPersistentCacheLimit(size_t size) noexcept override { cache_limit_ = size; }
  size_t getPersistentCacheLimit() const noexcept override { return cache_limit_; }
  bool setNvtxVerbosity(ProfilingVerbosity verbosity) noexcept override;
  ProfilingVerbosity getNvtxVerbosity() const noexcept override { return nvtx_; }
  void setAuxStreams(cudaStream_t*, int32_t) noexcept override {}  // an engine of ours needs none
  bool setDebugListener(IDebugListener* listener) noexcept override;
  IDebugListener* getDebugListener() noexcept override { return listener_; }
  bool setTensorDebugState(char const* name, bool flag) noexcept override;
  bool getDebugState(char const* name) const noexcept override;
  bool setAllTensorsDebugState(bool flag) noexcept override;
  bool setUnfusedTensorsDebugState(bool flag) noexcept override;
  bool getUnfusedTensorsDebugState() const noexcept override { return false; }
  IRuntimeConfig* getRuntimeConfig() const noexcept override { return nullptr; }

 private:
  struct Pending;  // what enqueue gathers before it touches the stream

  bool Fail(char const* api, const std::string& text) const;
  // The tensor's index, or -1 with TensorRT's complaint logged.
  int FindTensor(char const* api, char const* name) const;
  // What TensorRT 10.6 checks at once: the network's own dimensions, and that some profile takes the shape.
  bool CheckShape(size_t input, Dims64 const& dims) const;
  bool InProfile(size_t input, const std::vector<int64_t>& dimensions, size_t profile) const;
  // What it checks when the shapes are used: that the selected profile takes them, and the values of shape tensors.
  bool CheckProfile(char const* api) const;
  void ResetShapes();
  bool AllocateForProfile(char const* api);
  // Reads the shape inputs' values from where their addresses point.
  std::vector<InputState> ReadInputs() const;
  bool DimensionsKnown(size_t input) const;
  // Null if not everything is specified yet, or (with the reason in `error`) the shapes do not fit the model.
  std::shared_ptr<const Shapes> CurrentShapes(std::string* error) const;

  bool Enqueue(char const* api, cudaStream_t stream);
  bool Gather(char const* api, cudaStream_t stream, Pending* pending);
  bool PlaceOutput(char const* api, cudaStream_t stream, size_t output,
                   const std::vector<int64_t>& dimensions, bool known, RunTensor* tensor);
  void* Reallocate(char const* api, cudaStream_t stream, size_t output, size_t bytes);
  bool Deliver(char const* api, cudaStream_t handle, Stream& stream, const Pending& pending);
  void ReportLayers() const;
  // Of the debug tensors, those that the listener shall get; empty without a listener.
  std::vector<size_t> WatchedTensors() const;
  bool TellListener(char const* api, cudaStream_t handle, const Pending& pending,
                    const std::vector<size_t>& watched);

  friend class Engine;

  std::shared_ptr<EngineCore> core_;
  ICudaEngine* engine_;
  IExecutionContext* handle_ = nullptr;
  std::shared_ptr<Reporter> reports_;
  ExecutionContextAllocationStrategy strategy_;
  std::string name_;
  int32_t profile_ = 0;
  std::vector<InputState> inputs_;  // by tensor index
  std::vector<void*> addresses_;    // by tensor index
  std::vector<IOutputAllocator*> allocators_;
  std::unique_ptr<DeviceMemory> memory_;
  void* user_memory_ = nullptr;
  cudaEvent_t consumed_ = nullptr;
  IProfiler* profiler_ = nullptr;
  IGpuAllocator* temporary_ = nullptr;
  IDebugListener* listener_ = nullptr;
  std::set<std::string> watched_;  // names of debug tensors that are on
  bool debug_sync_ = false;
  bool emits_profile_ = true;
  size_t cache_limit_ = 0;
  ProfilingVerbosity nvtx_;
  std::shared_ptr<RunResult> last_run_;
  Ticket last_ticket_;
};

}  // namespace trtnode::reference
