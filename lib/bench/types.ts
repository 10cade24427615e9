// What bench takes and gives.

import type { QueryTrace } from '../layers/chrome-trace.js';
import type { LayerTimes } from '../layers/layer-times.js';
import type { DType } from '../dtype.js';
import type { LogOptions } from '../log.js';
import type { PlatformOptions, RuntimeKind } from '../platform.js';
import type { DeviceInfo } from '../runtime/runtime.js';
import type { RefitOptions } from '../refit/sources.js';
import type { WeightStreamingBudget } from '../runtime/weight-streaming.js';
import type { RunTiming, SessionOptions, SessionStats } from '../session/types.js';
import type { Tensor } from '../tensor.js';
import type { BenchSummary } from './statistics.js';

/** What is measured: `'device'` trtexec's measurement, by a loop in C++; `'js'` what a JavaScript caller of {@link Session.run} sees. */
export type BenchPhase = 'device' | 'js';

/** How a plan is measured. Names, meanings and defaults are trtexec's where it has them. */
export interface BenchOptions extends PlatformOptions, LogOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
  /** Optimization profile; default: the best for the shapes. */
  profile?: number | undefined;
  /** Shapes of random inputs, and values of shape tensors, by input; one `*` in a name stands for anything. Default: the profile's optimum. */
  shapes?: Readonly<Record<string, readonly number[]>> | undefined;
  /** Inputs by name: tensors, or paths of .npy files or raw bytes. All others are random. */
  inputs?: Readonly<Record<string, Tensor | string>> | undefined;
  /** Of the random inputs, 0 to 2^32-1; default 0. */
  seed?: number | undefined;
  /** Default: both, the device first. */
  phases?: readonly BenchPhase[] | undefined;
  /** Least number of queries of each stream after the warm-up; default 10. A phase ends when this and `durationMs` are satisfied. */
  iterations?: number | undefined;
  /** Milliseconds that are not counted; default 200. */
  warmUpMs?: number | undefined;
  /** Least milliseconds after the warm-up; default 3000; -1: until `stop` is aborted. */
  durationMs?: number | undefined;
  /** Inferences in flight; default 1. */
  streams?: number | undefined;
  /** Device phase: a thread for each stream instead of one for all; default false. */
  threads?: boolean | undefined;
  /** Device phase: milliseconds between the first launch and the start of the device; default 0. */
  sleepMs?: number | undefined;
  /** Milliseconds between queries; default 0. */
  idleMs?: number | undefined;
  /** Whose defaults the next three have: those of trtexec 10 (false, false, true; the default) or of trtexec 11 (true, true, false). */
  compat?: 10 | 11 | undefined;
  /** Launch as a CUDA graph, where the engine can be captured. Not given: by `compat` on the device, the session's own choice in the js phase. */
  cudaGraph?: boolean | undefined;
  /** Wait for the device by spinning. Not given: as `cudaGraph`. */
  spinWait?: boolean | undefined;
  /** Device phase: copy inputs and outputs with every query. The js phase always does. */
  transfers?: boolean | undefined;
  /** Device phase: one query of a stream after the other, so that copies do not hide behind computing; default false. */
  exposeDMA?: boolean | undefined;
  /** Device phase: share of the device's persisting L2 cache that activations may use, 0 to 1; default: TensorRT's own, none. */
  persistentCacheRatio?: number | undefined;
  /** Which percentiles, each from 0 to 100; default 90, 95, 99. */
  percentiles?: readonly number[] | undefined;
  /** Measure the layers too, in a run of their own; default false. */
  layerTimes?: boolean | undefined;
  /** What TensorRT's inspector tells of the layers; default false. */
  layerInfo?: boolean | undefined;
  /** Give the outputs of the last query; default false. */
  outputs?: boolean | undefined;
  /** Whether the plan may bring executable host code. Only for plans that you trust. Default false. */
  engineHostCodeAllowed?: boolean | undefined;
  /** Other weights than the plan's: as {@link SessionOptions.refitFrom}; before each phase. */
  refitFrom?: RefitOptions | undefined;
  /** As {@link SessionOptions.weightStreamingBudget}. */
  weightStreamingBudget?: WeightStreamingBudget | undefined;
  /**
   * When contexts get activation memory, in both phases: as {@link SessionOptions.executionContextAllocationStrategy}; on the device 'lent' allocates what
   * the shapes need. Not given: 'static' on the device, as trtexec, and 'lent' in the js phase.
   */
  executionContextAllocationStrategy?: SessionOptions['executionContextAllocationStrategy'];
  /** Called some times a second. Must not throw. */
  progress?: ((progress: BenchProgress) => void) | undefined;
  /** Aborted: the phase that runs ends as if its duration were over, and what was measured is reported. */
  stop?: AbortSignal | undefined;
  /** Aborted: the promise rejects with ERR_TRT_ABORTED. */
  signal?: AbortSignal | undefined;
}

