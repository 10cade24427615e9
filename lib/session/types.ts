// What Session takes and gives: options, feeds, output requests and results.

import type { DeviceTensor } from '../device-tensor.js';
import type { ActivationMemory } from '../runtime/activation-memory.js';
import type { GpuAllocator } from '../runtime/gpu-allocator.js';
import type { DebugTensor } from './debug.js';
import type { TensorData } from '../dtype.js';
import type { LogOptions } from '../log.js';
import type { ModelOptions } from '../plan-cache/options.js';
import type { PlatformOptions } from '../platform.js';
import type { RefitOptions } from '../refit/sources.js';
import type { ProfileShape, TensorInfo } from '../runtime/engine-info.js';
import type { WeightStreamingBudget } from '../runtime/weight-streaming.js';
import type { Tensor } from '../tensor.js';

/** How a session is loaded. With an ONNX model also how it is built, and where the plan is kept. */
export interface SessionOptions extends PlatformOptions, LogOptions, ModelOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
  /**
   * Several devices, instead of `device`: the plan is deserialized on each, a run goes to the one with least to do, and device tensors decide where their
   * run goes. All must be of a kind that the plan was built for. See docs/multi-gpu.md.
   */
  devices?: readonly number[] | undefined;
  /**
   * Execution slots: how many inferences run at the same time, each with a stream and buffers of its own, and a context for each profile that it has used;
   * with `devices`, on each of them. 1 to 1024; default 1. On TensorRT 8 an engine has one context for a profile, unless its plan was built to share
   * profiles: load the plan again instead.
   */
  instances?: number | undefined;
  /** Which optimization profile runs use: 'auto' (default) the best for each run, or always this one. */
  profile?: 'auto' | number | undefined;
  /** Most calls of `run` that wait for a free slot; one more is refused with ERR_TRT_BUSY. Those of `runMany` do not count. Default: no limit. */
  maxQueued?: number | undefined;
  /** CUDA stream priority of all slots: lower is more urgent; -1000 to 1000, clamped to the device's range. Default 0. */
  priority?: number | undefined;
  /** Whether the plan may bring executable host code, as version-compatible plans do. Only for plans that you trust. Default false. */
  engineHostCodeAllowed?: boolean | undefined;
  /** Where that code is unpacked; default: TensorRT's own choice. */
  temporaryDirectory?: string | undefined;
  /**
   * CUDA graphs: `'auto'` (default) captures a combination of profile, shapes and addresses when it comes for the second time on a slot, `'on'` already at
   * the first, `'off'` never. What cannot be captured runs without; {@link Session.stats} tells how often, and why. Arrays are staged at addresses
   * that stay; pinned and device tensors bring addresses of their own: use the same ones again.
   */
  cudaGraph?: 'auto' | 'on' | 'off' | undefined;
  /**
   * Most combinations whose CUDA graphs each slot keeps; the one used longest ago goes first. 1 to 1024; default 8. Any run may get any slot: with N
   * sets of pinned or device tensors in turn there are up to N combinations on each slot, for each shape; with more than this, graphs are captured
   * again and again (`captures` in {@link Session.stats} keeps growing).
   */
  maxCudaGraphs?: number | undefined;
  /**
   * How the end of a run is noticed: `'spin'` soonest, with a CPU core busy while runs are in flight: the event loop goes round without sleeping, and serves
   * everything else as usual; `'block'` with the least CPU, woken by the driver; `'adaptive'` (default) spins where the runs so far were short (below
   * 250 µs), and for the last moments of those up to 20 ms; otherwise it sleeps. Where the process may use no more than two CPUs, `'adaptive'` does not spin.
   */
  completion?: 'adaptive' | 'spin' | 'block' | undefined;
  /**
   * Activation memory to share with other sessions of the same device and runtime: as much as runs in flight need at the same time, not the sum of
   * all sessions. It may be closed after loading: the session keeps what it uses. Default: the session's own. With `devices`: an array with one for each.
   */
  activationMemory?: ActivationMemory | readonly ActivationMemory[] | undefined;
  /**
   * Whom TensorRT asks for device memory: weights, activations of this session (not of an {@link ActivationMemory}), temporaries; not the buffers of inputs and
   * outputs. With a limit it is the session's memory budget. Default: the device.
   */
  gpuAllocator?: GpuAllocator | undefined;
  /**
   * When execution contexts get activation memory: `'lent'` (default) by runs from a pool of the session, as much as runs at the same time need; `'static'` each
   * context its own for life, the most of all profiles; `'onProfileChange'` each its own, that of its profile. The session has a context for each slot and
   * profile in use: with the latter two their memory adds up ({@link Session.memory} tells), and no run ever takes another block.
   */
  executionContextAllocationStrategy?: 'lent' | 'static' | 'onProfileChange' | undefined;
  /**
   * How much of the weights of a plan that was built with `weightStreaming` lies on the device; the rest is copied from host memory in each run. Default: as
   * TensorRT has it. From TensorRT 10.1 on.
   */
  weightStreamingBudget?: WeightStreamingBudget | undefined;
  /** Other weights than the plan's, before anything runs: what a stripped plan needs. As {@link Session.refit}. */
  refitFrom?: RefitOptions | undefined;
  /**
   * Called once for each successful run, right before its promise resolves; in {@link Session.runMany} when the run has ended, and in
   * {@link Session.runSync} before it returns. Adds timing events to each run (some microseconds). What it throws does not touch the run: it becomes an
   * uncaught exception.
   */
  onTiming?: ((timing: RunTiming) => void) | undefined;
  /** Aborts the loading: the promise rejects at once; what TensorRT has begun is freed when it ends. */
  signal?: AbortSignal | undefined;
}

