// StatusSnapshot: what the status page shows, as JSON: counters that only grow, from which the page makes rates and windows.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { packageVersion } from '../../package-version.js';
import type { ModelConfig } from '../config/model-config.js';
import { type Phase, latencyBucketsUs } from '../model/statistics.js';
import type { InferenceService, ModelIndexEntry, Readiness, ServedVersion } from '../service.js';
import type { StaticPage } from './page.js';

/** Memory of one device, in bytes. */
export interface DeviceMemory {
  readonly index: number;
  readonly name: string;
  readonly totalBytes: number;
  /** By all processes. */
  readonly usedBytes: number;
}

/** Where the parts come from that an {@link InferenceService} does not have. */
export interface StatusSources {
  /** Name of this server (--id). */
  readonly serverName?: string | undefined;
  /** Devices with their memory; left out or throwing: not known. */
  readonly devices?: (() => readonly DeviceMemory[]) | undefined;
}

/** Latencies of one phase since the start, in microseconds. */
export interface PhaseStatus {
  readonly count: number;
  readonly sumUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  /** By bucket of {@link StatusSnapshot.bucketsUs}; the last is what is above all of them. */
  readonly buckets: readonly number[];
}

/** What one version did since it was first loaded. */
export interface VersionStatus {
  readonly platform: string;
  readonly maxBatchSize: number;
  /** For example "2 × GPU 0". */
  readonly instances: string;
  /** Requests that wait or run. */
  readonly pending: number;
  readonly memory: {
    readonly deviceBytes: number;
    readonly pinnedBytes: number;
    readonly hostBytes: number;
  };
  readonly requests: { readonly success: number; readonly fail: number };
  readonly failures: Readonly<Record<string, number>>;
  readonly inferences: number;
  readonly executions: number;
  readonly paddedItems: number;
  readonly cache: { readonly hits: number; readonly misses: number };
  /** Executed batch sizes with how often, smallest first. */
  readonly batchSizes: readonly (readonly [size: number, count: number])[];
  readonly dispatches: Readonly<Record<string, number>>;
  /** Milliseconds since the epoch; 0: never. */
  readonly lastInference: number;
  readonly latencies: Readonly<Record<Phase, PhaseStatus>>;
}

/** One row of the index, with what is known of the version when it is ready. */
export interface ModelStatus extends ModelIndexEntry {
  readonly served: VersionStatus | null;
}

/** What `/status.json` answers. */
export interface StatusSnapshot {
  readonly server: { readonly name: string; readonly version: string; readonly pid: number };
  /** '' while nothing was opened. */
  readonly runtime: string;
  readonly controlMode: InferenceService['controlMode'];
  readonly readiness: Readiness;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly uptimeSeconds: number;
  /** Of the last ten seconds or so, in milliseconds: how late the event loop's timers were. */
  readonly eventLoop: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  readonly process: { readonly rssBytes: number; readonly cpuSeconds: number };
  readonly devices: readonly DeviceMemory[];
  readonly bucketsUs: readonly number[];
  readonly models: readonly ModelStatus[];
}

const loopResolutionMs = 10;
const loopWindowMs = 10_000;

