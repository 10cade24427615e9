// ScrapedMetric: a metric whose values are read when somebody asks, as prom-client's registry takes it.

import type { Metric, Registry } from 'prom-client';
import { type LatencyHistogram, latencyBucketsUs } from '../model/statistics.js';

/** @internal */
export type Labels = Readonly<Record<string, string>>;

/** One line of the text. @internal */
export interface Sample {
  /** Where it is not the metric's own name: NAME_bucket, NAME_sum, NAME_count. */
  metricName?: string;
  labels: Record<string, string | number>;
  value: number;
}

/** @internal */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary';

/** What a metric is, and how its samples are read. No samples: the metric is left out of nothing but its lines. @internal */
export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: () => Sample[];
}

/** Adds a metric to a registry. The counters are in ModelStatistics already, so prom-client's own would only be a copy to keep up to date. @internal */
export function register(registry: Registry, definition: MetricDefinition): void {
  const { name, help, type, samples } = definition;
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: () => ({ name, help, type, values: samples(), aggregator: 'sum' }),
  };
  registry.registerMetric(metric as unknown as Metric);
}

/** The lines of one histogram: counts per bucket (one more than bounds), cumulated. @internal */
export function histogramSamples(
  name: string,
  labels: Labels,
  bounds: readonly number[],
  counts: ArrayLike<number>,
  sum: number,
): Sample[] {
  const samples: Sample[] = [];
  let total = 0;
  bounds.forEach((bound, index) => {
    total += counts[index] ?? 0;
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: total });
  });
  total += counts[bounds.length] ?? 0;
  samples.push(
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total },
    { metricName: `${name}_sum`, labels: { ...labels }, value: sum },
    { metricName: `${name}_count`, labels: { ...labels }, value: total },
  );
  return samples;
}

/**
 * A latency histogram with other bounds, in microseconds: each of its buckets goes where its upper bound belongs, so that no event is told as faster than it
 * was; exact for bounds that {@link latencyBucketsUs} has. @internal
 */
export function rebucket(histogram: LatencyHistogram, bounds: readonly number[]): Float64Array {
  const counts = new Float64Array(bounds.length + 1);
  histogram.counts.forEach((count, index) => {
    const upper = latencyBucketsUs[index] ?? Infinity;
    const target = bounds.findIndex((bound) => upper <= bound);
    const at = target === -1 ? bounds.length : target;
    counts[at] = (counts[at] as number) + count;
  });
  return counts;
}
