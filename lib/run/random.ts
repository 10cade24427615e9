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
