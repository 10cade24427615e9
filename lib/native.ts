// The typed surface of the addon: what native/napi exports, one line of doc each. Nothing outside lib/ sees these types.
// Conventions: sizes are bytes as numbers (exact below 2^53); addresses are bigint; shapes are arrays of safe integers, -1 = dynamic;
// dtypes are names (lib/dtype.ts); every failure is an Error made by `hooks.createError` (lib/errors.ts), thrown by synchronous
// functions and the reason of rejected promises. Arguments are already validated and complete here: the addon only guards itself
// (a wrong type throws ERR_TRT_INVALID_ARGUMENT, never crashes). Handles keep what they need alive: a native engine keeps its
// runtime, a context its engine. close() is idempotent; after it every other member throws ERR_TRT_CLOSED. A handle that is garbage
// collected unclosed is freed on a native thread, never on JavaScript's.

import type { NativeConfigSettings, NativeNetworkSettings } from './native-build.js';

/** What the addon knows of a failure; `createError` turns it into the public class. */
export interface NativeErrorInfo {
  /** `ERR_TRT_…` */
  code: string;
  message: string;
  hint: string;
  /** The CUDA or TensorRT function that failed, or ''. */
  call: string;
  cudaErrorCode: number;
  cudaErrorName: string;
  requestedBytes: number | undefined;
  /** Of ERR_TRT_REFIT; else empty. */
  missingWeights: string[];
  /** What TensorRT logged during the failing call, oldest first. */
  log: string[];
  /** ERR_TRT_PARSE only: all that the parser said. */
  modelErrors?: NativeModelError[];
  /** ERR_TRT_PARSE only: what could be built; empty where the parser cannot tell. */
  subgraphs?: NativeSubgraph[];
}

export interface NativeModelError {
  /** `kUNSUPPORTED_NODE`, … */
  code: string;
  description: string;
  /** -1: of the model as a whole. */
  node: number;
  nodeName: string;
  nodeOperator: string;
  localFunctions: readonly string[];
  file: string;
  line: number;
  function: string;
}

export interface NativeSubgraph {
  supported: boolean;
  nodes: readonly number[];
}

export interface NativeModelCapability {
  supported: boolean;
  subgraphs: NativeSubgraph[];
  modelErrors: NativeModelError[];
}

export type NativeLog = (severity: number, message: string) => void;

export interface NativePlatformOptions {
  kind: 'tensorrt' | 'reference';
  /** Path of libnvinfer, or '' to search; for the reference runtime, path of libtrtnode_reference.so. */
  library: string;
  /** onnxruntime-node's libonnxruntime.so.1; reference runtime only, else ''. */
  onnxruntimeLibrary: string;
  pluginLibraries: string[];
}

export interface NativeDeviceInfo {
  index: number;
  name: string;
  uuid: string;
  pciBusId: string;
  totalMemoryBytes: number;
  computeCapability: [major: number, minor: number];
  multiprocessors: number;
  integrated: boolean;
  canMapHostMemory: boolean;
}

export interface NativeVersion {
  major: number;
  minor: number;
  patch: number;
  build: number;
}

