// createMetrics: all metrics of a service as Prometheus reads them, in a registry of their own.

import { Registry } from 'prom-client';
import type { InferenceService } from '../service.js';
import { registerBatcherMetrics } from './batcher-metrics.js';
import { registerCpuMetrics, registerPinnedMemoryMetrics } from './cpu-metrics.js';
import { GpuMonitor } from './gpu-metrics.js';
import { registerModelMetrics } from './model-metrics.js';
import { type MetricsOptions, resolveMetricsOptions } from './options.js';

export type { CountedDoor, MetricsOptions, SummaryOptions } from './options.js';

/** The reference runtime computes on the CPU: what GPUs there are have nothing to do with it. */
function isReference({ runtimeText }: InferenceService): boolean {
  return runtimeText.startsWith('CPU reference runtime');
}

/** The metrics of one server. */
export interface Metrics {
  /** All of them, now. */
  text(): Promise<string>;
  /** The Content-Type of {@link text}. */
  readonly contentType: string;
  /** To add metrics of your own. */
  readonly registry: Registry;
  /** Ends what is watched (the event loop). Idempotent. */
  close(): void;
}

/**
 * Metrics under Triton's names, and what Triton lacks under `trt_node_`. Counters are read from the models when somebody asks: nothing is counted twice, and
 * models pay nothing for it.
 *
 * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for wrong options
 */
export function createMetrics(service: InferenceService, options: MetricsOptions = {}): Metrics {
  const settings = resolveMetricsOptions(options);
  const registry = new Registry();
  registerModelMetrics(registry, service, settings.quantiles, settings.histograms);
  registerPinnedMemoryMetrics(registry, service, options.pinnedMemoryPoolBytes);
  const stop = registerBatcherMetrics(registry, service, options.doors ?? {});
  if (settings.cpu) registerCpuMetrics(registry, settings.intervalMs);
  const gpus = settings.gpu ? new GpuMonitor(settings.intervalMs, options.readGpus) : undefined;
  gpus?.register(registry, () => !isReference(service));
  return {
    registry,
    contentType: registry.contentType,
    async text() {
      await gpus?.refresh();
      return registry.metrics();
    },
    close: stop,
  };
}
