// Random inputs from a seed: floats in [-1, 1), integers 0 or 1, so that indices stay within any table.

import { type DType, arrayLength, dtypeInfo } from '../dtype.js';
import { toBfloat16Bits, toFloat16Bits } from '../float.js';
import { Tensor, type TensorSource } from '../tensor.js';
import { checkShape } from '../validate.js';

/** Numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A tensor of random elements. */
export function randomTensor(dtype: DType, shape: readonly number[], random: () => number): Tensor {
  const info = dtypeInfo(dtype);
  const data = new info.array(arrayLength(info, checkShape(shape, 'random input')));
  const fill = (element: () => number | bigint): void => {
    const elements = data as unknown as (number | bigint)[];
    for (let index = 0; index < data.length; index++) elements[index] = element();
  };
  const float = (): number => random() * 2 - 1;
  const bit = (): number => (random() < 0.5 ? 0 : 1);
  if (dtype === 'float32' || dtype === 'float64') fill(float);
  else if (dtype === 'float16') fill(() => toFloat16Bits(float()));
  else if (dtype === 'bfloat16') fill(() => toBfloat16Bits(float()));
  else if (dtype === 'int64') fill(() => BigInt(bit()));
  else if (dtype === 'fp8')
    fill(() => 0x30 + bit() * 8); // 0.5 and 1 in e4m3
  else if (dtype === 'e8m0')
    fill(() => 127); // 1
  else fill(bit);
  return new Tensor(dtype, data as TensorSource, shape);
}

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

function numbersOf(tensor: Tensor): Iterable<number | bigint> | undefined {
  const { dtype } = tensor;
  const data = tensor.data;
  if (dtype === 'float16' || dtype === 'bfloat16') return tensor.toFloat32();
  if (dtype === 'fp8' || dtype === 'int4' || dtype === 'fp4' || dtype === 'e8m0') return undefined;
  return data;
}

/** Smallest, largest and mean element, and how many are NaN or infinite. */
export function summarize(tensor: Tensor): TensorSummary {
  const { dtype, shape } = tensor;
  const numbers = numbersOf(tensor) ?? [];
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