/** A CUDA driver and a TensorRT library that work together: NVIDIA's, or the CPU reference runtime's. Never closed. */
export interface NativePlatform {
  readonly kind: 'tensorrt' | 'reference';
  readonly libraryPath: string;
  readonly version: NativeVersion;
  readonly flavor: 'full' | 'lean' | 'dispatch';
  readonly hasBuilder: boolean;
  readonly hasParser: boolean;
  readonly pluginLibraries: string[];
  readonly warnings: string[];
  /** 12080 is CUDA 12.8; 0 where no driver was opened. */
  readonly driverVersion: number;
  /** Checks the driver (ERR_TRT_NO_DRIVER) and lists the devices. */
  devices(): NativeDeviceInfo[];
  memoryInfo(device: number): { freeBytes: number; totalBytes: number };
  createRuntime(options: NativeRuntimeOptions): NativeRuntime;
  /** `priority`: lower is more urgent; clamped to the device's range. */
  createStream(device: number, priority: number): NativeStream;
  createEvent(
    device: number,
    timing: boolean,
    blockingSync: boolean,
    interprocess: boolean,
  ): NativeEvent;
  createDeviceBuffer(device: number, bytes: number): NativeDeviceBuffer;
  /** `mapped`: also addressable by the device. */
  createPinnedBuffer(device: number, bytes: number, mapped: boolean): NativePinnedBuffer;
  createActivationPool(device: number): NativeActivationPool;
  /** Whether `device` can read and write memory of `peer` directly. */
  canAccessPeer(device: number, peer: number): boolean;
  /** Another process's memory, by its 64 bytes. */
  openIpcMemory(
    device: number,
    handle: Uint8Array,
    offset: number,
    bytes: number | undefined,
  ): NativeDeviceBuffer;
  openIpcEvent(device: number, handle: Uint8Array): NativeEvent;
  /** Memory that is not freed here: `release` is called, later, when nobody uses it any more. */
  wrapAddress(
    device: number,
    address: bigint,
    bytes: number,
    release: () => void,
  ): NativeDeviceBuffer;
  /** ONNX bytes (or path: only for external weights and messages) to plan bytes, on a thread of its own. */
  build(model: Uint8Array, modelPath: string, options: NativeBuildOptions): NativeBuild;
  /** Which parts of an ONNX model could be built. */
  checkModel(
    model: Uint8Array,
    modelPath: string,
    options: Pick<NativeBuildOptions, 'device' | 'logSeverity' | 'log'>,
  ): Promise<NativeModelCapability>;
  /** Test only: creates a runtime without the driver check and closes it; what the logger received goes to `log`. */
  createRuntimeUnchecked(log: NativeLog): void;
}

export interface NativeRuntimeOptions {
  device: number;
  /** 0 internal error … 4 verbose; lines above it are dropped. */
  logSeverity: number;
  log: NativeLog | undefined;
  dlaCore: number;
  maxThreads: number;
  engineHostCodeAllowed: boolean;
  temporaryDirectory: string;
  gpuAllocator: NativeGpuAllocator | undefined;
}

/** Device memory for TensorRT, counted. Those that use it keep it. */
export interface NativeGpuAllocator {
  readonly device: number;
  stats(): {
    allocatedBytes: number;
    peakBytes: number;
    allocations: number;
    deallocations: number;
    refusals: number;
  };
  close(): void;
}

/** A plan that is deserialized while its bytes come in. */
export interface NativePlanStream {
  /** The source's end, told by `end`, comes first: nothing is handed out before. */
  readonly engine: Promise<NativeEngine>;
  /** Copies the chunk. false: wait for onWanted before the next one. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** There is no more; `engine` rejects with ERR_TRT_FILE and this message. */
  fail(message: string): void;
}

/** A tensor inside the network. */
export interface NativeDebugTensor {
  name: string;
  dtype: string;
  shape: number[];
  data: ArrayBuffer;
}

export interface NativeRuntime {
  readonly numDlaCores: number;
  readonly dlaCore: number;
  readonly maxThreads: number;
  readonly engineHostCodeAllowed: boolean;
  readonly temporaryDirectory: string;
  /** Blocks. */
  deserializeEngine(plan: Uint8Array): NativeEngine;
  /** The same on a thread of its own; `plan` is copied first only if it is not backed by plain memory that can be kept. */
  deserializeEngineAsync(plan: Uint8Array): Promise<NativeEngine>;
  /** Maps or reads the file and deserializes from it on a thread of its own. ERR_TRT_FILE when it cannot be read. */
  deserializeEngineFile(path: string): Promise<NativeEngine>;
  /** `onWanted`: more can be written. Versions of TensorRT without a stream reader collect the plan first. */
  deserializeEngineStream(onWanted: () => void): NativePlanStream;
  close(): void;
}

