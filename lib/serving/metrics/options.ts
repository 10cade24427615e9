// Options of createMetrics, with tritonserver's names.

import { invalidArgument } from '../../errors.js';
import { checkInteger, checkOptions } from '../../validate.js';
import type { GpuReader } from './gpu-metrics.js';

/** Which latencies `--metrics-config` asks for, and at which quantiles. */
export interface SummaryOptions {
  /** Summaries of the latencies of requests, over all that have been. Default false. */
  latencies?: boolean | undefined;
  /** Default 0.5, 0.9, 0.95, 0.99 and 0.999. */
  quantiles?: readonly number[] | undefined;
}

/** A door of which the requests in flight are shown. */
export interface CountedDoor {
  readonly inFlight: number;
}

/** Options of {@link createMetrics}. */
export interface MetricsOptions {
  /** nv_gpu_… (--allow-gpu-metrics). Default true; absent where NVML is not there. */
  gpu?: boolean | undefined;
  /** nv_cpu_… (--allow-cpu-metrics). Default true. */
  cpu?: boolean | undefined;
  /** Milliseconds between readings of GPU and CPU (--metrics-interval-ms). Default 2000. */
  intervalMs?: number | undefined;
  /** Triton's summaries (--metrics-config summary_latencies=true). */
  summaries?: SummaryOptions | undefined;
  /** nv_inference_first_response_histogram_ms, whose buckets model_metrics changes (--metrics-config histogram_latencies=true). Default false. */
  histograms?: boolean | undefined;
  /** Requests in flight of these doors, by name. */
  doors?: Readonly<Record<string, CountedDoor | undefined>> | undefined;
  /** Bytes of pinned memory that there may be (--pinned-memory-pool-byte-size): nv_pinned_memory_pool_total_bytes. Default: what is used. */
  pinnedMemoryPoolBytes?: number | undefined;
  /** Reads the GPUs instead of NVML. @internal */
  readGpus?: GpuReader | undefined;
}

/** @internal */
export interface MetricsSettings {
  readonly gpu: boolean;
  readonly cpu: boolean;
  readonly intervalMs: number;
  /** Empty: no summaries. */
  readonly quantiles: readonly number[];
  readonly histograms: boolean;
}

const defaultQuantiles = [0.5, 0.9, 0.95, 0.99, 0.999];

/** With the defaults. @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function resolveMetricsOptions(options: MetricsOptions): MetricsSettings {
  checkOptions(
    options,
    [
      'gpu',
      'cpu',
      'intervalMs',
      'summaries',
      'histograms',
      'doors',
      'pinnedMemoryPoolBytes',
      'readGpus',
    ],
    'metrics',
  );
  const { summaries = {}, gpu = true, cpu = true, intervalMs = 2000 } = options;
  checkOptions(summaries, ['latencies', 'quantiles'], 'summaries');
  const quantiles = summaries.quantiles ?? defaultQuantiles;
  for (const quantile of quantiles) {
    if (typeof quantile === 'number' && quantile > 0 && quantile < 1) continue;
    throw invalidArgument(
      `summaries.quantiles: expected numbers between 0 and 1, got ${JSON.stringify(quantile)}`,
      'For example [0.5, 0.99].',
    );
  }
  return {
    gpu,
    cpu,
    intervalMs: checkInteger(intervalMs, 'intervalMs', 1, 2 ** 31 - 1),
    quantiles: summaries.latencies === true ? quantiles : [],
    histograms: options.histograms === true,
  };
}
