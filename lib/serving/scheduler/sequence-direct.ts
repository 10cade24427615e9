// DirectSequences: every sequence keeps its place in the batches; places between that have nothing to say are padded.

import { traceBatch } from '../model/batch-trace.js';
import type { BatchTiming } from '../model/backend.js';
import type { DispatchReason } from '../model/statistics.js';
import type { PendingRequest } from '../request.js';
import { Alarm } from './alarm.js';
import type { Sequence } from './sequence-slots.js';
import type { SequenceStrategy, StrategyParts } from './sequence-strategy.js';

/** @internal */
export class DirectSequences implements SequenceStrategy {
  readonly #parts: StrategyParts;
  readonly #alarm: Alarm;
  readonly #delayMs: number;
  /** Slots with requests that make it go before the delay is over. */
  readonly #enough: number;
  readonly pending = 0;
  #scheduled = false;
  #running = false;
  #draining = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(parts: StrategyParts) {
    const direct = parts.config.sequence_batching?.direct;
    const slots = Math.max(1, parts.config.max_batch_size);
    this.#parts = parts;
    this.#delayMs = (direct?.max_queue_delay_microseconds ?? 0) / 1000;
    this.#enough = Math.ceil((direct?.minimum_slot_utilization ?? 0) * slots);
    this.#alarm = new Alarm(this.#dispatch);
    parts.backend.onFree = this.#dispatch;
  }

  wake(): void {
    if (this.#scheduled || this.#running) return;
    // All that come in the same turn of the event loop join.
    this.#scheduled = true;
    setImmediate(this.#dispatch);
  }

  drain(): Promise<void> {
    this.#draining = true;
    this.#dispatch();
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  close(): void {
    this.#alarm.clear();
  }

  readonly #dispatch = (): void => {
    this.#scheduled = false;
    const { slots, backend } = this.#parts;
    if (this.#running || backend.free === 0) return;
    const ready = slots().filter((sequence) => sequence !== undefined && sequence.queue.length > 0);
    if (ready.length === 0) return;
    const reason = this.#reason(ready as Sequence[]);
    if (reason !== undefined) this.#send(reason);
  };

  /** Why the ready sequences are to be sent now; undefined: they wait, and the alarm is set. */
  #reason(ready: readonly Sequence[]): DispatchReason | undefined {
    if (this.#delayMs === 0 || this.#enough === 0) return 'immediate';
    if (ready.length >= this.#enough) return 'full';
    const oldest = Math.min(...ready.map(({ queue }) => queue[0]?.acceptedAt ?? Infinity));
    if (performance.now() >= oldest + this.#delayMs) return 'delay';
    if (this.#draining) return 'drain';
    this.#alarm.set(oldest + this.#delayMs);
    return undefined;
  }

  #send(reason: DispatchReason): void {
    const { take, padding, fits, statistics, backend } = this.#parts;
    this.#alarm.clear();
    const now = performance.now();
    // The places as they are now: taking the last request of a sequence gives its place to another.
    const places = [...this.#parts.slots()];
    const requests: (PendingRequest | undefined)[] = [];
    let first: PendingRequest | undefined;
    let real = 0;
    for (const [index, sequence] of places.entries()) {
      const next = sequence?.queue[0];
      if (sequence === undefined || next === undefined) continue;
      if (first !== undefined && !fits(next, first)) continue;
      const request = take(sequence);
      request.startedAt = now;
      first ??= request;
      requests[index] = request;
      real++;
    }
    const like = first as PendingRequest;
    const padded = Array.from(requests, (request) => request ?? padding(like));
    statistics.dispatched(reason);
    this.#running = true;
    backend.execute({
      requests: padded,
      size: padded.length,
      ended: (timing, error) => {
        traceBatch(padded, timing);
        this.#ended(timing, error, real, padded.length);
      },
    });
  }

  #ended(timing: BatchTiming, error: Error | undefined, real: number, size: number): void {
    this.#running = false;
    if (error === undefined) {
      const { start, computeStart, computeEnd, end, phases } = timing;
      const { statistics } = this.#parts;
      const parts = [computeStart - start, computeEnd - computeStart, end - computeEnd] as const;
      statistics.executed(real, real, ...parts, phases);
      statistics.paddedItems += size - real;
    }
    // What is to be sent next is sent when the instance says that it is free.
    setImmediate(() => {
      if (this.#running) return;
      for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }
}