export interface NativeProfileShape {
  min: number[];
  opt: number[];
  max: number[];
  /** Shape tensors only, else empty. */
  minValues: number[];
  optValues: number[];
  maxValues: number[];
}

export interface NativeTensorInfo {
  name: string;
  mode: 'input' | 'output';
  dtype: string;
  shape: number[];
  location: 'device' | 'host';
  isShapeInferenceIO: boolean;
  isDebugTensor: boolean;
  /** By profile. */
  layouts: {
    format: number;
    formatDescription: string;
    bytesPerComponent: number;
    componentsPerElement: number;
    vectorizedDim: number;
  }[];
  /** By profile; inputs only. */
  profiles: NativeProfileShape[];
}

export interface NativeEngineInfo {
  name: string;
  tensors: NativeTensorInfo[];
  numOptimizationProfiles: number;
  numLayers: number;
  numAuxStreams: number;
  capability: number;
  profilingVerbosity: number;
  hardwareCompatibilityLevel: number;
  refittable: boolean;
  deviceMemoryBytes: number;
  deviceMemoryBytesPerProfile: number[];
  streamableWeightsBytes: number;
}

export interface NativeEngine {
  /** Read once; the same object each time. */
  readonly info: NativeEngineInfo;
  /** 0 static, 1 on profile change, 2 user managed. */
  createExecutionContext(strategy: number): NativeExecutionContext;
  createInspector(): NativeEngineInspector;
  /** Any tensor of the network, not only inputs and outputs. */
  isDebugTensor(name: string): boolean;
  createRefitter(): NativeRefitter;
  createRuntimeConfig(): NativeRuntimeConfig;
  /** Bits: 1 exclude weights, 2 exclude the lean runtime, 4 include refit. */
  serialize(flags: number): ArrayBuffer;
  serializeAsync(flags: number): Promise<ArrayBuffer>;
  /** Asked each time; ERR_TRT_UNSUPPORTED before TensorRT 10.1. */
  readonly weightStreaming: {
    streamableBytes: number;
    budgetBytes: number;
    automaticBudgetBytes: number;
    scratchMemoryBytes: number;
  };
  /** Before contexts are made; `info` is read anew afterwards. */
  setWeightStreamingBudget(bytes: number): void;
  setWeightStreamingBudgetAsync(bytes: number): Promise<void>;
  /** Slots for Session; contexts and streams are created on a thread of their own. */
  createExecutor(options: NativeExecutorOptions): Promise<NativeExecutor>;
  /** trtexec's measurement, on a thread of its own. */
  measure(options: NativeMeasureOptions): NativeMeasurement;
  close(): void;
}

/** One call at a time: while a promise is pending nothing else is called. */
export interface NativeRefitter {
  allWeights(): string[];
  missingWeights(): string[];
  weightsPrototype(name: string): { dtype: string; count: number } | undefined;
  /** Views are copied; buffers are kept, and read when the engine is refitted. */
  setNamedWeights(
    name: string,
    dtype: string,
    values: ArrayBufferView | NativePinnedBuffer | NativeDeviceBuffer,
    byteOffset: number,
    count: number,
  ): void;
  namedWeights(name: string): { dtype: string; count: number } | undefined;
  unsetNamedWeights(name: string): void;
  weightsValidation: boolean;
  maxThreads: number;
  refitFromFile(path: string): Promise<void>;
  /** `path`: where external weights are looked for, or ''. */
  refitFromBytes(model: Uint8Array, path: string): Promise<void>;
  refitCudaEngine(): Promise<void>;
  refitCudaEngineSync(): void;
  refitCudaEngineAsync(stream: NativeStream): void;
  close(): void;
}

