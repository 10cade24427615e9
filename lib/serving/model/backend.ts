// Backend: what executes the batches of one loaded model version; plans, ONNX Runtime, JavaScript and ensembles have one each.

import type { PendingRequest } from '../request.js';

/**
 * Milliseconds of performance.now() at which a batch was where. Where a backend has no parts (JavaScript), the middle ones are equal.
 * @internal
 */
export interface BatchTiming {
  /** Gathering began. */
  readonly start: number;
  /** The inputs are where the model computes. */
  readonly computeStart: number;
  readonly computeEnd: number;
  /** The outputs are on the host, and the loop knows. */
  readonly end: number;
  /** Parts that only a GPU has, in milliseconds: host to device, compute, device to host, from the device's end to JavaScript. */
  readonly phases?: { h2d: number; compute: number; d2h: number; wakeup: number } | undefined;
}

/** Requests that are executed together. @internal */
export interface Batch {
  /** Not empty; all of them fit together. */
  readonly requests: readonly PendingRequest[];
  /** Sum of their batch sizes. */
  readonly size: number;
  /** Index of the instance that has to execute it, because it keeps the state of the batch's sequences; undefined: any. Plans keep none and need not look. */
  readonly instance?: number | undefined;
  /** Called exactly once by the backend, after it has settled every request; `error`: the whole batch failed. */
  ended(timing: BatchTiming, error?: Error): void;
}

/** Memory of one loaded version, in bytes. */
export interface ModelMemory {
  /** Weights, activations and buffers on the device; of weights that TensorRT does not tell, the plan's size. */
  readonly deviceBytes: number;
  readonly pinnedBytes: number;
  readonly hostBytes: number;
}

/** @internal */
export interface Backend {
  /** As in Triton's `platform`. */
  readonly platform: string;
  /** Batches that it takes now without letting them wait. */
  readonly free: number;
  /** Set by the scheduler; called when `free` has risen. */
  onFree: (() => void) | undefined;
  /** Why nothing can be executed any more (a lost device); undefined: all is well. */
  readonly broken: Error | undefined;
  /** Refuses a request that it could not execute, before it waits: shapes outside of all profiles. @throws ServingError */
  check?(request: PendingRequest): void;
  /** Starts a batch; only while `free` is above 0. Never throws: a failure settles the requests and goes to `ended`. */
  execute(batch: Batch): void;
  memory(): ModelMemory;
  /** Waits for what it executes and frees everything. Idempotent, never rejects. */
  close(): Promise<void>;
}
