// Metrics of models under Triton's names: what ModelStatistics counts, as nv_inference_…, nv_cache_… and nv_model_….

import type { Registry } from 'prom-client';
import { type LatencyHistogram, type ModelStatistics } from '../model/statistics.js';
import type { InferenceService, ServedVersion } from '../service.js';
import { labelsOf } from './labels.js';
import {
  type MetricType,
  type Sample,
  histogramSamples,
  rebucket,
  register,
} from './scraped-metric.js';

/** Of one version: undefined where it has none. */
type Value = (version: ServedVersion) => number | undefined;

/** Triton's durations are microseconds. */
function us(ns: number): number {
  return Math.round(ns / 1000);
}

function ofStatistics(read: (statistics: ModelStatistics) => number): Value {
  return ({ statistics }) => read(statistics);
}

function cached(read: (statistics: ModelStatistics) => number): Value {
  return ({ statistics, config }) =>
    config.response_cache?.enable === true ? read(statistics) : undefined;
}

const values: readonly (readonly [name: string, type: MetricType, help: string, value: Value])[] = [
  [
    'nv_inference_request_success',
    'counter',
    'Number of successful inference requests, all batch sizes',
    ofStatistics(({ success }) => success.count),
  ],
  [
    'nv_inference_count',
    'counter',
    'Number of inferences performed (does not include cached requests)',
    ofStatistics(({ inferenceCount }) => inferenceCount),
  ],
  [
    'nv_inference_exec_count',
    'counter',
    'Number of model executions performed (does not include cached requests)',
    ofStatistics(({ executionCount }) => executionCount),
  ],
  [
    'nv_inference_request_duration_us',
    'counter',
    'Cumulative inference request duration in microseconds (includes cached requests)',
    ofStatistics(({ success }) => us(success.ns)),
  ],
  [
    'nv_inference_queue_duration_us',
    'counter',
    'Cumulative inference queuing duration in microseconds (includes cached requests)',
    ofStatistics(({ queue }) => us(queue.ns)),
  ],
  [
    'nv_inference_compute_input_duration_us',
    'counter',
    'Cumulative compute input duration in microseconds (does not include cached requests)',
    ofStatistics(({ computeInput }) => us(computeInput.ns)),
  ],
  [
    'nv_inference_compute_infer_duration_us',
    'counter',
    'Cumulative compute inference duration in microseconds (does not include cached requests)',
    ofStatistics(({ computeInfer }) => us(computeInfer.ns)),
  ],
  [
    'nv_inference_compute_output_duration_us',
    'counter',
    'Cumulative inference compute output duration in microseconds (does not include cached requests)',
    ofStatistics(({ computeOutput }) => us(computeOutput.ns)),
  ],
  [
    'nv_inference_pending_request_count',
    'gauge',
    'Instantaneous number of pending requests awaiting execution per-model.',
    ({ pending }) => pending,
  ],
  [
    'nv_cache_num_hits_per_model',
    'counter',
    'Number of cache hits per model',
    cached(({ cacheHit }) => cacheHit.count),
  ],
  [
    'nv_cache_num_misses_per_model',
    'counter',
    'Number of cache misses per model',
    cached(({ cacheMiss }) => cacheMiss.count),
  ],
  [
    'nv_cache_hit_duration_per_model',
    'counter',
    'Total cache hit duration per model, in microseconds',
    cached(({ cacheHit }) => us(cacheHit.ns)),
  ],
  [
    'nv_cache_miss_duration_per_model',
    'counter',
    'Total cache miss (insert+lookup) duration per model, in microseconds',
    cached(({ cacheMiss }) => us(cacheMiss.ns)),
  ],
  [
    'nv_model_load_duration_secs',
    'gauge',
    'Model load time in seconds',
    ({ loadSeconds }) => loadSeconds,
  ],
];