export interface NativeRuntimeConfig {
  /** As of createExecutionContext. */
  executionContextAllocationStrategy: number;
  createExecutionContext(): NativeExecutionContext;
  close(): void;
}

export interface NativeMeasureOptions {
  profile: number;
  /** In engine order; `data` is copied, for shape tensors too. */
  inputs: readonly { shape: readonly number[]; data: ArrayBufferView }[];
  streams: number;
  threads: boolean;
  iterations: number;
  warmUpMs: number;
  /** -1: until stop(). */
  durationMs: number;
  sleepMs: number;
  idleMs: number;
  cudaGraph: boolean;
  /** Of the contexts; 2: as much memory as the shapes need. */
  allocationStrategy: number;
  spin: boolean;
  transfers: boolean;
  /** Two queries of a stream in flight. */
  overlap: boolean;
  /** Only with one stream, without overlap and graph. */
  layerTimes: boolean;
  outputs: boolean;
  persistentCacheRatio: number | undefined;
}

export interface NativeMeasurement {
  readonly result: Promise<NativeMeasureResult>;
  progress(): { queries: number; deviceMs: number };
  /** Ends the loop as if iterations and duration were satisfied. */
  stop(): void;
  /** `result` rejects with ERR_TRT_ABORTED. Nothing happens once it has settled. */
  cancel(): void;
}

export interface NativeMeasureResult {
  /** By query, in milliseconds; warm-up included, by start of H2D. */
  trace: {
    startEnqMs: Float64Array;
    endEnqMs: Float64Array;
    startH2dMs: Float64Array;
    endH2dMs: Float64Array;
    startComputeMs: Float64Array;
    endComputeMs: Float64Array;
    startD2hMs: Float64Array;
    endD2hMs: Float64Array;
    stream: Int32Array;
  };
  /** As many queries were recorded as are kept; the measurement ended there. */
  full: boolean;
  cudaGraph: boolean;
  graphNodes: number;
  /** Why a graph that was asked for was not used, or ''. */
  graphRefusal: string;
  /** After the warm-up, and how many queries that were. */
  threadCpuMs: number;
  processCpuMs: number;
  cpuQueries: number;
  /** With `outputs`, in engine order. */
  outputs: { shape: number[]; data: ArrayBuffer }[];
  /** With `layerTimes`: names, and milliseconds by query (after the warm-up) and layer. */
  layers: string[];
  layerTimes: Float32Array;
}

export interface NativeEngineInspector {
  setExecutionContext(context: NativeExecutionContext | null): void;
  /** Format: 0 one line, 1 JSON. */
  layerInformation(layer: number, format: number): string;
  engineInformation(format: number): string;
  close(): void;
}

/** Anything with a device address. */
export type NativeAddress = NativeDeviceBuffer | NativePinnedBuffer | bigint;

/** One to one with IExecutionContext; tensors by index into info.tensors. The handle keeps buffers that are set as addresses alive. */
export interface NativeExecutionContext {
  setOptimizationProfile(profile: number, stream: NativeStream): void;
  readonly optimizationProfile: number;
  setInputShape(tensor: number, shape: readonly number[]): void;
  tensorShape(tensor: number): number[];
  tensorStrides(tensor: number): number[];
  /** Names of the inputs still missing. */
  inferShapes(): string[];
  readonly allInputDimensionsSpecified: boolean;
  /** `byteOffset` into the buffer; host tensors (shape tensors) need a pinned buffer. null unsets. */
  setTensorAddress(tensor: number, address: NativeAddress | null, byteOffset: number): void;
  tensorAddress(tensor: number): bigint;
  setOutputAllocator(tensor: number, allocator: NativeOutputAllocator | null): void;
  maxOutputSize(tensor: number): number;
  setTemporaryStorageAllocator(allocator: NativeGpuAllocator | null): void;
  /** Told of the debug tensors of each enqueue, later, in order. */
  setDebugListener(listener: ((tensor: NativeDebugTensor) => void) | null): void;
  setTensorDebugState(name: string, on: boolean): void;
  setAllTensorsDebugState(on: boolean): void;
  debugState(name: string): boolean;
  setDeviceMemory(buffer: NativeDeviceBuffer, byteOffset: number, bytes: number): void;
  updateDeviceMemorySizeForShapes(): number;
  setAuxStreams(streams: readonly NativeStream[]): void;
  persistentCacheLimit: number;
  nvtxVerbosity: number;
  setInputConsumedEvent(event: NativeEvent | null): void;
  setProfiling(on: boolean): void;
  setEnqueueEmitsProfile(on: boolean): void;
  reportToProfiler(): void;
  takeLayerTimes(): { name: string; milliseconds: number }[];
  enqueue(stream: NativeStream): void;
  close(): void;
}

