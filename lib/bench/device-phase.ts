// The device phase: trtexec's measurement, done by the addon's loop, and its figures.

import { arrayLength, dtypeInfo } from '../dtype.js';
import { isTensorRTError } from '../errors.js';
import type { NativeMeasureOptions, NativeMeasureResult, NativeMeasurement } from '../native.js';
import { abortedError } from '../session/run.js';
import { Tensor, type TensorSource } from '../tensor.js';
import { volume } from '../validate.js';
import { medianOf, summarizeTimes, variationOf } from './statistics.js';
import { type Subject, nativeInputs } from './subject.js';
import type {
  BenchOptions,
  BenchProgress,
  BenchQuery,
  BenchSettings,
  DeviceReport,
  LayerReport,
} from './types.js';

const columns = 8;
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
  const { times, streams, cudaGraph, graphNodes, graphRefusal, cpuQueries } = result;
  const trace = traceOf(times, streams);
  const cpu = Math.max(1, cpuQueries);
  return {
    report: {
      ...deviceFigures(trace, settings),
      cpuMs: { threads: result.threadCpuMs / cpu, process: result.processCpuMs / cpu },
      cudaGraph: { used: cudaGraph, nodes: graphNodes, refusal: graphRefusal },
      trace,
    },
    outputs: wanted ? outputsOf(subject, result) : undefined,
  };
}

/** The addon's table as queries. */
export function traceOf(times: Float64Array, streams: Int32Array): BenchQuery[] {
  return Array.from(streams, (stream, index) => {
    const at = (column: number): number => times[index * columns + column] ?? 0;
    return {
      startEnqMs: at(0),
      endEnqMs: at(1),
      startH2dMs: at(2),
      endH2dMs: at(3),
      startComputeMs: at(4),
      endComputeMs: at(5),
      startD2hMs: at(6),
      endD2hMs: at(7),
      stream,
    };
  });
}

/** Durations of one query, by trtexec's definitions. */
export function durationsOf(query: BenchQuery): {
  enqueue: number;
  h2d: number;
  compute: number;
  d2h: number;
  latency: number;
} {
  const enqueue = query.endEnqMs - query.startEnqMs;
  const h2d = query.endH2dMs - query.startH2dMs;
  const compute = query.endComputeMs - query.startComputeMs;
  const d2h = query.endD2hMs - query.startD2hMs;
  return { enqueue, h2d, compute, d2h, latency: h2d + compute + d2h };
}

/** The queries that count: those from the first whose computing began after the warm-up; all of them if none did. */
export function countedQueries(
  trace: readonly BenchQuery[],
  warmUpMs: number,
): readonly BenchQuery[] {
  const first = trace.findIndex((query) => query.startComputeMs >= warmUpMs);
  return first < 0 ? trace : trace.slice(first);
}

/** trtexec's figures of a trace. */
export function deviceFigures(
  trace: readonly BenchQuery[],
  settings: Pick<BenchSettings, 'warmUpMs' | 'percentiles'>,
): Omit<DeviceReport, 'cpuMs' | 'cudaGraph' | 'trace'> {
  const counted = countedQueries(trace, settings.warmUpMs);
  const durations = counted.map(durationsOf);
  const column = (name: keyof (typeof durations)[number]): Float64Array =>
    Float64Array.from(durations, (duration) => duration[name]);
  const summary = (name: keyof (typeof durations)[number]): DeviceReport['latency'] =>
    summarizeTimes(column(name), settings.percentiles);
  const compute = column('compute');
  const end = counted.at(-1)?.endD2hMs ?? 0;
  const wallMs = end - (counted[0]?.startH2dMs ?? 0);
  return {
    warmUpQueries: trace.length - counted.length,
    queries: counted.length,
    wallMs,
    throughput: (counted.length / wallMs) * 1000,
    latency: summary('latency'),
    enqueue: summary('enqueue'),
    h2d: summary('h2d'),
    compute: summarizeTimes(compute, settings.percentiles),
    d2h: summary('d2h'),
    totalComputeMs: compute.reduce((sum, time) => sum + time, 0),
    computeVariation: variationOf(compute),
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
): Promise<{ count: number; layers: LayerReport[] }> {
  const native = subject.engine.measure({
    ...nativeOptions(subject, settings),
    streams: 1,
    threads: false,
    overlap: false,
    cudaGraph: false,
    layerTimes: true,
  });
  const result = await measure(native, options, { phase: 'layers', totalMs: totalMs(settings) });
  return layerReport(result.layers, result.layerTimes);
}

/** Sums, means and medians of each layer over the rows of `times`. */
export function layerReport(
  names: readonly string[],
  times: Float32Array,
): { count: number; layers: LayerReport[] } {
  const count = names.length === 0 ? 0 : times.length / names.length;
  const total = times.reduce((sum, time) => sum + time, 0);
  const layers = names.map((name, column) => {
    const own = Float64Array.from(
      { length: count },
      (_, row) => times[row * names.length + column] ?? 0,
    );
    const timeMs = own.reduce((sum, time) => sum + time, 0);
    return {
      name,
      timeMs,
      averageMs: timeMs / count,
      medianMs: medianOf(own.sort()),
      percentage: total === 0 ? 0 : (timeMs / total) * 100,
    };
  });
  return { count, layers };
}
