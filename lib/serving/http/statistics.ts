// Statistics of model versions in the JSON of Triton's statistics extension.

import type { BatchSizeStatistics, DurationStatistic } from '../model/statistics.js';
import type { ServedVersion } from '../service.js';

function duration({ count, ns }: DurationStatistic): { count: number; ns: number } {
  return { count, ns: Math.round(ns) };
}

function batchText(size: number, batch: BatchSizeStatistics): Record<string, unknown> {
  return {
    batch_size: size,
    compute_input: duration(batch.computeInput),
    compute_infer: duration(batch.computeInfer),
    compute_output: duration(batch.computeOutput),
  };
}

function versionText(served: ServedVersion): object {
  const { name, version, statistics } = served;
  const { deviceBytes, pinnedBytes, hostBytes } = served.memory();
  const usage = [
    { type: 'GPU', id: 0, byte_size: deviceBytes },
    { type: 'CPU_PINNED', id: 0, byte_size: pinnedBytes },
    { type: 'CPU', id: 0, byte_size: hostBytes },
  ];
  return {
    name,
    version,
    last_inference: statistics.lastInference,
    inference_count: statistics.inferenceCount,
    execution_count: statistics.executionCount,
    inference_stats: {
      success: duration(statistics.success),
      fail: duration(statistics.fail),
      queue: duration(statistics.queue),
      compute_input: duration(statistics.computeInput),
      compute_infer: duration(statistics.computeInfer),
      compute_output: duration(statistics.computeOutput),
      cache_hit: duration(statistics.cacheHit),
      cache_miss: duration(statistics.cacheMiss),
    },
    batch_stats: [...statistics.batches]
      .sort(([a], [b]) => a - b)
      .map(([size, batch]) => batchText(size, batch)),
    memory_usage: usage.filter(({ byte_size: bytes }) => bytes > 0),
  };
}

/** The body of GET v2/models/stats. @internal */
export function statisticsJson(versions: readonly ServedVersion[]): string {
  return JSON.stringify({ model_stats: versions.map(versionText) });
}