/** Grows a device buffer as TensorRT asks. */
export interface NativeOutputAllocator {
  /** Dimensions that TensorRT told last, or undefined. */
  readonly shape: number[] | undefined;
  readonly buffer: NativeDeviceBuffer | undefined;
  close(): void;
}

export interface NativeStream {
  readonly device: number;
  readonly priority: number;
  /** CUstream as a number, for interoperation. */
  readonly handle: bigint;
  /** true: all work is done. */
  query(): boolean;
  synchronize(): Promise<void>;
  synchronizeSync(): void;
  waitEvent(event: NativeEvent): void;
  recordEvent(event: NativeEvent): void;
  /** 0 global, 1 thread local, 2 relaxed. */
  beginCapture(mode: number): void;
  endCapture(): NativeCudaGraph;
  readonly capturing: boolean;
  /** Host memory is pinned buffers or plain views; plain views are only accepted with `sync`: then the call waits. */
  copyHostToDevice(
    to: NativeDeviceBuffer,
    toOffset: number,
    from: NativePinnedBuffer,
    fromOffset: number,
    bytes: number,
  ): void;
  copyDeviceToHost(
    to: NativePinnedBuffer,
    toOffset: number,
    from: NativeDeviceBuffer,
    fromOffset: number,
    bytes: number,
  ): void;
  copyDeviceToDevice(
    to: NativeDeviceBuffer,
    toOffset: number,
    from: NativeDeviceBuffer,
    fromOffset: number,
    bytes: number,
  ): void;
  memset(to: NativeDeviceBuffer, toOffset: number, value: number, bytes: number): void;
  close(): void;
}

export interface NativeEvent {
  readonly device: number;
  query(): boolean;
  synchronize(): Promise<void>;
  synchronizeSync(): void;
  /** Milliseconds from `start` to this event. */
  elapsedSince(start: NativeEvent): number;
  /** 64 bytes. */
  exportIpc(): ArrayBuffer;
  close(): void;
}

export interface NativeCudaGraph {
  readonly numNodes: number;
  launch(stream: NativeStream): void;
  close(): void;
}

export interface NativeDeviceBuffer {
  readonly device: number;
  readonly bytes: number;
  readonly address: bigint;
  /** Blocking copies on the device's default stream, for scripts. */
  writeSync(from: ArrayBufferView, byteOffset: number): void;
  readSync(into: ArrayBufferView, byteOffset: number): void;
  /** A part of it as a buffer of its own, which keeps the memory. */
  view(byteOffset: number, bytes: number): NativeDeviceBuffer;
  /** 64 bytes, and where in what they stand for this buffer begins. */
  exportIpc(): { handle: ArrayBuffer; offset: number };
  close(): void;
}

export interface NativePinnedBuffer {
  readonly device: number;
  readonly bytes: number;
  /** Device address when mapped, else 0n. */
  readonly deviceAddress: bigint;
  /**
   * The pinned memory itself as an ArrayBuffer (external). Detached by close(): nothing dangles.
   * Where external buffers are forbidden (Electron) this throws ERR_TRT_UNSUPPORTED; write/read work everywhere.
   */
  readonly arrayBuffer: ArrayBuffer;
  write(from: ArrayBufferView, byteOffset: number): void;
  read(into: ArrayBufferView, byteOffset: number): void;
  close(): void;
}

