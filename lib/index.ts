// The public exports of trt-node, and nothing else.

export {
  AbortedError,
  type AnyTensorRTError,
  BuildError,
  BusyError,
  ClosedError,
  DeadlineError,
  DeviceError,
  DeviceLostError,
  type ErrorCode,
  type ErrorDetails,
  ExecutionError,
  FileError,
  IncompatiblePlanError,
  InternalError,
  InvalidArgumentError,
  InvalidPlanError,
  LoadError,
  OutOfMemoryError,
  RefitError,
  type ServingCode,
  ServingError,
  type ServingStatus,
  TensorRTError,
  UnsupportedError,
  isTensorRTError,
} from './errors.js';
export {
  type DType,
  type DTypeArrays,
  type TensorData,
  byteSize,
  dtypes,
  isDType,
} from './dtype.js';
export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from './float.js';
export { Tensor, type TensorSource } from './tensor.js';
export { DeviceTensor } from './device-tensor.js';
export type { LogFunction, LogOptions, LogSeverity } from './log.js';
export type { PlatformOptions, RuntimeKind } from './platform.js';

export { ActivationMemory, type ActivationMemoryOptions } from './runtime/activation-memory.js';
export type { PlanInput, PlanReader, PlanSource } from './plan-source.js';
export type { ModelOptions } from './plan-cache/options.js';
export { Session } from './session.js';
export type { DebugTensor } from './session/debug.js';
export type {
  Feed,
  Feeds,
  OutputTarget,
  OutputTargets,
  OutputsOf,
  RunOptions,
  SessionDeviceMemory,
  SessionDeviceStats,
  SessionMemory,
  RunTiming,
  SessionOptions,
  SessionStats,
  TensorDescription,
} from './session/types.js';

export { type BuildOptions, build } from './build/build.js';
export type { BuildProgress } from './build/progress.js';
export { BuildJob, startBuild } from './build/job.js';
export type {
  CalibrationAlgorithm,
  CalibrationBatch,
  CalibrationOptions,
} from './build/calibration.js';
export { type CheckModelOptions, type ModelCapability, checkModel } from './build/capability.js';
export type { ModelError, ModelSubgraph, UnsupportedOperator } from './model-report.js';
export type {
  BuilderConfigOptions,
  MemoryPool,
  PreviewFeature,
  RuntimePlatform,
  TacticSource,
} from './build/config-options.js';
export type { IOFormat, NetworkOptions, TensorFormat } from './build/network-options.js';
export type { BuildProfile, BuildShape, BuildValues } from './build/profile.js';
export {
  type InspectOptions,
  type PlanEngineInfo,
  type PlanHeaderInfo,
  type PlanInfo,
  inspect,
} from './inspect/inspect.js';
export type { Counts, LayerInfo, LayerTensor } from './inspect/layers.js';
export type {
  OnnxAttribute,
  OnnxFunction,
  OnnxInfo,
  OnnxInitializer,
  OnnxNode,
  OnnxSubgraph,
  OnnxTensor,
  OnnxWeights,
} from './inspect/onnx-types.js';
export { type DiffOptions, diff, diffOnnx, diffPlans } from './inspect/diff.js';
export type {
  Change,
  CountDiff,
  LayerChange,
  LayerDiff,
  LoneLayer,
  OnnxDiff,
  PlanDiff,
} from './inspect/diff-types.js';
export { type GraphOptions, drawGraph } from './inspect/graph/draw.js';
export {
  type PreflightHeader,
  type PreflightOptions,
  type PreflightReport,
  preflight,
} from './inspect/preflight.js';
export type {
  PreflightCheck,
  PreflightCheckName,
  PreflightStatus,
} from './inspect/preflight-checks.js';
export { bench } from './bench/bench.js';
export type { BenchSummary } from './bench/statistics.js';
export type {
  BenchFinding,
  BenchInput,
  BenchOptions,
  BenchPhase,
  BenchProgress,
  BenchReport,
  BenchRequest,
  BenchSettings,
  BenchTrace,
  DeviceReport,
  JsReport,
  RequestDetail,
  RequestSplit,
} from './bench/types.js';
export {
  type CompareOptions,
  type ComparisonReport,
  type NamedTensors,
  compareOutputs,
  compareWithOnnxRuntime,
} from './compare/compare.js';
export {
  type ErrorFigures,
  type ErrorStatistic,
  type OutputComparison,
  type Tolerances,
  compareTensors,
} from './compare/metrics.js';
export type { QueryTrace } from './layers/chrome-trace.js';
export type { LayerReport, LayerTimes } from './layers/layer-times.js';
export { LayerProfile, type LayerProfileOptions } from './session/layer-profile.js';
export { type DoctorProblem, type DoctorReport, doctor } from './doctor/doctor.js';
export type { FoundLibrary } from './doctor/libraries.js';
export {
  type PlanOptions,
  type RefitOptions,
  type RefitPlanOptions,
  type RefittableWeights,
  refit,
  refittableWeights,
} from './refit/refit.js';
export type { RefitResult } from './refit/apply.js';
export { type SafetensorsEntry, SafetensorsFile } from './safetensors.js';
export { formatNpy, parseNpy, readNpy, writeNpy } from './npy.js';

