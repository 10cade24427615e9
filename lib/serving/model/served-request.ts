// ServedRequest: one request inside a model, from its checks to its settled promise.

import { ServingError } from '../../errors.js';
import type { Cancellation } from '../cancellation.js';
import type { InferTensor } from '../infer-tensor.js';
import type {
  FailureReason,
  InferOptions,
  InferResponse,
  Parameters,
  PendingRequest,
} from '../request.js';

/** What a request tells its model. */
export interface RequestOwner {
  readonly name: string;
  readonly version: string;
  /** Of the config, in its order. */
  readonly outputNames: readonly string[];
  /** The same, where an object would not keep their order. */
  readonly outputOrder: readonly string[] | undefined;
  answered(request: ServedRequest, outputs: readonly (InferTensor | undefined)[]): void;
  failed(request: ServedRequest, reason: FailureReason): void;
}

let resolveNext!: (response: InferResponse) => void;
let rejectNext!: (error: Error) => void;

/** One for all promises: a closure for each would be garbage with each request. */
function keepSettlers(
  resolve: (response: InferResponse) => void,
  reject: (error: Error) => void,
): void {
  resolveNext = resolve;
  rejectNext = reject;
}

function define(byName: Record<string, InferTensor>, name: string, output: InferTensor): void {
  if (name !== '__proto__') byName[name] = output;
  else Object.defineProperty(byName, name, { value: output, enumerable: true });
}

/** @internal */
export class ServedRequest implements PendingRequest {
  readonly #owner: RequestOwner;
  readonly inputs: readonly (InferTensor | undefined)[];
  readonly batchSize: number;
  readonly wanted: readonly number[] | undefined;
  readonly options: InferOptions;
  priority: number;
  readonly acceptedAt: number;
  startedAt: number | undefined = undefined;
  deadline: number | undefined = undefined;
  hold: ((deliver: () => void) => void) | undefined = undefined;
  settled = false;
  onWithdrawn: (() => void) | undefined = undefined;
  /** Under which its answer is put into the response cache. */
  cacheKey: string | undefined = undefined;
  /** Milliseconds that the cache was looked through for it. */
  cacheMs = 0;
  readonly promise: Promise<InferResponse>;
  readonly #resolve: (response: InferResponse) => void;
  readonly #reject: (error: Error) => void;
  #watched: Cancellation | undefined = undefined;
  #onAbort: (() => void) | undefined = undefined;

  constructor(
    owner: RequestOwner,
    inputs: readonly (InferTensor | undefined)[],
    batchSize: number,
    wanted: readonly number[] | undefined,
    options: InferOptions,
    priority: number,
    acceptedAt: number,
  ) {
    this.#owner = owner;
    this.inputs = inputs;
    this.batchSize = batchSize;
    this.wanted = wanted;
    this.options = options;
    this.priority = priority;
    this.acceptedAt = acceptedAt;
    this.promise = new Promise<InferResponse>(keepSettlers);
    this.#resolve = resolveNext;
    this.#reject = rejectNext;
  }

  /** Fails it when it is given up; false: it is already. */
  watch(): boolean {
    const { cancellation } = this.options;
    // It tells one: of a request that a service has sent to several models the others take the signal.
    if (cancellation !== undefined && cancellation.onCancel === undefined) {
      if (cancellation.cancelled) {
        this.#cancel(cancellation.reason);
        return false;
      }
      this.#watched = cancellation;
      cancellation.onCancel = () => {
        this.#cancel(cancellation.reason);
      };
      return true;
    }
    const { signal } = this.options;
    if (signal === undefined) return true;
    if (signal.aborted) {
      this.#cancel(signal.reason);
      return false;
    }
    this.#onAbort = () => {
      this.#cancel(signal.reason);
    };
    signal.addEventListener('abort', this.#onAbort, { once: true });
    return true;
  }

  complete(outputs: readonly (InferTensor | undefined)[], parameters?: Parameters): void {
    if (this.settled) return;
    if (this.hold !== undefined) {
      this.#deliverLater(() => {
        this.complete(outputs, parameters);
      });
      return;
    }
    this.#settle();
    this.#owner.answered(this, outputs);
    const { name, version, outputNames, outputOrder } = this.#owner;
    const byName: Record<string, InferTensor> = {};
    for (let index = 0; index < outputs.length; index++) {
      const output = outputs[index];
      if (output !== undefined) define(byName, outputNames[index] as string, output);
    }
    const { id } = this.options;
    this.#resolve({
      modelName: name,
      modelVersion: version,
      id: id ?? '',
      outputs: byName,
      outputOrder,
      parameters,
    });
  }

  fail(error: Error, reason: FailureReason): void {
    if (this.settled) return;
    if (this.hold !== undefined) {
      this.#deliverLater(() => {
        this.fail(error, reason);
      });
      return;
    }
    this.#settle();
    this.#owner.failed(this, reason);
    this.#reject(error);
  }

  #cancel(cause: unknown): void {
    if (this.settled) return;
    const { onWithdrawn, hold } = this;
    this.hold = undefined;
    const error = new ServingError(
      'ERR_TRT_REQUEST_CANCELLED',
      'Request cancelled',
      'Nothing to do if you cancelled it; `cause` is the reason of the signal.',
      { cause },
    );
    this.fail(error, 'CANCELED');
    onWithdrawn?.();
    hold?.(() => undefined); // those behind it need not wait for it
  }

  #deliverLater(deliver: () => void): void {
    const hold = this.hold as NonNullable<PendingRequest['hold']>;
    this.hold = undefined;
    hold(deliver);
  }

  #settle(): void {
    this.settled = true;
    this.onWithdrawn = undefined;
    if (this.#watched !== undefined) {
      this.#watched.onCancel = undefined;
      this.#watched = undefined;
    }
    if (this.#onAbort === undefined) return;
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    this.#onAbort = undefined;
  }
}
