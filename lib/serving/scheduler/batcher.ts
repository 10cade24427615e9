// Batcher: which waiting requests make the next batch, and when it goes to the backend: dynamic_batching, or each request by itself.

import { ServingError } from '../../errors.js';
import type { ModelConfig } from '../config/model-config.js';
import type { Backend, Batch, BatchTiming } from '../model/backend.js';
import { traceBatch } from '../model/batch-trace.js';
import type { DispatchReason, ModelStatistics } from '../model/statistics.js';
import type { PendingRequest } from '../request.js';
import { Alarm } from './alarm.js';
import { RequestQueue } from './request-queue.js';
import { ResponseOrder } from './response-order.js';
import type { Scheduler } from './scheduler.js';

/** Fewer items are not shared among free instances: a GPU is better used by one batch of them. */
const leastShare = 8;

/** What a batcher is made of. */
export interface BatcherParts {
  readonly config: ModelConfig;
  readonly backend: Backend;
  readonly statistics: ModelStatistics;
  /** Requests that may wait where the queue policy has no bound. */
  readonly maxQueueSize: number;
  /** Whether `request` may be in a batch with `first`; both alone fit. undefined: always. */
  readonly fits: ((request: PendingRequest, first: PendingRequest) => boolean) | undefined;
}

class RequestBatch implements Batch {
  readonly #batcher: Batcher;
  readonly requests: readonly PendingRequest[];
  readonly size: number;

  constructor(batcher: Batcher, requests: readonly PendingRequest[], size: number) {
    this.#batcher = batcher;
    this.requests = requests;
    this.size = size;
  }

  ended(timing: BatchTiming, error?: Error): void {
    this.#batcher.ended(this, timing, error);
  }
}

