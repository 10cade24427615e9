// RequestQueue: requests that wait for a batch, by priority, under Triton's queue policies (sizes, timeouts).

import { ServingError } from '../../errors.js';
import type { ModelDynamicBatching, ModelQueuePolicy } from '../config/model-config.js';
import type { PendingRequest } from '../request.js';
import { RequestFifo } from './request-fifo.js';

/** The requests of one priority level. */
interface Level {
  readonly priority: number;
  readonly maxQueueSize: number;
  /** Milliseconds; 0: none. */
  readonly timeoutMs: number;
  readonly allowOverride: boolean;
  readonly delays: boolean;
  readonly waiting: RequestFifo;
  /** Whose time is over, where the policy says DELAY: after all others of the level. */
  readonly late: RequestFifo;
  count: number;
}

const noPolicy: ModelQueuePolicy = {
  timeout_action: 'REJECT',
  default_timeout_microseconds: 0,
  allow_timeout_override: false,
  max_queue_size: 0,
};

/** @internal */
export class RequestQueue {
  readonly #levels: Level[] = [];
  readonly #policies: ReadonlyMap<number, ModelQueuePolicy>;
  readonly #default: ModelQueuePolicy;
  readonly #maxQueueSize: number;
  readonly #emptied: () => void;
  /** Requests that wait. */
  size = 0;
  /** Sum of their batch sizes. */
  items = 0;
  /** The next time at which one of them may be over, in milliseconds of performance.now(); Infinity: never. Not later than that. */
  closestDeadline = Infinity;

  /**
   * @param batching - undefined: no dynamic batching: no policy, but a request's own timeout holds.
   * @param maxQueueSize - Where a policy has no bound.
   * @param emptied - Called when the last request that waited was withdrawn.
   */
  constructor(
    batching: ModelDynamicBatching | undefined,
    maxQueueSize: number,
    emptied: () => void = () => undefined,
  ) {
    this.#maxQueueSize = maxQueueSize;
    this.#emptied = emptied;
    this.#default =
      batching === undefined
        ? { ...noPolicy, allow_timeout_override: true }
        : (batching.default_queue_policy ?? noPolicy);
    const policies = Object.entries(batching?.priority_queue_policy ?? {});
    this.#policies = new Map(policies.map(([level, policy]) => [Number(level), policy]));
  }

  /** Lets `request` wait, or fails it when too many wait. */
  push(request: PendingRequest): boolean {
    const level = this.#level(request.priority);
    if (level.count >= level.maxQueueSize) {
      request.fail(
        new ServingError(
          'ERR_TRT_QUEUE_FULL',
          'Exceeds maximum queue size',
          'Try again later, send fewer requests at a time, or raise max_queue_size.',
        ),
        'REJECTED',
      );
      return false;
    }
    const { options } = request;
    let timeoutMs = level.timeoutMs;
    if (level.allowOverride && options.timeoutMs !== undefined && options.timeoutMs > 0) {
      timeoutMs = timeoutMs > 0 ? Math.min(timeoutMs, options.timeoutMs) : options.timeoutMs;
    }
    if (timeoutMs > 0) {
      request.deadline = request.acceptedAt + timeoutMs;
      if (request.deadline < this.closestDeadline) this.closestDeadline = request.deadline;
    }
    if (options.cancellation !== undefined || options.signal !== undefined) {
      request.onWithdrawn = () => {
        this.#left(level, request);
        level.waiting.withdrawn();
        level.late.withdrawn();
        if (this.size === 0) this.#emptied();
      };
    }
    level.waiting.push(request);
    level.count++;
    this.size++;
    this.items += request.batchSize;
    return true;
  }

  /**
   * The requests that come next, in order, without taking them; such as are over are rejected or put back on the way.
   *
   * @param fits - Whether a request may come after those that were found; false: no more are looked for.
   * @returns Whether it ended because one did not fit.
   */
  collect(
    now: number,
    into: PendingRequest[],
    fits: (request: PendingRequest, before: readonly PendingRequest[]) => boolean,
  ): boolean {
    const expires = now >= this.closestDeadline;
    for (const level of this.#levels) {
      if (level.count === 0) continue;
      if (expires) this.#expire(level, now);
      for (const fifo of [level.waiting, level.late]) {
        for (let index = fifo.head; index < fifo.end; index++) {
          const request = fifo.at(index);
          if (request === undefined) continue;
          if (!fits(request, into)) return true;
          into.push(request);
        }
      }
    }
    return false;
  }

  /** Takes the first `count` requests that {@link collect} found. */
  take(count: number): void {
    let left = count;
    for (const level of this.#levels) {
      if (level.count === 0) continue;
      for (const fifo of [level.waiting, level.late]) {
        for (let index = fifo.head; left > 0 && index < fifo.end; index++) {
          const request = fifo.at(index);
          if (request === undefined) continue;
          fifo.clear(index);
          this.#left(level, request);
          left--;
        }
        fifo.trim();
      }
      if (left === 0) break;
    }
    if (this.size === 0) this.closestDeadline = Infinity;
  }

  /** Rejects, or puts behind the others, what is over at `now`. */
  expire(now: number): void {
    if (now < this.closestDeadline) return;
    for (const level of this.#levels) this.#expire(level, now);
    this.#findDeadline();
  }

  /** Fails all that wait. */
  failAll(error: () => Error): void {
    for (const level of this.#levels) {
      for (const fifo of [level.waiting, level.late]) {
        for (let index = fifo.head; index < fifo.end; index++) {
          const request = fifo.at(index);
          if (request === undefined) continue;
          this.#left(level, request);
          request.fail(error(), 'OTHER');
        }
        fifo.trim();
      }
    }
    this.closestDeadline = Infinity;
  }

  #level(priority: number): Level {
    const levels = this.#levels;
    let index = 0;
    while (index < levels.length) {
      const level = levels[index] as Level;
      if (level.priority === priority) return level;
      if (level.priority > priority) break;
      index++;
    }
    const policy = this.#policies.get(priority) ?? this.#default;
    const level: Level = {
      priority,
      maxQueueSize: policy.max_queue_size > 0 ? policy.max_queue_size : this.#maxQueueSize,
      timeoutMs: policy.default_timeout_microseconds / 1000,
      allowOverride: policy.allow_timeout_override,
      delays: policy.timeout_action === 'DELAY',
      waiting: new RequestFifo(),
      late: new RequestFifo(),
      count: 0,
    };
    levels.splice(index, 0, level);
    return level;
  }

  #left(level: Level, request: PendingRequest): void {
    request.onWithdrawn = undefined;
    level.count--;
    this.size--;
    this.items -= request.batchSize;
  }

  #expire(level: Level, now: number): void {
    const { waiting, late } = level;
    for (let index = waiting.head; index < waiting.end; index++) {
      const request = waiting.at(index);
      if (request?.deadline === undefined || now < request.deadline) continue;
      waiting.clear(index);
      if (level.delays) {
        request.deadline = undefined;
        late.push(request);
        continue;
      }
      this.#left(level, request);
      request.fail(
        new ServingError(
          'ERR_TRT_REQUEST_TIMEOUT',
          'Request timeout expired',
          'Allow more time, or send fewer requests at a time.',
        ),
        'REJECTED',
      );
    }
    waiting.trim();
  }

  #findDeadline(): void {
    let closest = Infinity;
    for (const { waiting } of this.#levels) {
      for (let index = waiting.head; index < waiting.end; index++) {
        const deadline = waiting.at(index)?.deadline;
        if (deadline !== undefined && deadline < closest) closest = deadline;
      }
    }
    this.closestDeadline = closest;
  }
}