export interface NativeBuildOptions extends NativeConfigSettings, NativeNetworkSettings {
  /** By profile, by input. */
  profiles: Record<string, NativeProfileShape>[];
  fp16: boolean;
  bf16: boolean;
  int8: boolean;
  fp8: boolean;
  tf32: boolean;
  stronglyTyped: boolean;
  refit: boolean;
  versionCompatible: boolean;
  excludeLeanRuntime: boolean;
  optimizationLevel: number | undefined;
  maxAuxStreams: number | undefined;
  profilingVerbosity: number;
  hardwareCompatibilityLevel: number;
  engineName: string;
  timingCache: string;
  gpuAllocator: NativeGpuAllocator | undefined;
  device: number;
  logSeverity: number;
  log: NativeLog | undefined;
  progress:
    | ((
        phase: string,
        parent: string,
        step: number,
        steps: number,
        finished: boolean,
        elapsedMs: number,
      ) => void)
    | undefined;
  calibration: NativeCalibration | undefined;
}

export interface NativeCalibration {
  /** CalibrationAlgoType. */
  algorithm: number;
  quantile: number;
  regressionCutoff: number;
  /** Copied at the call. */
  cache: Uint8Array | undefined;
  /** Its optima are the shapes to calibrate with; undefined: those of `profiles[profileIndex]`. */
  profile: Record<string, NativeProfileShape> | undefined;
  profileIndex: number;
  /** The builder waits for `giveBatch` or `failBatch`. Undefined: there is only the cache. */
  next: (() => void) | undefined;
}

export type NativeBatch = {
  name: string;
  dtype: string;
  shape: number[];
  data: ArrayBufferView;
}[];

export interface NativeBuild {
  readonly plan: Promise<ArrayBuffer>;
  /** Asks TensorRT to stop; `plan` rejects with ERR_TRT_ABORTED. Nothing happens once it has settled. */
  cancel(): void;
  /** The next batch, which is copied; undefined: there are no more. Ignored while the builder does not wait for one. */
  giveBatch(batch: NativeBatch | undefined): void;
  /** There is no batch, by a failure: `plan` rejects. */
  failBatch(): void;
  /** What TensorRT wants to be kept of the calibration; to be read when `plan` has settled. */
  readonly calibrationCache: ArrayBuffer | undefined;
}

/** Activation memory that executors share, lent to one run at a time. Executors keep what they use of it. */
export interface NativeActivationPool {
  readonly device: number;
  /** Device memory that it has allocated. */
  readonly bytes: number;
  close(): void;
}

export interface NativeExecutorOptions {
  /** Execution slots: contexts with their own stream and buffers. At least 1. */
  slots: number;
  /** Stream priority. */
  priority: number;
  /** The profile whose context and memory are made at once. */
  profile: number;
  /** 0 auto, 1 on, 2 off. */
  cudaGraph: number;
  /** By slot; at least 1. */
  maxCudaGraphs: number;
  /** 0 static, 1 on profile change, 2 lent by a pool. */
  allocationStrategy: number;
  /** 0 adaptive, 1 spin, 2 block. */
  completion: number;
  /** Whether timing() works; adds events to each run. */
  timing: boolean;
  activations: NativeActivationPool | undefined;
  /**
   * Called when runs have completed: the first `count` elements of {@link NativeExecutor.ended} are their slots, or ~slot of a run that failed
   * (takeError tells why). Never after close() has resolved.
   */
  onComplete: (count: number) => void;
}

/** Where an output goes: 'host' to staging, to be read; 'device' to a buffer that takeDeviceOutput hands over; or a caller's buffer. */
export type NativeOutputTarget = 'host' | 'device' | NativeDeviceBuffer | NativePinnedBuffer;