/** Makes snapshots while it is open; one for each server. */
export class StatusReporter {
  readonly #service: InferenceService;
  readonly #sources: StatusSources;
  readonly #start = performance.now();
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: loopResolutionMs });
  readonly #timer: NodeJS.Timeout;
  /** The figures of the last whole window; those of the window under way are too few at its beginning. */
  #last: StatusSnapshot['eventLoop'] | undefined;

  constructor(service: InferenceService, sources: StatusSources = {}) {
    this.#service = service;
    this.#sources = sources;
    this.#loop.enable();
    this.#timer = setInterval(() => {
      this.#last = this.#loopDelay();
      this.#loop.reset();
    }, loopWindowMs).unref();
  }

  /** What there is to know now. */
  snapshot(): StatusSnapshot {
    const service = this.#service;
    const served = new Map(
      service.served().map((version) => [`${version.name}\n${version.version}`, version]),
    );
    const { user, system } = process.cpuUsage();
    return {
      server: {
        name: this.#sources.serverName ?? 'trt-node',
        version: packageVersion(),
        pid: process.pid,
      },
      runtime: service.runtimeText,
      controlMode: service.controlMode,
      readiness: service.ready(),
      now: Date.now(),
      uptimeSeconds: (performance.now() - this.#start) / 1000,
      eventLoop: this.#last ?? this.#loopDelay(),
      process: { rssBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 },
      devices: this.#devices(),
      bucketsUs: latencyBucketsUs,
      models: service.index().map((entry) => {
        const version = served.get(`${entry.name}\n${entry.version}`);
        return { ...entry, served: version === undefined ? null : versionStatus(version) };
      }),
    };
  }

  /** The snapshot as the answer to `/status.json`. */
  json(): StaticPage {
    return {
      body: JSON.stringify(this.snapshot()),
      headers: {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      },
    };
  }

  /** Ends measuring. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.#loop.disable();
  }

  #loopDelay(): StatusSnapshot['eventLoop'] {
    // The histogram counts the whole interval between two ticks; the delay is what is above the interval.
    const late = (ns: number): number => Math.max(0, ns / 1e6 - loopResolutionMs);
    if (this.#loop.count === 0) return { p50Ms: 0, p99Ms: 0, maxMs: 0 };
    const { max } = this.#loop;
    return {
      p50Ms: late(this.#loop.percentile(50)),
      p99Ms: late(this.#loop.percentile(99)),
      maxMs: late(max),
    };
  }

  #devices(): readonly DeviceMemory[] {
    try {
      return this.#sources.devices?.() ?? [];
    } catch {
      // A lost device cannot be asked; readiness says that it is lost.
      return [];
    }
  }
}

function versionStatus(version: ServedVersion): VersionStatus {
  const { statistics, config } = version;
  const { deviceBytes, pinnedBytes, hostBytes } = version.memory();
  const latencies = Object.entries(statistics.latencies).map(([phase, histogram]) => [
    phase,
    {
      count: histogram.count,
      sumUs: histogram.sumUs,
      p50Us: histogram.quantile(0.5),
      p90Us: histogram.quantile(0.9),
      p99Us: histogram.quantile(0.99),
      buckets: Array.from(histogram.counts),
    },
  ]);
  return {
    platform: config.platform === '' ? config.backend : config.platform,
    maxBatchSize: config.max_batch_size,
    instances: instancesText(config),
    pending: version.pending,
    memory: { deviceBytes, pinnedBytes, hostBytes },
    requests: { success: statistics.success.count, fail: statistics.fail.count },
    failures: { ...statistics.failures },
    inferences: statistics.inferenceCount,
    executions: statistics.executionCount,
    paddedItems: statistics.paddedItems,
    cache: { hits: statistics.cacheHit.count, misses: statistics.cacheMiss.count },
    batchSizes: [...statistics.batches]
      .map(([size, { computeInfer }]) => [size, computeInfer.count] as const)
      .sort(([a], [b]) => a - b),
    dispatches: Object.fromEntries(statistics.dispatches),
    lastInference: statistics.lastInference,
    latencies: Object.fromEntries(latencies) as Record<Phase, PhaseStatus>,
  };
}

/** The instance groups of a config in a few words: "2 × GPU 0", "1 × CPU". */
export function instancesText(config: ModelConfig): string {
  if (config.instance_group.length === 0)
    return config.ensemble_scheduling === undefined ? '1' : '';
  return config.instance_group
    .map(({ count, kind, gpus }) => {
      const where = kind.replace('KIND_', '');
      const devices = gpus.length === 0 ? '' : ` ${gpus.join(', ')}`;
      return `${Math.max(1, count)} × ${where === 'AUTO' ? 'auto' : where}${devices}`;
    })
    .join('; ');
}
