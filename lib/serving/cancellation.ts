// Cancellation: what gives a door's request up; an AbortSignal is made of it only for who asks, as one costs more than the rest of a small request.

import type { InferOptions, InferRequest } from './request.js';

/** @internal */
export class Cancellation {
  cancelled = false;
  /** Why. */
  reason: unknown = undefined;
  /** Called once when it is cancelled; the model sets it that has the request. */
  onCancel: (() => void) | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  cancel(reason?: unknown): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.reason = reason;
    const { onCancel } = this;
    this.onCancel = undefined;
    onCancel?.();
    this.#controller?.abort(reason);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.cancelled) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }
}

const lazySignal: PropertyDescriptor = {
  get(this: InferOptions) {
    return this.cancellation?.signal;
  },
  enumerable: true,
  configurable: true,
};

/** Sets `cancellation`, and `signal` for services that know of that only: it is made when it is read or spread. @internal */
export function setCancellation(request: InferRequest, cancellation: Cancellation): void {
  request.cancellation = cancellation;
  Object.defineProperty(request, 'signal', lazySignal);
}