export { CudaEvent, type EventOptions } from './runtime/event.js';
export { CudaGraph } from './runtime/cuda-graph.js';
export {
  type AddressOptions,
  DeviceBuffer,
  type IpcMemoryOptions,
} from './runtime/device-buffer.js';
export type { IpcMemoryHandle, OnDeviceOptions } from './runtime/ipc.js';
export type { AllocationStrategy } from './runtime/allocation-strategy.js';
export { Engine, type SerializeOptions, type WeightStreaming } from './runtime/engine.js';
export type {
  EngineCapability,
  EngineProperties,
  HardwareCompatibilityLevel,
  ProfileShape,
  ProfilingVerbosity,
  TensorInfo,
  TensorLayout,
} from './runtime/engine-info.js';
export { EngineInspector, type LayerInformationFormat } from './runtime/engine-inspector.js';
export { ExecutionContext, type LayerTime } from './runtime/execution-context.js';
export {
  type AllocateDeviceMemory,
  GpuAllocator,
  type GpuAllocatorOptions,
  type GpuAllocatorStats,
} from './runtime/gpu-allocator.js';
export { Handle } from './runtime/handle.js';
export { type AllocateOutput, OutputAllocator } from './runtime/output-allocator.js';
export { PinnedBuffer, type PinnedBufferOptions } from './runtime/pinned-buffer.js';
export { Refitter, type WeightsBuffer, type WeightsShape } from './runtime/refitter.js';
export { RuntimeConfig } from './runtime/runtime-config.js';
export { type DeviceInfo, Runtime, type RuntimeOptions } from './runtime/runtime.js';
export type { CopyOptions } from './runtime/copy-range.js';
export { type CaptureMode, Stream, type StreamOptions } from './runtime/stream.js';
export type { WeightStreamingBudget } from './runtime/weight-streaming.js';

export {
  type Datatype,
  type DatatypeArrays,
  type NumericArray,
  isDatatype,
} from './serving/datatype.js';
export { InferTensor, type InferTensorSource } from './serving/infer-tensor.js';
export type {
  FailureReason,
  InferInput,
  InferInputs,
  InferOptions,
  InferRequest,
  InferResponse,
  Parameters,
} from './serving/request.js';
export type { ModelMemory } from './serving/model/backend.js';
export type {
  BatchSizeStatistics,
  DispatchReason,
  DurationStatistic,
  LatencyHistogram,
  ModelStatistics,
  Phase,
} from './serving/model/statistics.js';
export { ModelRepository } from './serving/repository/model-repository.js';
export type {
  ControlMode,
  RateLimitResource,
  RepositoryLogLevel,
  RepositoryOptions,
} from './serving/repository/options.js';
export type { ModelDescription } from './serving/repository/memory-report.js';
export type {
  InferenceService,
  LoadOverrides,
  ModelIndexEntry,
  ModelMetadata,
  ModelState,
  Readiness,
  ServedVersion,
  TensorMetadata,
} from './serving/service.js';
export type * from './serving/config/model-config.js';
export { emptyModelConfig } from './serving/config/defaults.js';
export { modelConfigFromJson, modelConfigToJson } from './serving/config/json.js';
export { formatModelConfig, parseModelConfig } from './serving/config/text-format.js';
export { serve, type ListenOptions, type ServeOptions } from './serving/serve.js';
export type { InferenceServer } from './serving/server.js';
export type { Endpoint } from './serving/listeners.js';
export type {
  JsContext,
  JsModel,
  JsOutput,
  JsRequest,
  JsResponse,
  JsSequence,
  JsTensor,
} from './serving/backends/js/types.js';
export {
  HttpDoor,
  type HttpServerOptions,
  createHttpServer as createServer,
} from './serving/http/door.js';
export type { HttpPage } from './serving/http/app.js';
export {
  type AccessOptions,
  type ApiCategory,
  type RestrictedApi,
  apiCategories,
  parseRestrictedApi,
} from './serving/security/access.js';
export { type SecurityOptions, describeSecurity } from './serving/security/describe.js';
export type { LimitOptions } from './serving/security/limits.js';
export type { TlsOptions } from './serving/security/tls.js';
export { type LogSettings, ServerLog, type ServerLogLevel } from './serving/log-settings.js';
export { ServerSettings, type ServerSettingsOptions } from './serving/settings.js';
export type {
  CudaSharedMemoryStatus,
  SharedMemoryOptions,
  SystemSharedMemoryStatus,
} from './serving/shared-memory/registry.js';
export {
  type TraceLevel,
  type TraceSetting,
  type TraceSettingText,
  TraceSettings,
  type TraceUpdate,
} from './serving/trace-settings.js';
export {
  type CompressionLevel,
  type GrpcDoor,
  type GrpcServerOptions,
  type KeepaliveOptions,
  createGrpcServer,
} from './serving/grpc/server.js';
export {
  type CountedDoor,
  type Metrics,
  type MetricsOptions,
  type SummaryOptions,
  createMetrics,
} from './serving/metrics/metrics.js';
