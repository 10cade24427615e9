// LimitedBackend: a backend that executes only while the rate limiter has the resources that one of its instances needs.

import { ServingError } from '../../errors.js';
import type { Backend, Batch, ModelMemory } from '../model/backend.js';
import type { PendingRequest } from '../request.js';
import type { LimitedInstance, ResourcePool } from './rate-resources.js';

/** How it knows the others. */
export interface LimitedNeighbours {
  /** All backends of the limiter, this one included. */
  readonly others: ReadonlySet<LimitedBackend>;
  /** Called once, when it is closed. */
  closed(): void;
}

/** How much it has had already; less goes first. */
function shareOf({ executions, priority }: LimitedInstance): number {
  return executions * priority;
}

/** @internal */
export class LimitedBackend implements Backend {
  readonly #inner: Backend;
  readonly #instances: readonly LimitedInstance[];
  readonly #pool: ResourcePool;
  readonly #neighbours: LimitedNeighbours;
  /** Set when it could not go on for lack of resources. */
  waiting = false;
  /** Batches that came while there was nothing left, from callers that did not ask. */
  readonly #held: Batch[] = [];
  #closed = false;
  onFree: (() => void) | undefined;

  constructor(
    inner: Backend,
    instances: readonly LimitedInstance[],
    pool: ResourcePool,
    neighbours: LimitedNeighbours,
  ) {
    this.#inner = inner;
    this.#instances = instances;
    this.#pool = pool;
    this.#neighbours = neighbours;
    inner.onFree = () => {
      this.goOn();
    };
  }

  get platform(): string {
    return this.#inner.platform;
  }

  get broken(): Error | undefined {
    return this.#inner.broken;
  }

  get free(): number {
    const { free } = this.#inner;
    if (free <= 0) return 0;
    const next = this.next();
    if (next !== undefined && this.#pool.fits(next.needs) && !this.#mustYield(next)) return 1;
    // An instance that is busy becomes free by itself; resources are given to whoever waits for them.
    if (next !== undefined) this.waiting = true;
    return 0;
  }

  /** The instance that would execute next; undefined: all are busy. */
  next(index?: number): LimitedInstance | undefined {
    if (index !== undefined) return this.#instances[index % this.#instances.length];
    let next: LimitedInstance | undefined;
    for (const instance of this.#instances) {
      if (instance.busy) continue;
      if (next === undefined || shareOf(instance) < shareOf(next)) next = instance;
    }
    return next;
  }

  execute(batch: Batch): void {
    const instance = this.next(batch.instance);
    if (instance === undefined || instance.busy || !this.#pool.allocate(instance)) {
      this.#held.push(batch);
      this.waiting = true;
      return;
    }
    this.waiting = false;
    instance.busy = true;
    this.#inner.execute({
      requests: batch.requests,
      size: batch.size,
      instance: batch.instance,
      ended: (timing, error) => {
        instance.busy = false;
        instance.executions++;
        this.#pool.release(instance);
        batch.ended(timing, error);
        this.#pass();
      },
    });
  }

  /** Executes what is held, or lets the scheduler execute; called when there may be room. */
  goOn(): void {
    this.waiting = false;
    const held = this.#held[0];
    if (held === undefined) {
      this.onFree?.();
      return;
    }
    if (this.#inner.free <= 0) return;
    this.#held.shift();
    this.execute(held);
  }

  check(request: PendingRequest): void {
    this.#inner.check?.(request);
  }

  memory(): ModelMemory {
    return this.#inner.memory();
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.waiting = false;
      for (const batch of this.#held.splice(0)) refuse(batch);
      this.#neighbours.closed();
      this.#pass();
    }
    await this.#inner.close();
  }

  /** Whether another that waits for a resource of `instance` has had less: then it must not be overtaken, or it might wait forever. */
  #mustYield(instance: LimitedInstance): boolean {
    for (const other of this.#neighbours.others) {
      if (other === this || !other.waiting) continue;
      const next = other.next();
      if (next === undefined || shareOf(next) >= shareOf(instance)) continue;
      // Where it could go on it has nothing to execute any more: it was asked when the resources came free.
      const blocked = !this.#pool.fits(next.needs);
      if (blocked && shares(next, instance)) return true;
    }
    return false;
  }

  /** Resources came free: those that wait for them are asked, and this one, whoever had least first. */
  #pass(): void {
    const candidates: { backend: LimitedBackend; share: number }[] = [];
    for (const backend of this.#neighbours.others) {
      if (backend !== this && !backend.waiting) continue;
      const next = backend.next();
      if (next !== undefined) candidates.push({ backend, share: shareOf(next) });
    }
    candidates.sort((a, b) => a.share - b.share);
    for (const { backend } of candidates) backend.goOn();
  }
}

/** Its resources did not come before the model went. */
function refuse(batch: Batch): void {
  const error = new ServingError(
    'ERR_TRT_MODEL_UNAVAILABLE',
    'the model was unloaded while the request waited',
    'Send it again.',
  );
  for (const request of batch.requests) request.fail(error, 'OTHER');
  const now = performance.now();
  batch.ended({ start: now, computeStart: now, computeEnd: now, end: now }, error);
}

function shares(a: LimitedInstance, b: LimitedInstance): boolean {
  return a.needs.some(({ name, device }) =>
    b.needs.some((need) => need.name === name && need.device === device),
  );
}