const summaries: readonly (readonly [
  name: string,
  help: string,
  read: (statistics: ModelStatistics) => LatencyHistogram,
])[] = [
  [
    'nv_inference_request_summary_us',
    'Summary of inference request duration in microseconds (includes cached requests)',
    ({ latencies }) => latencies.request,
  ],
  [
    'nv_inference_queue_summary_us',
    'Summary of inference queuing duration in microseconds (includes cached requests)',
    ({ latencies }) => latencies.queue,
  ],
  [
    'nv_inference_compute_input_summary_us',
    'Summary of compute input duration in microseconds (does not include cached requests)',
    ({ latencies }) => latencies.h2d,
  ],
  [
    'nv_inference_compute_infer_summary_us',
    'Summary of compute inference duration in microseconds (does not include cached requests)',
    ({ latencies }) => latencies.compute,
  ],
  [
    'nv_inference_compute_output_summary_us',
    'Summary of inference compute output duration in microseconds (does not include cached requests)',
    ({ latencies }) => latencies.d2h,
  ],
];

/** Triton's, in milliseconds. */
const firstResponseBuckets = [100, 500, 2000, 5000];
const firstResponse = 'nv_inference_first_response_histogram_ms';

/** model_metrics may give a histogram other buckets. */
function bucketsOf({ config }: ServedVersion, family: string): readonly number[] | undefined {
  const control = config.model_metrics?.metric_control.find(
    ({ metric_identifier: identifier }) => identifier?.family === family,
  );
  const buckets = control?.histogram_options?.buckets ?? [];
  return buckets.length === 0 ? undefined : [...buckets].sort((a, b) => a - b);
}

function firstResponseSamples(version: ServedVersion): Sample[] {
  const buckets = bucketsOf(version, firstResponse) ?? firstResponseBuckets;
  const { request } = version.statistics.latencies;
  const counts = rebucket(
    request,
    buckets.map((bound) => bound * 1000),
  );
  return histogramSamples(firstResponse, labelsOf(version), buckets, counts, request.sumUs / 1000);
}

function failures(version: ServedVersion): Sample[] {
  const labels = labelsOf(version);
  return Object.entries(version.statistics.failures).map(([reason, value]) => ({
    labels: { ...labels, reason },
    value,
  }));
}

/** @param quantiles - Of the summaries; none: no summaries. @internal */
export function registerModelMetrics(
  registry: Registry,
  service: InferenceService,
  quantiles: readonly number[],
  histograms: boolean,
): void {
  for (const [name, type, help, value] of values) {
    register(registry, {
      name,
      type,
      help,
      samples: () =>
        service.served().flatMap((version) => {
          const now = value(version);
          return now === undefined ? [] : [{ labels: { ...labelsOf(version) }, value: now }];
        }),
    });
  }
  register(registry, {
    name: 'nv_inference_request_failure',
    type: 'counter',
    help: 'Number of failed inference requests, all batch sizes',
    samples: () => service.served().flatMap(failures),
  });
  if (histograms) {
    register(registry, {
      name: firstResponse,
      type: 'histogram',
      help: 'Duration from request to first response in milliseconds',
      samples: () => service.served().flatMap(firstResponseSamples),
    });
  }
  if (quantiles.length === 0) return;
  for (const [name, help, read] of summaries) {
    register(registry, {
      name,
      type: 'summary',
      help,
      samples: () =>
        service.served().flatMap((version) => summarySamples(name, version, quantiles, read)),
    });
  }
}

function summarySamples(
  name: string,
  version: ServedVersion,
  quantiles: readonly number[],
  read: (typeof summaries)[number][2],
): Sample[] {
  const histogram = read(version.statistics);
  const labels = labelsOf(version);
  return [
    ...quantiles.map((quantile) => ({
      labels: { ...labels, quantile },
      value: histogram.count === 0 ? NaN : histogram.quantile(quantile),
    })),
    { metricName: `${name}_sum`, labels: { ...labels }, value: histogram.sumUs },
    { metricName: `${name}_count`, labels: { ...labels }, value: histogram.count },
  ];
}
