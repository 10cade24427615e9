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
export type { ModelOptions } from './plan-cache/options.js';
export { Session } from './session.js';
export type {
  Feed,
  Feeds,
  OutputTarget,
  OutputTargets,
  OutputsOf,
  RunOptions,
  SessionMemory,
  RunTiming,
  SessionOptions,
  SessionStats,
  TensorDescription,
} from './session/types.js';

export { type BuildOptions, type BuildProgress, build } from './build/build.js';
export type { BuildProfile, BuildShape, BuildValues } from './build/profile.js';
export {
  type InspectOptions,
  type LayerInfo,
  type PlanEngineInfo,
  type PlanHeaderInfo,
  type PlanInfo,
  inspect,
} from './inspect/inspect.js';
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
export type { OnnxInfo, OnnxTensor } from './inspect/onnx.js';
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
  LayerReport,
  RequestDetail,
  RequestSplit,
} from './bench/types.js';
export { type DoctorProblem, type DoctorReport, doctor } from './doctor/doctor.js';
export type { FoundLibrary } from './doctor/libraries.js';
export { formatNpy, parseNpy, readNpy, writeNpy } from './npy.js';

export { CudaEvent, type EventOptions } from './runtime/event.js';
export { CudaGraph } from './runtime/cuda-graph.js';
export { DeviceBuffer } from './runtime/device-buffer.js';
export { type AllocationStrategy, Engine } from './runtime/engine.js';
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
export { Handle } from './runtime/handle.js';
export { type AllocateOutput, OutputAllocator } from './runtime/output-allocator.js';
export { PinnedBuffer, type PinnedBufferOptions } from './runtime/pinned-buffer.js';
export { type DeviceInfo, Runtime, type RuntimeOptions } from './runtime/runtime.js';
export {
  type CaptureMode,
  type CopyOptions,
  Stream,
  type StreamOptions,
} from './runtime/stream.js';
