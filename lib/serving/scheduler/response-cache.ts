// ResponseCache: answers of models with response_cache.enable, by their inputs.

import { ServingError } from '../../errors.js';
import type { InferTensor } from '../infer-tensor.js';
import type { PendingRequest } from '../request.js';

/** @internal */
export interface ResponseCache {
  /** The key of a request; undefined: it cannot be cached (sequences, tensors on the device). */
  key(model: string, version: string, request: PendingRequest): string | undefined;
  get(key: string): readonly (InferTensor | undefined)[] | undefined;
  /** Keeps copies. */
  put(key: string, outputs: readonly (InferTensor | undefined)[]): void;
}

/** Placeholder until it is merged. @internal */
export function createResponseCache(bytes: number): ResponseCache {
  const reason = `a response cache of ${bytes} bytes is not there yet`;
  throw new ServingError('ERR_TRT_REQUEST_UNSUPPORTED', reason, 'Leave `cache` out.');
}
