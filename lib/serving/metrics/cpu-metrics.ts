// nv_cpu_… and nv_pinned_memory_pool_…: the machine's processors and memory, from /proc as Triton reads them.

import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import type { Registry } from 'prom-client';
import type { InferenceService } from '../service.js';
import { register } from './scraped-metric.js';

/** Time of all processors together since the start, in ticks. @internal */
export interface CpuTicks {
  readonly busy: number;
  readonly total: number;
}

/** The first line of /proc/stat; undefined where there is none. @internal */
export function parseCpuTicks(text: string): CpuTicks | undefined {
  const fields = /^cpu +([\d ]+)/.exec(text)?.[1]?.trim().split(/ +/).map(Number);
  if (fields === undefined || fields.length < 4) return undefined;
  // user nice system idle iowait irq softirq steal; what guests use is in user and nice already.
  const counted = fields.slice(0, 8);
  const total = counted.reduce((sum, ticks) => sum + ticks, 0);
  const idle = (counted[3] ?? 0) + (counted[4] ?? 0);
  return { busy: total - idle, total };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function memoryUsed(): number {
  const available = /^MemAvailable: +(\d+) kB/m.exec(readText('/proc/meminfo'))?.[1];
  return totalmem() - (available === undefined ? freemem() : Number(available) * 1024);
}

/** Utilization since the last reading that is at least `intervalMs` old. */
class CpuUtilization {
  readonly #intervalMs: number;
  #last = parseCpuTicks(readText('/proc/stat'));
  #at = performance.now();
  #value: number | undefined;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  read(): number | undefined {
    if (performance.now() - this.#at < this.#intervalMs && this.#value !== undefined) {
      return this.#value;
    }
    const now = parseCpuTicks(readText('/proc/stat'));
    if (now === undefined || this.#last === undefined) return undefined;
    const total = now.total - this.#last.total;
    if (total > 0) this.#value = (now.busy - this.#last.busy) / total;
    this.#last = now;
    this.#at = performance.now();
    return this.#value;
  }
}

/** @internal */
export function registerCpuMetrics(registry: Registry, intervalMs: number): void {
  const utilization = new CpuUtilization(intervalMs);
  const gauges = [
    ['nv_cpu_utilization', 'CPU utilization rate [0.0 - 1.0]', () => utilization.read()],
    ['nv_cpu_memory_total_bytes', 'CPU total memory (RAM), in bytes', () => totalmem()],
    ['nv_cpu_memory_used_bytes', 'CPU used memory (RAM), in bytes', memoryUsed],
  ] as const;
  for (const [name, help, read] of gauges) {
    register(registry, {
      name,
      help,
      type: 'gauge',
      samples: () => {
        const value = read();
        return value === undefined ? [] : [{ labels: {}, value }];
      },
    });
  }
}

/** @param total - Bytes that there may be; undefined: what is used. @internal */
export function registerPinnedMemoryMetrics(
  registry: Registry,
  service: InferenceService,
  total: number | undefined,
): void {
  const used = () => service.served().reduce((sum, each) => sum + each.memory().pinnedBytes, 0);
  register(registry, {
    name: 'nv_pinned_memory_pool_total_bytes',
    help: 'Pinned memory pool total memory size, in bytes',
    type: 'gauge',
    samples: () => [{ labels: {}, value: total ?? used() }],
  });
  register(registry, {
    name: 'nv_pinned_memory_pool_used_bytes',
    help: 'Pinned memory pool used memory size, in bytes',
    type: 'gauge',
    samples: () => [{ labels: {}, value: used() }],
  });
}