/** What an input of a run is: a view (host memory), a buffer, or null for shape tensors. */
export type NativeInput = ArrayBufferView | NativePinnedBuffer | NativeDeviceBuffer | null;

/** Pinned memory of a slot. Offsets in bytes by input and output; of tensors that are not there (data-dependent outputs) they mean nothing. */
export interface NativeStaging {
  inputs: ArrayBuffer;
  outputs: ArrayBuffer;
  inputOffsets: number[];
  outputOffsets: number[];
}

/**
 * The slots of a session. A slot is used by one run at a time: prepare, then submit (or runSync), then on completion outputShapes,
 * readOutput, takeDeviceOutput, and then it may be prepared again. The quick way, where nothing changes from run to run: prepare,
 * staging and bind once; then write into staging, start (or startSync), read from staging, again and again. Choosing a free slot and queueing is the caller's.
 * Inputs and outputs are given in engine order (inputs among inputs, outputs among outputs).
 */
export interface NativeExecutor {
  readonly slots: number;
  /** See onComplete; as many elements as there are slots. */
  readonly ended: Int32Array;
  /** Why the slot's last run failed; once, undefined afterwards. */
  takeError(slot: number): Error | undefined;
  /**
   * Selects the profile and the input shapes of `slot` and infers the output shapes; no TensorRT call when nothing changed.
   * `shapes`: for each input its dimensions. `values`: for each input null, or (shape tensors, location host) its elements.
   * Returns for each output its dimensions, -1 where they depend on the data.
   */
  prepare(
    slot: number,
    profile: number,
    shapes: readonly (readonly number[])[],
    values: readonly (readonly number[] | null)[],
  ): number[][];
  /**
   * The slot's own pinned memory, to write host inputs to before `start` and read 'host' outputs from after it. Valid until the next
   * `prepare` that changes something; detached by close(). undefined where external ArrayBuffers are forbidden (Electron).
   */
  staging(slot: number): NativeStaging | undefined;
  /**
   * What the next runs of the slot read and write, until `prepare` changes something. Of a view only the size is looked at: its content has to be
   * in staging when the run starts. Buffers are remembered, not kept: a closed one makes `start` fail with ERR_TRT_CLOSED.
   */
  bind(slot: number, inputs: readonly NativeInput[], outputs: readonly NativeOutputTarget[]): void;
  /** Runs what is bound, as `submit` does. */
  start(slot: number): void;
  /** Runs what is bound, as `runSync` does. */
  startSync(slot: number): void;
  /**
   * Copies views into pinned staging (before it returns, so that the caller may reuse them), takes buffers as they are (kept alive
   * until completion), then copies in, enqueues and copies out on the slot's stream without blocking; onComplete tells the end.
   */
  submit(
    slot: number,
    inputs: readonly NativeInput[],
    outputs: readonly NativeOutputTarget[],
  ): void;
  /** The same, but waits; onComplete is not called. */
  runSync(
    slot: number,
    inputs: readonly NativeInput[],
    outputs: readonly NativeOutputTarget[],
  ): void;
  /** True dimensions of every output after completion. */
  outputShapes(slot: number): number[][];
  /** Copies the bytes of a 'host' output from staging; `into` must have exactly as many. */
  readOutput(slot: number, output: number, into: ArrayBufferView): void;
  /** The buffer of a 'device' output, now owned by the caller (may be larger than the output). */
  takeDeviceOutput(slot: number, output: number): NativeDeviceBuffer;
  /**
   * Milliseconds of the monotonic clock at which the slot's last run was submitted, launched, began to copy in, began to compute, had computed, had
   * copied out, and was seen to have ended; into 7 elements.
   */
  timing(slot: number, into: Float64Array): void;
  /** Whether the slot's next runs are timed; true at first, and without effect where `timing` was not asked for. Timed runs have CUDA graphs of their own. */
  setTimed(slot: number, timed: boolean): void;
  /** Which debug tensors the slot's next runs tell of; null: none. Such runs use no CUDA graph. */
  setDebug(slot: number, tensors: true | readonly string[] | null): void;
  /** Those of the slot's last run, in order, once. */
  takeDebugTensors(slot: number): NativeDebugTensor[];
  /** While no run is in flight: drops CUDA graphs and all that is known of the contexts. */
  forget(): void;
  memory(): {
    hostBytes: number;
    pinnedBytes: number;
    deviceBytes: number;
    /** Of the activation pool, which others may share. */
    activationBytes: number;
  };
  stats(): {
    graphHits: number;
    graphCaptures: number;
    graphFallbacks: number;
    /** Of the last fallback, or ''. */
    graphFallbackReason: string;
    inlineLaunches: number;
    offThreadLaunches: number;
  };
  /** Waits for the runs in flight (their onComplete comes first), then frees everything. */
  close(): Promise<void>;
}

