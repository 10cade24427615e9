// TensorMessage: a tensor on its way to or from a worker thread: its own memory, which is transferred and not copied again.

import { datatypeTable } from '../../datatype.js';
import type { Datatype, NumericArray } from '../../datatype.js';
import { InferTensor } from '../../infer-tensor.js';

/** Exactly one of `data` and `lengths` with `bytes` is there. @internal */
export interface TensorMessage {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Elements of numeric datatypes. */
  readonly data?: NumericArray;
  /** All byte strings of BYTES, one after the other, … */
  readonly bytes?: Uint8Array;
  /** … and how long each is. */
  readonly lengths?: Uint32Array;
}

/** Packs a host tensor; what has to be transferred with the message is added to `transfer`. The tensor's memory is left alone. @internal */
export function packTensor(tensor: InferTensor, transfer: ArrayBuffer[]): TensorMessage {
  const { datatype, shape } = tensor;
  const { array: ArrayType } = datatypeTable[datatype];
  if (ArrayType !== undefined) {
    const copy = tensor.bytes.slice();
    transfer.push(copy.buffer);
    const data = new ArrayType(copy.buffer, 0, copy.byteLength / datatypeTable[datatype].bytes);
    return { datatype, shape: [...shape], data };
  }
  const items = tensor.data as readonly Uint8Array[];
  const lengths = Uint32Array.from(items, (item) => item.byteLength);
  const bytes = new Uint8Array(items.reduce((sum, item) => sum + item.byteLength, 0));
  let at = 0;
  for (const item of items) {
    bytes.set(item, at);
    at += item.byteLength;
  }
  transfer.push(bytes.buffer, lengths.buffer);
  return { datatype, shape: [...shape], bytes, lengths };
}

/** Byte strings as views of the memory that came with the message. @internal */
export function unpackStrings(bytes: Uint8Array, lengths: Uint32Array): Uint8Array[] {
  const items: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    items.push(bytes.subarray(at, at + length));
    at += length;
  }
  return items;
}

/** The tensor of a message. @internal */
export function unpackTensor(message: TensorMessage): InferTensor {
  const { datatype, shape, data, bytes, lengths } = message;
  if (data !== undefined) return new InferTensor(datatype, data, shape);
  const items = unpackStrings(bytes ?? new Uint8Array(0), lengths ?? new Uint32Array(0));
  return new InferTensor(datatype, items, shape);
}
