// ModelStatistics: what one model version has done: Triton's statistics, and the batcher's decisions and latencies by phase.

import type { FailureReason } from '../request.js';

/** How often, and how long together. */
export interface DurationStatistic {
  count: number;
  /** Nanoseconds. */
  ns: number;
}

/** Why a batch was sent to the backend when it was. */
export type DispatchReason =
  /** No waiting was asked for, or nothing to wait for. */
  | 'immediate'
  /** It had a preferred size. */
  | 'preferred'
  /** It could not grow: max_batch_size, or the next request did not fit. */
  | 'full'
  /** The queue delay of its oldest request was over. */
  | 'delay'
  /** The model is about to be unloaded, or a sequence ended. */
  | 'drain';

const phases = ['queue', 'h2d', 'compute', 'd2h', 'wakeup', 'request'] as const;

/** Parts of a request's way; `request` is all of it. */
export type Phase = (typeof phases)[number];

/** Upper bounds of the histograms' buckets in microseconds; above the last is one more. */
export const latencyBucketsUs: readonly number[] = [
  5, 10, 20, 35, 50, 75, 100, 150, 200, 350, 500, 750, 1000, 1500, 2000, 3500, 5000, 7500, 10_000,
  20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
];

/** A latency histogram with fixed buckets ({@link latencyBucketsUs}). */
export class LatencyHistogram {
  readonly counts = new Float64Array(latencyBucketsUs.length + 1);
  sumUs = 0;
  count = 0;

  /** Notes `times` events that took `us` microseconds each. */
  observe(us: number, times = 1): void {
    let low = 0;
    let high = latencyBucketsUs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (us <= (latencyBucketsUs[middle] as number)) high = middle;
      else low = middle + 1;
    }
    this.counts[low] = (this.counts[low] as number) + times;
    this.sumUs += us * times;
    this.count += times;
  }

  /** The `q`th quantile in microseconds, interpolated in its bucket; 0 when there is nothing. */
  quantile(q: number): number {
    if (this.count === 0) return 0;
    const rank = q * this.count;
    let seen = 0;
    for (let index = 0; index < this.counts.length; index++) {
      const here = this.counts[index] as number;
      if (here > 0 && seen + here >= rank) {
        const from = index === 0 ? 0 : (latencyBucketsUs[index - 1] as number);
        const to = latencyBucketsUs[index] ?? from;
        return from + ((to - from) * Math.max(0, rank - seen)) / here;
      }
      seen += here;
    }
    return latencyBucketsUs.at(-1) as number;
  }
}

function duration(): DurationStatistic {
  return { count: 0, ns: 0 };
}

function add(statistic: DurationStatistic, ms: number, count = 1): void {
  statistic.count += count;
  statistic.ns += ms * 1e6 * count;
}

/** Statistics of the batches of one size. */
export interface BatchSizeStatistics {
  readonly computeInput: DurationStatistic;
  readonly computeInfer: DurationStatistic;
  readonly computeOutput: DurationStatistic;
}

/** Counters of one model version; they only grow. Kept when the version is loaded anew. */
export class ModelStatistics {
  readonly success = duration();
  readonly fail = duration();
  readonly queue = duration();
  readonly computeInput = duration();
  readonly computeInfer = duration();
  readonly computeOutput = duration();
  readonly cacheHit = duration();
  readonly cacheMiss = duration();
  readonly failures: Record<FailureReason, number> = {
    REJECTED: 0,
    CANCELED: 0,
    BACKEND: 0,
    OTHER: 0,
  };
  /** Items inferred, cache hits left out. */
  inferenceCount = 0;
  /** Batches executed. */
  executionCount = 0;
  /** Milliseconds since the epoch; 0: never. */
  lastInference = 0;
  /** By executed batch size (before padding). */
  readonly batches = new Map<number, BatchSizeStatistics>();
  /** By reason. */
  readonly dispatches = new Map<DispatchReason, number>();
  /** Items that were only padding. */
  paddedItems = 0;
  readonly latencies: Readonly<Record<Phase, LatencyHistogram>> = Object.fromEntries(
    phases.map((phase) => [phase, new LatencyHistogram()]),
  ) as Record<Phase, LatencyHistogram>;

  /** A request was answered, `ms` after it was accepted, `queueMs` of it waiting. */
  succeeded(ms: number, queueMs: number): void {
    add(this.success, ms);
    add(this.queue, queueMs);
    this.latencies.queue.observe(queueMs * 1000);
    this.latencies.request.observe(ms * 1000);
  }

  /** A request failed. */
  failed(ms: number, reason: FailureReason): void {
    add(this.fail, ms);
    this.failures[reason]++;
  }

  /** A batch of `requests` requests and `size` items was executed; parts in milliseconds. */
  executed(
    requests: number,
    size: number,
    inputMs: number,
    inferMs: number,
    outputMs: number,
    gpu?: { h2d: number; compute: number; d2h: number; wakeup: number },
  ): void {
    this.executionCount++;
    this.inferenceCount += size;
    this.lastInference = Date.now();
    add(this.computeInput, inputMs, requests);
    add(this.computeInfer, inferMs, requests);
    add(this.computeOutput, outputMs, requests);
    let batch = this.batches.get(size);
    if (batch === undefined) {
      batch = { computeInput: duration(), computeInfer: duration(), computeOutput: duration() };
      this.batches.set(size, batch);
    }
    add(batch.computeInput, inputMs);
    add(batch.computeInfer, inferMs);
    add(batch.computeOutput, outputMs);
    if (gpu === undefined) return;
    this.latencies.h2d.observe(gpu.h2d * 1000, requests);
    this.latencies.compute.observe(gpu.compute * 1000, requests);
    this.latencies.d2h.observe(gpu.d2h * 1000, requests);
    this.latencies.wakeup.observe(gpu.wakeup * 1000, requests);
  }

  /** A batch was sent for `reason`. */
  dispatched(reason: DispatchReason): void {
    this.dispatches.set(reason, (this.dispatches.get(reason) ?? 0) + 1);
  }

  /** The response cache had it, after `ms` of looking. */
  hit(ms: number): void {
    add(this.cacheHit, ms);
  }

  /** The response cache did not; `ms` of looking and putting in. */
  missed(ms: number): void {
    add(this.cacheMiss, ms);
  }
}