export interface NativeFileLock {
  close(): void;
}

export interface NativeGpuReading {
  /** "GPU-…" */
  uuid: string;
  /** From 0 to 1. */
  utilization?: number;
  memoryTotalBytes?: number;
  memoryUsedBytes?: number;
  powerUsageWatts?: number;
  powerLimitWatts?: number;
  /** Since the driver was loaded. */
  energyJoules?: number;
}

export interface NativeAddon {
  /** Once per environment, before anything else. */
  initialize(hooks: { createError: (info: NativeErrorInfo) => Error }): void;
  /** Opens (or finds already open) a platform. ERR_TRT_LIBRARY_…, ERR_TRT_REFERENCE_UNAVAILABLE. Does not need a driver. */
  openPlatform(options: NativePlatformOptions): NativePlatform;
  /** `allocate(bytes, alignment)` runs during enqueue, on this thread; null makes the run fail. Without it, memory comes from the device. */
  createOutputAllocator(
    platform: NativePlatform,
    device: number,
    allocate: ((bytes: number, alignment: number) => NativeDeviceBuffer | null) | undefined,
  ): NativeOutputAllocator;
  /**
   * `limit`: bytes at a time, 0 for none. `allocate` runs on this thread, `deallocate` later on this thread, when TensorRT has let go; without them the memory
   * comes from the device.
   */
  createGpuAllocator(
    platform: NativePlatform,
    device: number,
    limit: number,
    allocate:
      ((bytes: number, alignment: number, flags: number) => NativeDeviceBuffer | null) | undefined,
    deallocate: ((address: bigint) => void) | undefined,
  ): NativeGpuAllocator;
  /** What a plan's first bytes tell. ERR_TRT_INVALID_PLAN. */
  readPlanHeader(plan: Uint8Array): {
    kind: 'tensorrt' | 'reference';
    version: NativeVersion | undefined;
    totalBytes: number | undefined;
    computeCapability: [major: number, minor: number] | undefined;
  };
  /**
   * Takes an exclusive lock on `path` (made if it is missing) until close(), the end of the handle or that of the process; undefined at once when somebody
   * else has it, in this process or another. ERR_TRT_FILE.
   */
  lockFile(path: string): Promise<NativeFileLock | undefined>;
  /**
   * What NVML (libnvidia-ml.so.1) tells of all GPUs, off this thread; what a GPU does not tell is missing. Empty where there is no NVML. `library`: another
   * one to open.
   */
  readGpus(library?: string): Promise<NativeGpuReading[]>;
  /** Test only: fault injection of the reference library behind `platform` (its README has the grammar); '' clears. */
  setReferenceFaults(platform: NativePlatform, spec: string): void;
  /** Test only: handles not yet freed, process-wide, by kind. */
  liveHandles(): Record<string, number>;
}
