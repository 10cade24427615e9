// Scheduler: between the requests of one model version and its backend: queue, batches, order.

import type { PendingRequest } from '../request.js';

/** @internal */
export interface Scheduler {
  /** Takes a request that was checked; settles it sooner or later. Never throws. */
  enqueue(request: PendingRequest): void;
  /** Requests that wait. */
  readonly pending: number;
  /** Resolves when nothing waits and nothing runs; new requests are refused by the model before. */
  drain(): Promise<void>;
  /** Fails what waits. */
  close(): void;
}
