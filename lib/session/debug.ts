// Debug tensors of runs: which are watched, and how they come back.

import { type DType, type TensorData, arrayLength, dtypeInfo } from '../dtype.js';
import { InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import type { NativeDebugTensor, NativeEngine } from '../native.js';
import { trustedTensor } from '../tensor.js';
import { volume } from '../validate.js';
import type { RunResult } from './run.js';

/** The value of a tensor inside the network, as it was when the engine passed it. */
export interface DebugTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** What a run watches. @internal */
export interface DebugPlan {
  readonly tensors: true | readonly string[];
  readonly onTensor: ((tensor: DebugTensor) => void) | undefined;
}

/** ERR_TRT_UNKNOWN_TENSOR for a name that was not marked. */
function notMarked(name: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_TRT_UNKNOWN_TENSOR',
    `debug: expected debug tensors of this engine, got ${describe(name)}`,
    `Only tensors that were marked when the plan was built can be watched: build with markDebug: [${JSON.stringify(name)}].`,
  );
}

/**
 * Resolves the options `debug` and `onDebugTensor`.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_UNKNOWN_TENSOR
 * @internal
 */
export function debugPlan(
  engine: NativeEngine,
  debug: unknown,
  onTensor: unknown,
): DebugPlan | undefined {
  if (onTensor !== undefined && typeof onTensor !== 'function') {
    throw invalidArgument(
      `onDebugTensor: expected a function, got ${describe(onTensor)}`,
      'Give a function that takes a DebugTensor.',
    );
  }
  const listener = onTensor as DebugPlan['onTensor'];
  if (debug === undefined || debug === false) {
    if (listener === undefined) return undefined;
    throw invalidArgument(
      'onDebugTensor: expected `debug` with it, got none',
      'Say which tensors: debug: true, or their names.',
    );
  }
  if (debug === true) return { tensors: true, onTensor: listener };
  if (!Array.isArray(debug) || debug.some((name) => typeof name !== 'string')) {
    throw invalidArgument(
      `debug: expected true or an array of names, got ${describe(debug)}`,
      'Name the tensors that were marked when the plan was built.',
    );
  }
  const names = debug as string[];
  for (const name of names) {
    if (!engine.isDebugTensor(name)) throw notMarked(name);
  }
  return names.length === 0 ? undefined : { tensors: names.slice(), onTensor: listener };
}

/** What the addon tells, as a typed array. @internal */
export function debugTensor({ name, dtype, shape, data }: NativeDebugTensor): DebugTensor {
  const info = dtypeInfo(dtype as DType);
  const array = new info.array(data, 0, arrayLength(info, volume(shape)));
  return { name, dtype: dtype as DType, shape: Object.freeze(shape), data: array };
}

/** To the run's listener, or among its results, where the last of a name stays and outputs come first. @internal */
export function deliverDebugTensors(
  tensors: readonly NativeDebugTensor[],
  plan: DebugPlan,
  results: RunResult,
): void {
  const outputs = new Set(Object.keys(results));
  for (const native of tensors) {
    const tensor = debugTensor(native);
    if (plan.onTensor !== undefined) plan.onTensor(tensor);
    else if (!outputs.has(tensor.name)) {
      results[tensor.name] = trustedTensor(tensor.dtype, tensor.data, tensor.shape);
    }
  }
}