/** How far a phase is. */
export interface BenchProgress {
  readonly phase: BenchPhase | 'layers';
  /** Queries so far, warm-up included. */
  readonly queries: number;
  /** Milliseconds since the phase began to run. */
  readonly elapsedMs: number;
  /** Milliseconds that it takes at least, warm-up included; Infinity: until it is stopped. */
  readonly totalMs: number;
}

/** Every query of the device phase, warm-up included, by start: in trtexec's terms, a column each, milliseconds from the start of the phase. */
export interface BenchTrace extends QueryTrace {
  readonly startEnqMs: Float64Array;
  readonly endEnqMs: Float64Array;
}

/** trtexec's figures. */
export interface DeviceReport {
  /** Queries that were not counted. */
  readonly warmUpQueries: number;
  readonly queries: number;
  /** From the first counted query's start to the last one's end on the device: trtexec's "Total Host Walltime". */
  readonly wallMs: number;
  /** Queries a second. */
  readonly throughput: number;
  /** H2D + compute + D2H; not what a caller waits. */
  readonly latency: BenchSummary;
  /** Host time of enqueueing. */
  readonly enqueue: BenchSummary;
  readonly h2d: BenchSummary;
  readonly compute: BenchSummary;
  readonly d2h: BenchSummary;
  /** Sum of all compute times. */
  readonly totalComputeMs: number;
  /** Standard deviation of the compute times over their mean, in percent. */
  readonly computeVariation: number;
  /** Host CPU milliseconds a query: of the measuring threads, and of the whole process. */
  readonly cpuMs: { readonly threads: number; readonly process: number };
  /** Whether a CUDA graph was used, how many nodes it has, and why not when it was asked for. */
  readonly cudaGraph: { readonly used: boolean; readonly nodes: number; readonly refusal: string };
  /** The measurement ended early, as no more queries are kept (8 388 608 of each measuring thread). */
  readonly truncated: boolean;
  readonly trace: BenchTrace;
}

/** Where the time of a request goes; the six parts add up to its latency. Milliseconds. */
export interface RequestSplit {
  /** In JavaScript, and waiting for a free slot: call of `run` to native submission. */
  readonly js: number;
  /** Until the device begins with it. */
  readonly submit: number;
  readonly h2d: number;
  readonly compute: number;
  readonly d2h: number;
  /** From the end on the device to the caller's next line. */
  readonly wakeUp: number;
}

/** Parts of {@link RequestSplit.wakeUp}, and what the host takes to hand everything to the driver. */
export interface RequestDetail {
  /** Submission to its end; overlaps with what the device does already. */
  readonly launch: number;
  /** End on the device to its being noticed. */
  readonly notice: number;
  /** To the outputs being in JavaScript. */
  readonly deliver: number;
  /** To the caller's next line. */
  readonly resume: number;
}

/** One request that was timed in its parts; milliseconds. */
export interface BenchRequest {
  /** From the start of the phase. */
  readonly startMs: number;
  /** Call of `run` to the line after `await`. */
  readonly latencyMs: number;
  readonly timing: RunTiming;
}

