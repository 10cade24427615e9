// RateResources: what instances need to execute, and how much of it there is.

import type { ModelConfig } from '../config/model-config.js';

/** How much there is of a resource. */
export interface ResourceLimit {
  readonly name: string;
  readonly count: number;
  /** Default: every device has so many. */
  readonly device?: number | undefined;
}

/** One resource that an instance needs while it executes. @internal */
export interface Need {
  readonly name: string;
  /** undefined: global. */
  readonly device: number | undefined;
  readonly count: number;
}

/** An instance of a model, for the rate limiter. @internal */
export interface LimitedInstance {
  readonly needs: readonly Need[];
  /** 1 and more; of two that have executed equally often, the one with the lower goes first. */
  readonly priority: number;
  executions: number;
  busy: boolean;
}

/** The instances of a config, in the order of its groups. @internal */
export function instancesOf(config: ModelConfig): LimitedInstance[] {
  const instances: LimitedInstance[] = [];
  for (const { count, gpus, rate_limiter: limiter } of config.instance_group) {
    for (const device of gpus.length > 0 ? gpus : [0]) {
      const needs = (limiter?.resources ?? []).map((resource) => ({
        name: resource.name,
        device: resource.global ? undefined : device,
        // Triton takes what is not given as one.
        count: Math.max(1, resource.count),
      }));
      for (let index = 0; index < Math.max(1, count); index++) {
        const priority = Math.max(1, limiter?.priority ?? 1);
        instances.push({ needs, priority, executions: 0, busy: false });
      }
    }
  }
  return instances;
}

function keyOf({ name, device }: Need): string {
  return `${device ?? 'global'}:${name}`;
}

/** @internal */
export class ResourcePool {
  readonly #limits: readonly ResourceLimit[];
  readonly #instances = new Set<LimitedInstance>();
  readonly #used = new Map<string, number>();
  /** By key: the most that an instance needs, which is how much there is where nothing was said. */
  #most = new Map<string, Need>();

  constructor(limits: readonly ResourceLimit[]) {
    this.#limits = limits;
  }

  /** Takes instances into account. @returns Why they could never execute, in Triton's words; nothing is added then */
  add(instances: readonly LimitedInstance[]): string | undefined {
    for (const instance of instances) this.#instances.add(instance);
    this.#count();
    const problem = this.#problem();
    if (problem !== undefined) this.remove(instances);
    return problem;
  }

  remove(instances: readonly LimitedInstance[]): void {
    for (const instance of instances) this.#instances.delete(instance);
    this.#count();
  }

  /** Takes what an instance needs, or nothing. */
  allocate({ needs }: LimitedInstance): boolean {
    if (!this.fits(needs)) return false;
    for (const need of needs) this.#change(need, need.count);
    return true;
  }

  release({ needs }: LimitedInstance): void {
    for (const need of needs) this.#change(need, -need.count);
  }

  /** Whether so much is there now. */
  fits(needs: readonly Need[]): boolean {
    return needs.every(
      (need) => (this.#used.get(keyOf(need)) ?? 0) + need.count <= this.#available(need),
    );
  }

  #change(need: Need, by: number): void {
    const key = keyOf(need);
    this.#used.set(key, (this.#used.get(key) ?? 0) + by);
  }

  #count(): void {
    this.#most = new Map();
    for (const { needs } of this.#instances) {
      for (const need of needs) {
        const key = keyOf(need);
        if ((this.#most.get(key)?.count ?? 0) < need.count) this.#most.set(key, need);
      }
    }
  }

  #available(need: Need): number {
    if (this.#limits.length === 0) return this.#most.get(keyOf(need))?.count ?? 0;
    let count = 0;
    for (const limit of this.#limits) {
      const counts =
        limit.name === need.name &&
        (need.device === undefined || limit.device === undefined || limit.device === need.device);
      if (counts) count = Math.max(count, limit.count);
    }
    return count;
  }

  #problem(): string | undefined {
    for (const need of this.#most.values()) {
      if (need.device === undefined) {
        for (const other of this.#most.values()) {
          if (other.device === undefined || other.name !== need.name) continue;
          return `Resource "${need.name}" is present as both global and device-specific resource in the model configuration.`;
        }
      }
      const available = this.#available(need);
      if (available < need.count) {
        return `Resource count for "${need.name}" is limited to ${available} which will prevent scheduling of one or more model instances, the minimum required count is ${need.count}`;
      }
    }
    return undefined;
  }
}
