// RateLimiter: executes batches of several models only as far as the resources that their instance groups ask for are there.

import { ServingError } from '../../errors.js';
import type { ModelConfig } from '../config/model-config.js';
import type { Backend } from '../model/backend.js';
import { LimitedBackend } from './limited-backend.js';
import { ResourcePool, type ResourceLimit, instancesOf } from './rate-resources.js';

/** @internal */
export interface RateLimiter {
  /**
   * The same backend, whose `free` also counts resources.
   *
   * @throws ServingError ERR_TRT_MODEL_CONFIG for an instance group that asks for more than there is
   */
  limit(backend: Backend, name: string, config: ModelConfig): Backend;
}

class ExecutionCountLimiter implements RateLimiter {
  readonly #pool: ResourcePool;
  readonly #backends = new Set<LimitedBackend>();

  constructor(limits: readonly ResourceLimit[]) {
    this.#pool = new ResourcePool(limits);
  }

  limit(backend: Backend, name: string, config: ModelConfig): Backend {
    const instances = instancesOf(config);
    if (instances.every(({ needs }) => needs.length === 0)) return backend;
    const problem = this.#pool.add(instances);
    if (problem !== undefined) {
      throw new ServingError(
        'ERR_TRT_MODEL_CONFIG',
        problem,
        `Change the rate_limiter resources of '${name}', or start with more of them (--rate-limit-resource).`,
      );
    }
    const limited: LimitedBackend = new LimitedBackend(backend, instances, this.#pool, {
      others: this.#backends,
      closed: () => {
        this.#pool.remove(instances);
        this.#backends.delete(limited);
      },
    });
    this.#backends.add(limited);
    return limited;
  }
}

/**
 * Triton's rate limiter in its mode `execution_count`: instances that have executed least, weighted with their priority, go first.
 *
 * @param resources - How much there is of each: of every device, or of `device`. Default: as much as the instance that asks for most.
 * @internal
 */
export function createRateLimiter(resources: readonly ResourceLimit[] = []): RateLimiter {
  return new ExecutionCountLimiter(resources);
}