/** What a JavaScript caller sees. */
export interface JsReport {
  readonly warmUpQueries: number;
  readonly queries: number;
  readonly wallMs: number;
  readonly throughput: number;
  /** Call of `run` to the line after `await`. */
  readonly latency: BenchSummary;
  /**
   * Where the time goes: requests that were timed in their parts, apart from the others, as timing costs some microseconds, and as not every driver can
   * time CUDA graphs. Undefined when the session gave no timings.
   */
  readonly timed:
    | {
        readonly queries: number;
        /** Of these requests. */
        readonly latency: BenchSummary;
        readonly split: Readonly<Record<keyof RequestSplit, BenchSummary>>;
        readonly detail: Readonly<Record<keyof RequestDetail, BenchSummary>>;
        readonly trace: readonly BenchRequest[];
      }
    | undefined;
  /**
   * How long a message from another thread waits until JavaScript gets to it: under this load, and before it. Undefined without samples. It includes
   * the wake-up of the thread, which is what `idle` shows.
   */
  readonly eventLoopDelay: { readonly load: BenchSummary; readonly idle: BenchSummary } | undefined;
  /** CPU milliseconds a query, of the whole process. */
  readonly cpuMs: { readonly user: number; readonly system: number };
  /** What the session says of itself, warm-up included: runs with and without CUDA graphs, and who launched them. */
  readonly session: Pick<SessionStats, 'cudaGraph' | 'launches'>;
  /** Every counted request, in order of completion: its call, from the start of the phase, and its latency. */
  readonly trace: { readonly startMs: Float64Array; readonly latencyMs: Float64Array };
}

/** Something that the figures say, and what to do about it. */
export interface BenchFinding {
  /** A short name that stays the same between versions. */
  readonly code: string;
  readonly severity: 'info' | 'warning';
  readonly what: string;
  /** Empty when there is nothing to do. */
  readonly todo: string;
}

/** One input as it was measured. */
export interface BenchInput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** `'random'`, `'values'`, `'given'`, or the file. */
  readonly source: string;
  /** The profile's optimum; for shape tensors its values. Undefined when the engine does not tell. */
  readonly optimum: readonly number[] | undefined;
}

/** What was measured, on what, how, and what came out. */
export interface BenchReport {
  /** With `refitFrom`: how many weights were given, and how long setting them and refitting took. */
  readonly refit: { readonly weights: number; readonly milliseconds: number } | undefined;
  /** Path of the plan, or undefined when bytes were given. */
  readonly plan: string | undefined;
  readonly engineName: string;
  readonly profile: number;
  readonly numOptimizationProfiles: number;
  readonly inputs: readonly BenchInput[];
  readonly environment: {
    readonly trtNode: string;
    readonly node: string;
    readonly runtime: RuntimeKind;
    /** TensorRT's version. */
    readonly version: string;
    readonly libraryPath: string;
    readonly device: DeviceInfo;
    /** Version of NVIDIA's kernel module, where it is loaded. */
    readonly driver: string | undefined;
    /** The driver's CUDA version, as "12.8". */
    readonly cudaVersion: string;
    /** ISO 8601. */
    readonly date: string;
    readonly cpu: string;
    readonly cpus: number;
  };
  /** What was asked for, defaults filled in. */
  readonly settings: BenchSettings;
  readonly device: DeviceReport | undefined;
  readonly js: JsReport | undefined;
  /** With `layerTimes`: how many queries, the layers, and their times in each query. */
  readonly layers: LayerTimes | undefined;
  /** With `layerInfo`: TensorRT's own JSON. */
  readonly layerInfo: string | undefined;
  /** With `outputs`: those of the last query. */
  readonly outputs: Readonly<Record<string, Tensor>> | undefined;
  readonly findings: readonly BenchFinding[];
}

/** {@link BenchOptions} with defaults filled in. */
export interface BenchSettings {
  readonly phases: readonly BenchPhase[];
  readonly iterations: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly streams: number;
  readonly threads: boolean;
  readonly sleepMs: number;
  readonly idleMs: number;
  readonly compat: 10 | 11;
  /** Of the device phase. */
  readonly cudaGraph: boolean;
  readonly spinWait: boolean;
  readonly transfers: boolean;
  readonly exposeDMA: boolean;
  readonly allocationStrategy: SessionOptions['executionContextAllocationStrategy'];
  readonly weightStreamingBudget: WeightStreamingBudget | undefined;
  readonly persistentCacheRatio: number | undefined;
  readonly percentiles: readonly number[];
  readonly seed: number;
  /** Of the js phase: the session's options. */
  readonly session: {
    readonly cudaGraph: 'auto' | 'on' | 'off';
    readonly completion: 'adaptive' | 'spin' | 'block';
  };
}
