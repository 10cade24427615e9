// The flags of `run` and `bench` that say what is done to the engine before it runs: trtexec's names.

import type { RefitOptions } from '../refit/sources.js';
import type { WeightStreamingBudget } from '../runtime/weight-streaming.js';
import type { SessionOptions } from '../session/types.js';
import { type Flag, type ParsedFlags, UsageError, flagValue } from './flags.js';

export const engineFlags: readonly Flag[] = [
  {
    name: 'refitFromOnnx',
    value: 'MODEL',
    help: 'Give the engine the weights of this ONNX model first (a stripped plan needs them)',
  },
  {
    name: 'weightStreamingBudget',
    value: 'N%|N[B|K|M|G]|-1|-2',
    help: 'How much of the streamable weights lies on the device; -1: TensorRT decides, -2: all',
  },
  {
    name: 'allocationStrategy',
    value: 'static|profile|runtime',
    help: 'When contexts get activation memory: at once for all profiles, by profile, or lent to runs',
  },
];

const strategies = { static: 'static', profile: 'onProfileChange', runtime: 'lent' } as const;

/** @throws UsageError */
export function allocationStrategyFlag(
  parsed: ParsedFlags,
): SessionOptions['executionContextAllocationStrategy'] {
  const value = flagValue(parsed, 'allocationStrategy');
  if (value === undefined) return undefined;
  if (Object.hasOwn(strategies, value)) return strategies[value as keyof typeof strategies];
  throw new UsageError(
    `--allocationStrategy needs static, profile or runtime, got ${JSON.stringify(value)}`,
    'Write for example --allocationStrategy=profile.',
  );
}

/** In trtexec's words: -2 off, -1 by TensorRT, a percentage, or bytes with B, K, M or G. @throws UsageError */
export function weightStreamingFlag(parsed: ParsedFlags): WeightStreamingBudget | undefined {
  const value = flagValue(parsed, 'weightStreamingBudget');
  if (value === undefined) return undefined;
  if (value === '-2') return 'off';
  if (value === '-1') return 'auto';
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(value);
  if (percent !== null && Number(percent[1]) <= 100) return value as WeightStreamingBudget;
  const bytes = /^(\d+(?:\.\d+)?)([BKMG]?)$/i.exec(value);
  const units: Record<string, number> = { '': 1, B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
  if (bytes !== null) {
    return Math.round(Number(bytes[1]) * (units[(bytes[2] ?? '').toUpperCase()] ?? 1));
  }
  throw new UsageError(
    `--weightStreamingBudget needs -2, -1, a percentage or bytes, got ${JSON.stringify(value)}`,
    'Write for example --weightStreamingBudget=50%, or --weightStreamingBudget=512M.',
  );
}

export function refitFlag(parsed: ParsedFlags): RefitOptions | undefined {
  const onnx = flagValue(parsed, 'refitFromOnnx');
  return onnx === undefined ? undefined : { onnx };
}
