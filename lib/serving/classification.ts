// Classification: the protocol's extension that answers with the highest values of an output, their indices and labels, instead of the output.

import { ServingError } from '../errors.js';
import type { Datatype } from './datatype.js';
import { InferTensor } from './infer-tensor.js';

const classifiable: ReadonlySet<Datatype> = new Set([
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP32',
  'FP64',
]);

/** As C prints it: floats with six decimals. */
function formatScore(value: number | bigint, isFloat: boolean): string {
  if (typeof value === 'bigint' || !isFloat) return String(value);
  if (Number.isFinite(value)) {
    return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
  }
  if (Number.isNaN(value)) return 'nan';
  return value > 0 ? 'inf' : '-inf';
}

/** Whether `a` ranks before `b`: the higher value; NaN is the lowest. */
function isHigher(a: number | bigint, b: number | bigint): boolean {
  return a > b || (Number.isNaN(b) && !Number.isNaN(a));
}

/** Indices of the `count` highest values among `size` from `start` on, highest first; equal ones in order. */
function topIndices(
  values: ArrayLike<number | bigint>,
  start: number,
  size: number,
  count: number,
): number[] {
  const at = (index: number) => values[start + index] ?? 0;
  const compare = (a: number, b: number) => {
    if (isHigher(at(a), at(b))) return -1;
    return isHigher(at(b), at(a)) ? 1 : a - b;
  };
  if (count > 32) {
    return Array.from({ length: size }, (_, index) => index)
      .sort(compare)
      .slice(0, count);
  }
  const top: number[] = [];
  for (let index = 0; index < size; index++) {
    if (top.length === count && compare(index, top[count - 1] as number) > 0) continue;
    let place = top.length;
    while (place > 0 && compare(index, top[place - 1] as number) < 0) place--;
    top.splice(place, 0, index);
    if (top.length > count) top.pop();
  }
  return top;
}

/**
 * The `classes` highest values of an output as strings "score:index" or "score:index:label"; of each batch item where the output has a batch dimension.
 *
 * @param output - On the host.
 * @param hasBatch - Whether its first dimension is the batch's: the model's max_batch_size is above 0.
 * @param label - Of a class, undefined where it has none.
 * @returns A BYTES tensor of shape [batch, classes], or [classes] without a batch dimension; of fewer classes where there are fewer values.
 * @throws ERR_TRT_REQUEST for outputs of BOOL, FP16, BF16 and BYTES @internal
 */
export function classify(
  output: InferTensor,
  classes: number,
  hasBatch: boolean,
  label: (index: number) => string | undefined,
): InferTensor {
  const { datatype, shape } = output;
  if (!classifiable.has(datatype)) {
    throw new ServingError(
      'ERR_TRT_REQUEST',
      `class result not available for output due to unsupported type '${datatype}'`,
      'Ask for the output itself.',
    );
  }
  const values = output.data as ArrayLike<number | bigint>;
  const batch = hasBatch && shape.length > 0 ? (shape[0] ?? 1) : undefined;
  const items = batch ?? 1;
  const size = items === 0 ? 0 : values.length / items;
  const count = Math.min(classes, size);
  const isFloat = datatype === 'FP32' || datatype === 'FP64';
  const strings: Uint8Array[] = [];
  for (let item = 0; item < items; item++) {
    for (const index of topIndices(values, item * size, size, count)) {
      const score = formatScore(values[item * size + index] ?? 0, isFloat);
      const name = label(index);
      strings.push(Buffer.from(`${score}:${index}${name === undefined ? '' : `:${name}`}`));
    }
  }
  return new InferTensor('BYTES', strings, batch === undefined ? [count] : [batch, count]);
}