/** @internal */
export class Batcher implements Scheduler {
  readonly #backend: Backend;
  readonly #statistics: ModelStatistics;
  readonly #queue: RequestQueue;
  readonly #fitsWith: BatcherParts['fits'];
  /** Items; 1 where requests are not batched. */
  readonly #maxBatch: number;
  /** Ascending. */
  readonly #preferred: readonly number[];
  readonly #delayMs: number;
  readonly #order: ResponseOrder | undefined;
  readonly #alarm: Alarm;
  readonly #found: PendingRequest[] = [];
  #foundItems = 0;
  /** Items at which there may be something to send although the delay is not over. */
  #wakeAt = 0;
  /** When the delay of what waits is over; Infinity: nothing waits for a delay. */
  #waitUntil = Infinity;
  #scheduled = false;
  #running = 0;
  #draining = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(parts: BatcherParts) {
    const { config, backend } = parts;
    const batching = config.dynamic_batching;
    this.#backend = backend;
    this.#statistics = parts.statistics;
    this.#fitsWith = parts.fits;
    this.#queue = new RequestQueue(batching, parts.maxQueueSize, () => {
      this.#idle();
    });
    this.#maxBatch = batching === undefined ? 0 : Math.max(1, config.max_batch_size);
    // The largest batch is not preferred to others: it goes because it is full.
    this.#preferred = [...new Set(batching?.preferred_batch_size ?? [])]
      .filter((size) => size < this.#maxBatch)
      .sort((a, b) => a - b);
    this.#delayMs = (batching?.max_queue_delay_microseconds ?? 0) / 1000;
    this.#order = batching?.preserve_ordering === true ? new ResponseOrder() : undefined;
    this.#alarm = new Alarm(this.#dispatch);
    backend.onFree = this.#dispatch;
  }

  get pending(): number {
    return this.#queue.size;
  }

  enqueue(request: PendingRequest): void {
    if (!this.#queue.push(request)) return;
    if (this.#scheduled) return;
    // While all instances are busy nothing is to be decided but timeouts.
    if (this.#backend.free === 0 || this.#queue.items < this.#wakeAt) {
      if (request.deadline !== undefined) this.#setAlarm();
      return;
    }
    // Not at once: callers that go on after a batch join before the next tick, requests off the network before the loop's next turn. Where nothing runs the
    // first of these does not wait for the others: they make the batch after it.
    this.#scheduled = true;
    if (this.#running === 0) process.nextTick(this.#dispatch);
    else setImmediate(this.#dispatch);
  }

  drain(): Promise<void> {
    this.#draining = true;
    this.#dispatch();
    if (this.#running === 0 && this.#queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  close(): void {
    this.#alarm.clear();
    this.#queue.failAll(
      () =>
        new ServingError(
          'ERR_TRT_MODEL_UNAVAILABLE',
          'the model was unloaded while the request waited',
          'Send it again.',
        ),
    );
    this.#idle();
  }

  /** @internal */
  ended(batch: RequestBatch, timing: BatchTiming, error: Error | undefined): void {
    this.#running--;
    traceBatch(batch.requests, timing);
    if (error === undefined) {
      this.#statistics.executed(
        batch.requests.length,
        batch.size,
        timing.computeStart - timing.start,
        timing.computeEnd - timing.computeStart,
        timing.end - timing.computeEnd,
        timing.phases,
      );
    }
    this.#idle();
  }

  #idle(): void {
    if (this.#running > 0 || this.#queue.size > 0 || this.#onIdle.length === 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  readonly #dispatch = (): void => {
    this.#scheduled = false;
    this.#wakeAt = 0;
    this.#waitUntil = Infinity;
    if (this.#queue.closestDeadline !== Infinity) this.#queue.expire(performance.now());
    while (this.#queue.size > 0 && this.#backend.free > 0) {
      if (!this.#sendOne()) break;
    }
    if (this.#queue.size === 0) {
      this.#alarm.clear();
      this.#idle();
    } else if (this.#backend.free === 0) this.#setAlarm();
  };

  /** Sends a batch; false: there is none to send now, and the alarm is set. */
  #sendOne(): boolean {
    const now = performance.now();
    const found = this.#found;
    found.length = 0;
    this.#foundItems = 0;
    const blocked = this.#queue.collect(now, found, this.#fits);
    const oldest = found[0];
    if (oldest === undefined) return false;
    let items = this.#foundItems;
    let count = found.length;
    let reason: DispatchReason = 'immediate';
    const delayed = this.#delayMs > 0;
    const over = delayed && now >= oldestOf(found) + this.#delayMs;
    const preferred = over ? 0 : this.#preferredPrefix();
    if (preferred > 0) {
      reason = 'preferred';
      count = preferred;
      items = itemsOf(found, count);
    } else if (
      blocked ||
      items >= this.#maxBatch ||
      items >= (this.#preferred.at(-1) ?? Infinity)
    ) {
      reason = this.#maxBatch === 0 ? 'immediate' : 'full';
    } else if (over) reason = 'delay';
    else if (this.#draining && delayed) reason = 'drain';
    else if (delayed) {
      this.#wait(oldestOf(found) + this.#delayMs, items);
      return false;
    }
    if (reason === 'immediate' || reason === 'full') {
      // Shared among the instances that are free, so that one's copies run beside another's work.
      const share = Math.max(leastShare, Math.ceil(this.#queue.items / this.#backend.free));
      if (items > share && this.#preferred.length === 0 && !delayed) {
        count = countOf(found, share);
        items = itemsOf(found, count);
        reason = 'immediate';
      }
    }
    this.#send(found.slice(0, count), items, now, reason);
    return true;
  }

  #send(requests: PendingRequest[], items: number, now: number, reason: DispatchReason): void {
    this.#queue.take(requests.length);
    for (const request of requests) {
      request.startedAt = now;
      this.#order?.expect(request);
    }
    this.#statistics.dispatched(reason);
    this.#running++;
    this.#backend.execute(new RequestBatch(this, requests, items));
  }

  /** Whether a request can be added to what was found; counts its items then. */
  readonly #fits = (request: PendingRequest, before: readonly PendingRequest[]): boolean => {
    const first = before[0];
    const items = this.#foundItems + request.batchSize;
    if (first !== undefined) {
      if (items > this.#maxBatch || this.#fitsWith?.(request, first) === false) return false;
    }
    this.#foundItems = items;
    return true;
  };

  /** How many of the found requests make the largest preferred size; 0: none does. */
  #preferredPrefix(): number {
    if (this.#preferred.length === 0) return 0;
    const found = this.#found;
    let best = 0;
    let items = 0;
    for (let index = 0; index < found.length; index++) {
      items += (found[index] as PendingRequest).batchSize;
      if (this.#preferred.includes(items)) best = index + 1;
    }
    return best;
  }

  #wait(until: number, items: number): void {
    const next = this.#preferred.find((size) => size > items) ?? this.#maxBatch;
    // A request that does not fit sends those before it at any size.
    this.#wakeAt = this.#fitsWith === undefined ? Math.min(next, this.#maxBatch) : 0;
    this.#waitUntil = until;
    this.#setAlarm();
  }

  /** For the end of the delay, and the timeouts of what waits. */
  #setAlarm(): void {
    this.#alarm.set(Math.min(this.#waitUntil, this.#queue.closestDeadline));
  }
}

function oldestOf(requests: readonly PendingRequest[]): number {
  let oldest = Infinity;
  for (const { acceptedAt } of requests) if (acceptedAt < oldest) oldest = acceptedAt;
  return oldest;
}

function itemsOf(requests: readonly PendingRequest[], count: number): number {
  let items = 0;
  for (let index = 0; index < count; index++)
    items += (requests[index] as PendingRequest).batchSize;
  return items;
}

/** How many of the first requests have no more than `most` items together; at least 1. */
function countOf(requests: readonly PendingRequest[], most: number): number {
  let items = 0;
  let count = 0;
  for (const { batchSize } of requests) {
    items += batchSize;
    if (items > most) break;
    count++;
  }
  return Math.max(1, count);
}
