// The budget of weight streaming: how much of the streamable weights lies on the device.

import { describe, invalidArgument } from '../errors.js';
import type { NativeEngine } from '../native.js';

/**
 * How much of the streamable weights lies on the device: bytes, a share of them (`'50%'`), `'auto'` (TensorRT's own choice, by the memory that is free) or `'off'` (all
 * of them: nothing is streamed).
 */
export type WeightStreamingBudget = number | 'auto' | 'off' | `${number}%`;

/** The share that `'50%'` says, from 0 to 1. */
function share(text: unknown): number | undefined {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(text) : null;
  const percent = match === null ? NaN : Number(match[1]);
  return percent <= 100 ? percent / 100 : undefined;
}

/** @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function checkWeightStreamingBudget(value: unknown, who: string): WeightStreamingBudget {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  if (value === 'auto' || value === 'off' || share(value) !== undefined) {
    return value as WeightStreamingBudget;
  }
  throw invalidArgument(
    `${who}: expected bytes, a share such as '50%', 'auto' or 'off', got ${describe(value)}`,
    'Bytes are an integer of at least 0, a share is from 0% to 100%.',
  );
}

/** The bytes that `budget` means for this engine. @throws ERR_TRT_UNSUPPORTED, ERR_TRT_INVALID_ARGUMENT @internal */
export function weightStreamingBytes(engine: NativeEngine, budget: WeightStreamingBudget): number {
  const { streamableBytes, automaticBudgetBytes } = engine.weightStreaming;
  if (streamableBytes === 0 && budget !== 'off') {
    throw invalidArgument(
      'weightStreamingBudget: expected an engine with streamable weights, got one without',
      'Build the plan with weightStreaming (and stronglyTyped), or leave the budget out.',
    );
  }
  if (budget === 'auto') return automaticBudgetBytes;
  if (budget === 'off') return streamableBytes;
  const part = share(budget);
  return part === undefined ? (budget as number) : Math.round(streamableBytes * part);
}

/** Sets the budget, on another thread; before contexts are made. @internal */
export async function applyWeightStreamingBudget(
  engine: NativeEngine,
  budget: WeightStreamingBudget | undefined,
): Promise<void> {
  if (budget === undefined) return;
  const bytes = weightStreamingBytes(engine, budget);
  if (bytes === engine.weightStreaming.streamableBytes && bytes === 0) return; // nothing to switch off
  await engine.setWeightStreamingBudgetAsync(bytes);
}
