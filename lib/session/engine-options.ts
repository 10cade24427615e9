// What is done to an engine before a session makes contexts for it: other weights, and the budget of weight streaming.

import { describe, invalidArgument } from '../errors.js';
import type { NativeEngine } from '../native.js';
import { refitEngine } from '../refit/apply.js';
import { type RefitOptions, checkRefitOptions } from '../refit/sources.js';
import {
  type WeightStreamingBudget,
  applyWeightStreamingBudget,
  checkWeightStreamingBudget,
} from '../runtime/weight-streaming.js';
import { checkChoice } from '../validate.js';
import type { SessionOptions } from './types.js';

const strategies = ['static', 'onProfileChange', 'lent'] as const;

/** Checked, and as the addon takes them. */
export interface EngineOptions {
  readonly refitFrom: RefitOptions | undefined;
  readonly weightStreamingBudget: WeightStreamingBudget | undefined;
  readonly allocationStrategy: number;
}

/** As the addon takes it. @throws ERR_TRT_INVALID_ARGUMENT */
export function allocationStrategyNumber(strategy: unknown, who: string): number {
  return strategies.indexOf(checkChoice(strategy, who, strategies));
}

/** @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_BUFFER */
export function checkEngineOptions(options: SessionOptions): EngineOptions {
  const { refitFrom, weightStreamingBudget: budget, executionContextAllocationStrategy } = options;
  const strategy = executionContextAllocationStrategy ?? 'lent';
  const allocationStrategy = allocationStrategyNumber(
    strategy,
    'executionContextAllocationStrategy',
  );
  if (strategy !== 'lent' && options.activationMemory !== undefined) {
    throw invalidArgument(
      `activationMemory: expected executionContextAllocationStrategy 'lent' with it, got ${describe(strategy)}`,
      'Leave out one of the two: contexts that have memory of their own borrow none.',
    );
  }
  return {
    refitFrom:
      refitFrom === undefined ? undefined : checkRefitOptions(refitFrom, 'Session.load: refitFrom'),
    weightStreamingBudget:
      budget === undefined
        ? undefined
        : checkWeightStreamingBudget(budget, 'weightStreamingBudget'),
    allocationStrategy,
  };
}

/**
 * Must be done before contexts are made: TensorRT changes the budget only then, and a stripped engine has nothing to run with.
 *
 * @returns Of a refit, how many weights were given and how long it took.
 */
export async function prepareEngine(
  engine: NativeEngine,
  options: Pick<EngineOptions, 'refitFrom' | 'weightStreamingBudget'>,
  who: string,
): Promise<{ weights: number; milliseconds: number } | undefined> {
  await applyWeightStreamingBudget(engine, options.weightStreamingBudget);
  if (options.refitFrom === undefined) return undefined;
  const start = performance.now();
  const { refitted } = await refitEngine(engine, options.refitFrom, who);
  return { weights: refitted.length, milliseconds: performance.now() - start };
}
