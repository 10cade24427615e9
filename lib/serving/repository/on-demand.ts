// OnDemand: requests for models that are not loaded: the first one loads the model, all wait for it, each only as long as it wants to.

import { ServingError } from '../../errors.js';
import type { InferRequest, InferResponse } from '../request.js';
import { isNoRoom } from './memory-budget.js';
import type { ModelEntry } from './model-entry.js';

/** For so long a failed load answers requests, before one of them may try again. */
const retryAfterMs = 10_000;

/** setTimeout takes no more. */
const longestTimeoutMs = 2 ** 31 - 1;

/** What it needs of the repository. */
export interface OnDemandHost {
  entry(name: string): ModelEntry;
  load(name: string): Promise<void>;
  /** Hands a request to the version that is ready now. */
  infer(request: InferRequest): Promise<InferResponse>;
}

function cancelled(): ServingError {
  return new ServingError(
    'ERR_TRT_REQUEST_CANCELLED',
    'request was cancelled while its model was being loaded',
    'Its signal was aborted; the model is loaded nevertheless.',
  );
}

/** Waits for `loading`, but not beyond the request's signal and timeout. */
function waitFor(loading: Promise<void>, request: InferRequest): Promise<void> {
  const { signal, timeoutMs } = request;
  if (signal === undefined && timeoutMs === undefined) return loading;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(cancelled());
    };
    const timer =
      timeoutMs === undefined || timeoutMs === 0
        ? undefined
        : setTimeout(
            () => {
              reject(
                new ServingError(
                  'ERR_TRT_REQUEST_TIMEOUT',
                  'Request timeout expired',
                  'Its model was still being loaded; give more time, or load the model before.',
                ),
              );
            },
            Math.min(timeoutMs, longestTimeoutMs),
          );
    signal?.addEventListener('abort', abort, { once: true });
    loading.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    });
  });
}

export class OnDemand {
  readonly #host: OnDemandHost;
  readonly #loading = new Map<string, Promise<void>>();
  /** Those of them that wait for room which others' loads may leave. */
  readonly #waiting = new Set<string>();

  constructor(host: OnDemandHost) {
    this.#host = host;
  }

  /** @throws what loading threw; ERR_TRT_REQUEST_CANCELLED, ERR_TRT_REQUEST_TIMEOUT */
  async request(request: InferRequest): Promise<InferResponse> {
    const { modelName, timeoutMs, signal } = request;
    if (signal?.aborted === true) throw cancelled();
    const entry = this.#host.entry(modelName);
    const { failure } = entry;
    const recent = failure !== undefined && performance.now() - failure.at < retryAfterMs;
    if (recent && !isNoRoom(failure.error)) throw failure.error;
    const start = performance.now();
    entry.waiting++; // until the request is in the model: it must not be unloaded to make room
    try {
      await waitFor(this.#load(modelName), request);
      if (timeoutMs === undefined || timeoutMs === 0) return await this.#host.infer(request);
      const left = Math.max(1, timeoutMs - (performance.now() - start));
      return await this.#host.infer({ ...request, timeoutMs: left });
    } finally {
      entry.waiting--;
    }
  }

  #load(name: string): Promise<void> {
    let loading = this.#loading.get(name);
    if (loading === undefined) {
      loading = this.#loadWhenFits(name).finally(() => this.#loading.delete(name));
      this.#loading.set(name, loading);
    }
    return loading;
  }

  /** What others are loading for their requests can be unloaded soon after: then it is tried again. */
  async #loadWhenFits(name: string): Promise<void> {
    for (;;) {
      try {
        await this.#host.load(name);
        return;
      } catch (error) {
        // Not such as wait themselves: two would wait for each other forever.
        const others = [...this.#loading].filter(
          ([other]) => other !== name && !this.#waiting.has(other),
        );
        if (!isNoRoom(error) || others.length === 0) throw error;
        this.#waiting.add(name);
        await Promise.race(others.map(([, loading]) => loading.catch(() => undefined)));
        this.#waiting.delete(name);
        await new Promise((resolve) => setImmediate(resolve)); // their requests go first
      }
    }
  }
}
