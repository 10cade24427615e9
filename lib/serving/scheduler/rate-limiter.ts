// RateLimiter: executes batches of several models only as far as the resources that their instance groups ask for are there.

import type { ModelConfig } from '../config/model-config.js';
import type { Backend } from '../model/backend.js';

/** @internal */
export interface RateLimiter {
  /** The same backend, whose `free` also counts resources. */
  limit(backend: Backend, name: string, config: ModelConfig): Backend;
}