/**
 * One input of a run. A typed array alone is enough where its length determines the shape: a static shape, or exactly one dynamic dimension.
 * Ordinary arrays are taken for shape tensors only.
 */
export type Feed =
  Tensor | DeviceTensor | TensorData | Uint8ClampedArray | readonly number[] | readonly bigint[];

/** Inputs by name; each input of the engine exactly once. */
export type Feeds = Readonly<Record<string, Feed>>;

/**
 * Where one output goes: `'host'` (or `true`) a new array, `'device'` a new {@link DeviceTensor}, a typed array or {@link Tensor} of yours (also over a
 * {@link PinnedBuffer}), a {@link DeviceTensor} of yours. Yours must be large enough, must not be used by two runs at a time, and is written until the run
 * has settled; what comes back is a tensor over its first elements. A new {@link DeviceTensor} is its receiver's to close.
 */
export type OutputTarget = 'host' | true | 'device' | TensorData | Tensor | DeviceTensor;

/** Outputs by name. Those not named are computed, but not copied. */
export type OutputTargets = Readonly<Record<string, OutputTarget>>;

/** What a run gives for output targets `O`. */
export type OutputsOf<O extends OutputTargets> = {
  [K in keyof O]: O[K] extends 'device' | DeviceTensor ? DeviceTensor : Tensor;
};

/** How one inference runs. */
export interface RunOptions {
  /** Aborts the run: one that waits is removed; of one that runs, the promise rejects at once and the slot becomes free when the device is done. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds from the call after which the promise rejects with ERR_TRT_DEADLINE_EXCEEDED, waiting included; of `runMany`, for all its runs
   * together. Above 0, below 2^31. Default: none.
   */
  deadlineMs?: number | undefined;
  /** Runs in this profile, instead of the session's choice. */
  profile?: number | undefined;
  /** Runs on this device, one of the session's. Default: where its device tensors lie, else the device with least to do. */
  device?: number | undefined;
  /** Which outputs, and where to: names (each to a new array), or targets by name. Default: all, each to a new array. */
  outputs?: readonly string[] | OutputTargets | undefined;
  /**
   * Tensors inside the network to watch: names, or `true` for all that were marked when the plan was built ({@link BuildOptions.markDebug}). They come back among
   * the results by name, or to `onDebugTensor`. Such a run waits for the device at each of them and uses no CUDA graph. TensorRT 10 and newer.
   */
  debug?: true | readonly string[] | undefined;
  /** Gets them instead, in the order in which the engine passed them, right before the promise resolves. What it throws rejects the run. */
  onDebugTensor?: ((tensor: DebugTensor) => void) | undefined;
}

