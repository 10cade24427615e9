// The device phase: trtexec's measurement, done by the addon's loop, and its figures.

import { arrayLength, dtypeInfo } from '../dtype.js';
import { isTensorRTError } from '../errors.js';
import { type LayerTimes, layerTimes } from '../layers/layer-times.js';
import type { NativeMeasureOptions, NativeMeasureResult, NativeMeasurement } from '../native.js';
import { allocationStrategyNumber } from '../session/engine-options.js';
import { abortedError } from '../session/run.js';
import { Tensor, type TensorSource } from '../tensor.js';
import { volume } from '../validate.js';
import { summarizeTimes, variationOf } from './statistics.js';
import { type Subject, nativeInputs } from './subject.js';
import type {
  BenchOptions,
  BenchProgress,
  BenchSettings,
  BenchTrace,
  DeviceReport,
} from './types.js';

const progressMs = 200;

/** Runs the loop, tells its progress, and passes stop and abort on. */
async function measure(
  native: NativeMeasurement,
  options: BenchOptions,
  progress: Pick<BenchProgress, 'phase' | 'totalMs'>,
): Promise<NativeMeasureResult> {
  const { signal, stop } = options;
  const onAbort = (): void => {
    native.cancel();
  };
  const onStop = (): void => {
    native.stop();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  stop?.addEventListener('abort', onStop, { once: true });
  if (signal?.aborted === true) onAbort();
  if (stop?.aborted === true) onStop();
  const timer =
    options.progress &&
    setInterval(() => {
      const { queries, deviceMs } = native.progress();
      options.progress?.({ ...progress, queries, elapsedMs: deviceMs });
    }, progressMs);
  try {
    return await native.result;
  } catch (error) {
    if (signal?.aborted === true && isTensorRTError(error) && error.code === 'ERR_TRT_ABORTED') {
      throw abortedError('bench', signal);
    }
    throw error;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', onAbort);
    stop?.removeEventListener('abort', onStop);
  }
}

function nativeOptions(subject: Subject, settings: BenchSettings): NativeMeasureOptions {
  const { streams, threads, iterations, warmUpMs, durationMs, sleepMs, idleMs } = settings;
  return {
    profile: subject.profile,
    inputs: nativeInputs(subject),
    streams,
    threads,
    iterations,
    warmUpMs,
    durationMs,
    sleepMs,
    idleMs,
    cudaGraph: settings.cudaGraph,
    allocationStrategy: allocationStrategyNumber(
      settings.allocationStrategy ?? 'static',
      'bench: executionContextAllocationStrategy',
    ),
    spin: settings.spinWait,
    transfers: settings.transfers,
    overlap: !settings.exposeDMA,
    layerTimes: false,
    outputs: false,
    persistentCacheRatio: settings.persistentCacheRatio,
  };
}

/** At least so long does a phase take. */
export function totalMs({ warmUpMs, durationMs }: BenchSettings): number {
  return durationMs < 0 ? Infinity : warmUpMs + durationMs;
}

/** Measures as trtexec does. */
export async function devicePhase(
  subject: Subject,
  options: BenchOptions,
  settings: BenchSettings,
): Promise<{ report: DeviceReport; outputs: Record<string, Tensor> | undefined }> {
  const wanted = options.outputs === true;
  const native = subject.engine.measure({
    ...nativeOptions(subject, settings),
    outputs: wanted,
  });
  const result = await measure(native, options, { phase: 'device', totalMs: totalMs(settings) });
  const { trace, cudaGraph, graphNodes, graphRefusal } = result;
  const queries = Math.max(1, result.cpuQueries);
  return {
    report: {
      ...deviceFigures(trace, settings),
      cpuMs: { threads: result.threadCpuMs / queries, process: result.processCpuMs / queries },
      cudaGraph: { used: cudaGraph, nodes: graphNodes, refusal: graphRefusal },
      truncated: result.full,
      trace,
    },
    outputs: wanted ? outputsOf(subject, result) : undefined,
  };
}

/** Durations by query, by trtexec's definitions. */
export interface Durations {
  readonly enqueue: Float64Array;
  readonly h2d: Float64Array;
  readonly compute: Float64Array;
  readonly d2h: Float64Array;
  /** The sum of the last three. */
  readonly latency: Float64Array;
}

/** Durations of the queries from index `first` on. */
export function durationsOf(trace: BenchTrace, first: number): Durations {
  const column = (start: Float64Array, end: Float64Array): Float64Array =>
    end.subarray(first).map((time, index) => time - (start[first + index] ?? 0));
  const h2d = column(trace.startH2dMs, trace.endH2dMs);
  const compute = column(trace.startComputeMs, trace.endComputeMs);
  const d2h = column(trace.startD2hMs, trace.endD2hMs);
  return {
    enqueue: column(trace.startEnqMs, trace.endEnqMs),
    h2d,
    compute,
    d2h,
    latency: h2d.map((time, index) => time + (compute[index] ?? 0) + (d2h[index] ?? 0)),
  };
}

/** The first query that counts: the first whose computing began after the warm-up; if none did, all count. */
export function firstCounted(trace: BenchTrace, warmUpMs: number): number {
  return Math.max(
    0,
    trace.startComputeMs.findIndex((start) => start >= warmUpMs),
  );
}

/** trtexec's figures of a trace. */
export function deviceFigures(
  trace: BenchTrace,
  settings: Pick<BenchSettings, 'warmUpMs' | 'percentiles'>,
): Omit<DeviceReport, 'cpuMs' | 'cudaGraph' | 'truncated' | 'trace'> {
  const first = firstCounted(trace, settings.warmUpMs);
  const durations = durationsOf(trace, first);
  const queries = durations.latency.length;
  const wallMs = (trace.endD2hMs.at(-1) ?? 0) - (trace.startH2dMs[first] ?? 0);
  const summary = (name: keyof Durations): DeviceReport['latency'] =>
    summarizeTimes(durations[name], settings.percentiles);
  return {
    warmUpQueries: first,
    queries,
    wallMs,
    throughput: (queries / wallMs) * 1000,
    latency: summary('latency'),
    enqueue: summary('enqueue'),
    h2d: summary('h2d'),
    compute: summary('compute'),
    d2h: summary('d2h'),
    totalComputeMs: durations.compute.reduce((sum, time) => sum + time, 0),
    computeVariation: variationOf(durations.compute),
  };
}

function outputsOf(subject: Subject, result: NativeMeasureResult): Record<string, Tensor> {
  return Object.fromEntries(
    subject.table.outputs.map((row, index) => {
      const { shape, data } = result.outputs[index] as NativeMeasureResult['outputs'][number];
      const info = dtypeInfo(row.tensor.dtype);
      const elements = new info.array(data, 0, arrayLength(info, volume(shape)));
      return [row.name, new Tensor(row.tensor.dtype, elements as TensorSource, shape)];
    }),
  );
}

/** Times of the layers, in a run of their own: profiling slows inference, so the other figures must not be from it. */
export async function layerPhase(
  subject: Subject,
  options: BenchOptions,
  settings: BenchSettings,
): Promise<LayerTimes> {
  const native = subject.engine.measure({
    ...nativeOptions(subject, settings),
    streams: 1,
    threads: false,
    overlap: false,
    cudaGraph: false,
    layerTimes: true,
  });
  const result = await measure(native, options, { phase: 'layers', totalMs: totalMs(settings) });
  return layerTimes(result.layers, result.layerTimes);
}
