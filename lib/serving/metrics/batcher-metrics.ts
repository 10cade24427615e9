// What Triton lacks, under this package's prefix: latencies by phase, batch sizes, why batches were sent, padding, memory of models, the event loop.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { type Phase, latencyBucketsUs } from '../model/statistics.js';
import type { InferenceService, ServedVersion } from '../service.js';
import { labelsOf } from './labels.js';
import type { CountedDoor } from './options.js';
import { type Sample, histogramSamples, register } from './scraped-metric.js';

const phaseName = 'trt_node_request_phase_duration_seconds';
const batchName = 'trt_node_batch_size';
const batchBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

const latencyBounds = latencyBucketsUs.map((us) => us / 1e6);

function phaseSamples(version: ServedVersion): Sample[] {
  const labels = labelsOf(version);
  const { latencies } = version.statistics;
  return (Object.keys(latencies) as Phase[]).flatMap((phase) => {
    const { counts, sumUs, count } = latencies[phase];
    // Models without a GPU have no copies: no lines for them.
    if (count === 0) return [];
    return histogramSamples(phaseName, { ...labels, phase }, latencyBounds, counts, sumUs / 1e6);
  });
}

function batchSamples(version: ServedVersion): Sample[] {
  const counts = new Float64Array(batchBounds.length + 1);
  let sum = 0;
  for (const [size, { computeInfer }] of version.statistics.batches) {
    const found = batchBounds.findIndex((bound) => size <= bound);
    const index = found === -1 ? batchBounds.length : found;
    counts[index] = (counts[index] as number) + computeInfer.count;
    sum += size * computeInfer.count;
  }
  return histogramSamples(batchName, labelsOf(version), batchBounds, counts, sum);
}

function dispatchSamples(version: ServedVersion): Sample[] {
  const labels = labelsOf(version);
  return [...version.statistics.dispatches].map(([reason, value]) => ({
    labels: { ...labels, reason },
    value,
  }));
}

function memorySamples(version: ServedVersion): Sample[] {
  const labels = labelsOf(version);
  const { deviceBytes, pinnedBytes, hostBytes } = version.memory();
  return [
    { labels: { ...labels, kind: 'device' }, value: deviceBytes },
    { labels: { ...labels, kind: 'pinned' }, value: pinnedBytes },
    { labels: { ...labels, kind: 'host' }, value: hostBytes },
  ];
}

const modelMetrics = [
  [phaseName, 'histogram', 'Parts of the way of a request, by phase', phaseSamples],
  [batchName, 'histogram', 'Items of executed batches, padding left out', batchSamples],
  ['trt_node_dispatch_total', 'counter', 'Batches by why they were sent', dispatchSamples],
  [
    'trt_node_padded_items_total',
    'counter',
    'Items that were only padding',
    (version: ServedVersion): Sample[] => [
      { labels: { ...labelsOf(version) }, value: version.statistics.paddedItems },
    ],
  ],
  ['trt_node_model_memory_bytes', 'gauge', 'Memory of a loaded model', memorySamples],
] as const;

const delayQuantiles = [0.5, 0.9, 0.99, 0.999];
const nsASecond = 1e9;

function delaySamples(name: string, delay: IntervalHistogram): Sample[] {
  return [
    ...delayQuantiles.map((quantile) => ({
      labels: { quantile },
      value: delay.count === 0 ? NaN : delay.percentile(quantile * 100) / nsASecond,
    })),
    {
      metricName: `${name}_sum`,
      labels: {},
      value: delay.count === 0 ? 0 : (delay.mean * delay.count) / nsASecond,
    },
    { metricName: `${name}_count`, labels: {}, value: delay.count },
  ];
}

/** @returns Ends what it watches. @internal */
export function registerBatcherMetrics(
  registry: Registry,
  service: InferenceService,
  doors: Readonly<Record<string, CountedDoor | undefined>>,
): () => void {
  for (const [name, type, help, samples] of modelMetrics) {
    register(registry, { name, type, help, samples: () => service.served().flatMap(samples) });
  }
  register(registry, {
    name: 'trt_node_requests_in_flight',
    type: 'gauge',
    help: 'Inference requests that wait or run, by door',
    samples: () =>
      Object.entries(doors).flatMap(([door, counted]) =>
        counted === undefined ? [] : [{ labels: { door }, value: counted.inFlight }],
      ),
  });
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const name = 'trt_node_event_loop_delay_seconds';
  register(registry, {
    name,
    type: 'summary',
    help: 'How late the event loop was, its timer of 10 ms included',
    samples: () => delaySamples(name, delay),
  });
  return () => {
    delay.disable();
  };
}