/** An input or output of a session. */
export interface TensorDescription extends Pick<
  TensorInfo,
  'name' | 'dtype' | 'shape' | 'location'
> {
  /** Whether its *values* take part in computing shapes; such inputs are fed as integers from the host. */
  readonly isShapeTensor: boolean;
  /** By profile: what an input may be; empty for outputs. */
  readonly profiles: readonly ProfileShape[];
}

/** What a session has done so far: its runs by `run`, `runSync` and `runMany` together, unless said otherwise. */
export interface SessionStats {
  /** Runs that completed and gave outputs. */
  readonly completed: number;
  /** Runs that failed when they were started, in the engine or on the device; not calls that were refused before they had a slot. */
  readonly failed: number;
  /** Calls of `run` given up by their caller: aborted, or past their deadline. */
  readonly abandoned: number;
  /** Runs on a slot now. */
  readonly running: number;
  /** Calls of `run` that wait for a slot now. */
  readonly queued: number;
  /** CUDA graphs; see {@link SessionOptions.cudaGraph}. */
  readonly cudaGraph: {
    /** Runs that launched a graph. */
    readonly hits: number;
    /** Graphs captured, all slots together. A combination may have two: one for few runs in flight, one for many. */
    readonly captures: number;
    /** Runs without a graph, because what they run cannot be captured. */
    readonly fallbacks: number;
    /** Why, of the last one. */
    readonly fallbackReason: string | undefined;
  };
  /** Who launched the asynchronous runs: the event loop's thread where that is cheap (see docs/design.md), else one of the session's. */
  readonly launches: { readonly onEventLoop: number; readonly onThread: number };
  /** The same by device; one of several that is lost gets no more runs. */
  readonly devices: readonly SessionDeviceStats[];
}

/** What a session has done on one of its devices. */
export interface SessionDeviceStats extends Pick<SessionStats, 'completed' | 'failed' | 'running'> {
  /** Index of the device. */
  readonly device: number;
  /** Whether a run failed with ERR_TRT_DEVICE_LOST here. */
  readonly lost: boolean;
}

/**
 * When a run was where: milliseconds from the call of `run`, `runSync` or `runMany`. Times on the device come from CUDA events, placed on the host's clock; they
 * are exact among each other, and to some microseconds against the others. The device may begin before `launched`.
 */
export interface RunTiming {
  /** Index of the device that it ran on. */
  readonly device: number;
  /** A slot was free, the inputs were staged, and native submission began. */
  readonly submit: number;
  /** All work was handed to the driver. */
  readonly launched: number;
  /** The device began to copy the inputs. */
  readonly h2dStart: number;
  /** The device began to compute: the inputs are copied. */
  readonly computeStart: number;
  /** The device began to copy the outputs. */
  readonly computeEnd: number;
  /** The device was done. */
  readonly d2hEnd: number;
  /** The end was noticed. */
  readonly completed: number;
  /** JavaScript has the outputs; the promise resolves now, or `runSync` returns. */
  readonly settled: number;
}

/** Memory that a session holds, in bytes. */
export interface SessionMemory {
  /** Ordinary host memory: values of shape tensors. */
  readonly hostBytes: number;
  /** Page-locked host memory for staging; on devices that share memory with the CPU (Jetson) the device's memory of inputs and outputs as well. */
  readonly pinnedBytes: number;
  /** Device memory of inputs and outputs of all slots, and of outputs that came back and wait to be used again. Not that of tensors given out. */
  readonly deviceBytes: number;
  /**
   * Device memory for activations. Slots lend it to each other, so that it grows with the runs that are in flight at the same time, and it does not shrink;
   * where sessions share an {@link ActivationMemory}, of all of them. Weights come on top; TensorRT does not tell their size.
   */
  readonly activationBytes: number;
  /** The same by device. */
  readonly devices: readonly SessionDeviceMemory[];
}

/** Memory that a session holds for one of its devices, in bytes. */
export interface SessionDeviceMemory extends Omit<SessionMemory, 'devices'> {
  /** Index of the device. */
  readonly device: number;
}
