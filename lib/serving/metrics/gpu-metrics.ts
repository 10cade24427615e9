// nv_gpu_… and nv_energy_consumption: what NVML tells of the GPUs, read now and then, off the event loop.

import type { Registry } from 'prom-client';
import { loadAddon } from '../../load.js';
import { register } from './scraped-metric.js';

/** What a GPU tells of itself; what it does not tell (MIG, no permission) is undefined. */
export interface GpuReading {
  /** "GPU-…". */
  readonly uuid: string;
  /** From 0 to 1. */
  readonly utilization?: number | undefined;
  readonly memoryTotalBytes?: number | undefined;
  readonly memoryUsedBytes?: number | undefined;
  readonly powerUsageWatts?: number | undefined;
  readonly powerLimitWatts?: number | undefined;
  /** Since the driver was loaded. */
  readonly energyJoules?: number | undefined;
}

/** Reads all GPUs; none where there is no NVML. Rejects never. @internal */
export type GpuReader = () => Promise<readonly GpuReading[]>;

/** By NVML, on another thread. */
async function readNvml(): Promise<readonly GpuReading[]> {
  try {
    return await loadAddon().addon.readGpus();
  } catch {
    // Without NVML, or where it breaks off, the metrics are absent.
    return [];
  }
}

const gauges = [
  ['nv_gpu_utilization', 'GPU utilization rate [0.0 - 1.0)', 'utilization'],
  ['nv_gpu_memory_total_bytes', 'GPU total memory, in bytes', 'memoryTotalBytes'],
  ['nv_gpu_memory_used_bytes', 'GPU used memory, in bytes', 'memoryUsedBytes'],
  ['nv_gpu_power_usage', 'GPU power usage in watts', 'powerUsageWatts'],
  ['nv_gpu_power_limit', 'GPU power management limit in watts', 'powerLimitWatts'],
] as const;

/** Readings of the GPUs, renewed at most every `intervalMs`. @internal */
export class GpuMonitor {
  readonly #read: GpuReader;
  readonly #intervalMs: number;
  #readings: readonly GpuReading[] = [];
  #at = -Infinity;
  #reading: Promise<void> | undefined;
  /** Joules at the first reading, by uuid: Triton counts from the server's start. */
  readonly #energyBefore = new Map<string, number>();

  constructor(intervalMs: number, read: GpuReader = readNvml) {
    this.#read = read;
    this.#intervalMs = intervalMs;
  }

  /** Waits until the readings are new enough. */
  async refresh(): Promise<void> {
    if (performance.now() - this.#at < this.#intervalMs) return;
    this.#reading ??= this.#renew();
    await this.#reading;
  }

  async #renew(): Promise<void> {
    this.#readings = await this.#read();
    for (const { uuid, energyJoules } of this.#readings) {
      if (energyJoules !== undefined && !this.#energyBefore.has(uuid)) {
        this.#energyBefore.set(uuid, energyJoules);
      }
    }
    this.#at = performance.now();
    this.#reading = undefined;
  }

  /** @param used - Whether models may use the GPUs; where not, the metrics are absent. */
  register(registry: Registry, used: () => boolean): void {
    const readings = () => (used() ? this.#readings : []);
    for (const [name, help, field] of gauges) {
      register(registry, {
        name,
        help,
        type: 'gauge',
        samples: () =>
          readings().flatMap((reading) => {
            const value = reading[field];
            return value === undefined ? [] : [{ labels: { gpu_uuid: reading.uuid }, value }];
          }),
      });
    }
    register(registry, {
      name: 'nv_energy_consumption',
      help: 'GPU energy consumption in joules since the server started',
      type: 'counter',
      samples: () =>
        readings().flatMap(({ uuid, energyJoules }) => {
          if (energyJoules === undefined) return [];
          const value = energyJoules - (this.#energyBefore.get(uuid) ?? energyJoules);
          return [{ labels: { gpu_uuid: uuid }, value }];
        }),
    });
  }
}
