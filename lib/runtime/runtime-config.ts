// RuntimeConfig: how execution contexts of an engine are made.

import type { NativeRuntimeConfig } from '../native.js';
import { checkChoice } from '../validate.js';
import { type AllocationStrategy, allocationStrategies } from './allocation-strategy.js';
import type { Engine } from './engine.js';
import { Handle } from './handle.js';

/**
 * IRuntimeConfig: given to {@link Engine.createExecutionContext} in the place of an allocation strategy. Made by {@link Engine.createRuntimeConfig}, from
 * TensorRT 10.11 on. Later changes do not touch contexts that were made with it.
 */
export class RuntimeConfig extends Handle<NativeRuntimeConfig> {
  /** The engine whose contexts it is for. */
  readonly engine: Engine;

  /** @internal */
  constructor(engine: Engine) {
    super(engine.native.createRuntimeConfig(), engine);
    this.engine = engine;
  }

  /** When contexts get their activation memory; 'static' unless it is set. @throws {@link ClosedError} ERR_TRT_CLOSED */
  get executionContextAllocationStrategy(): AllocationStrategy {
    return allocationStrategies[this.native.executionContextAllocationStrategy] ?? 'static';
  }

  set executionContextAllocationStrategy(strategy: AllocationStrategy) {
    const word = checkChoice(strategy, 'executionContextAllocationStrategy', allocationStrategies);
    this.native.executionContextAllocationStrategy = allocationStrategies.indexOf(word);
  }
}
