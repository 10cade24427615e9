// RateLimiter: executes batches of several models only as far as the resources that their instance groups ask for are there.

import { ServingError } from '../../errors.js';
import type { ModelConfig } from '../config/model-config.js';
import type { Backend } from '../model/backend.js';

/** @internal */
export interface RateLimiter {
  /** The same backend, whose `free` also counts resources. */
  limit(backend: Backend, name: string, config: ModelConfig): Backend;
}

/** Placeholder until it is merged. @internal */
export function createRateLimiter(
  resources: readonly { name: string; count: number; device?: number | undefined }[],
): RateLimiter {
  const reason = `a rate limiter of ${resources.length} resources is not there yet`;
  throw new ServingError('ERR_TRT_REQUEST_UNSUPPORTED', reason, 'Leave `rateLimit` out.');
}
