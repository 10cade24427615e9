// What a tensor holds, at a glance, and its elements as numbers.

import type { DType } from '../dtype.js';
import type { Tensor } from '../tensor.js';

/** What one output holds, at a glance. */
export interface TensorSummary {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Of the finite elements; undefined when there is none, or the type has no standard conversion. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly mean: number | undefined;
  readonly nan: number;
  /** Infinities of either sign. */
  readonly inf: number;
}

/** The elements as numbers; undefined for types that have none in JavaScript (fp8, int4, fp4, e8m0). */
export function numbersOf(
  tensor: Tensor,
): (ArrayLike<number | bigint> & Iterable<number | bigint>) | undefined {
  const { dtype } = tensor;
  const data = tensor.data;
  if (dtype === 'float16' || dtype === 'bfloat16') return tensor.toFloat32();
  if (dtype === 'fp8' || dtype === 'int4' || dtype === 'fp4' || dtype === 'e8m0') return undefined;
  return data;
}

/** Smallest, largest and mean element, and how many are NaN or infinite. */
export function summarize(tensor: Tensor): TensorSummary {
  const { dtype, shape } = tensor;
  const numbers: Iterable<number | bigint> = numbersOf(tensor) ?? [];
  let [min, max, sum, finite, nan, inf] = [Infinity, -Infinity, 0, 0, 0, 0];
  for (const element of numbers) {
    const value = Number(element);
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) inf++;
    else {
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += value;
      finite++;
    }
  }
  if (finite === 0)
    return { dtype, shape, min: undefined, max: undefined, mean: undefined, nan, inf };
  return { dtype, shape, min, max, mean: sum / finite, nan, inf };
}
