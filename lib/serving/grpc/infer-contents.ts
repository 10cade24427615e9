// Typed contents: the fields of InferTensorContents as tensors. Floating-point numbers stay where they are; integers are varints and are decoded.

import { ServingError } from '../../errors.js';
import type { Datatype, NumericArray } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';
import type { DecodedContents, DecodedInput } from './infer-decode.js';
import { WireReader } from './wire.js';

/** What the fields of integers and booleans are called in messages, and which datatypes they are for; the first is the one to name. */
const integerFields: Readonly<Record<number, readonly Datatype[]>> = {
  1: ['BOOL'],
  2: ['INT32', 'INT8', 'INT16'],
  3: ['INT64'],
  4: ['UINT32', 'UINT8', 'UINT16'],
  5: ['UINT64'],
};

/** How many varints there are: as many as bytes without the continuation bit. */
function countVarints(contents: DecodedContents, ranges: readonly number[]): number {
  const { buffer } = contents;
  let count = 0;
  for (let index = 0; index < ranges.length; index += 2) {
    const end = ranges[index + 1] as number;
    for (let at = ranges[index] as number; at < end; at++) {
      if ((buffer[at] as number) < 0x80) count++;
    }
  }
  return count;
}

const makers: Partial<Record<Datatype, (count: number) => NumericArray>> = {
  BOOL: (count) => new Uint8Array(count),
  INT8: (count) => new Int8Array(count),
  INT16: (count) => new Int16Array(count),
  INT32: (count) => new Int32Array(count),
  INT64: (count) => new BigInt64Array(count),
  UINT8: (count) => new Uint8Array(count),
  UINT16: (count) => new Uint16Array(count),
  UINT32: (count) => new Uint32Array(count),
  UINT64: (count) => new BigUint64Array(count),
};

function integers(
  datatype: Datatype,
  contents: DecodedContents,
  ranges: readonly number[],
): NumericArray {
  const values = (makers[datatype] as (count: number) => NumericArray)(
    countVarints(contents, ranges),
  );
  let index = 0;
  for (let range = 0; range < ranges.length; range += 2) {
    const reader = new WireReader(contents.buffer, ranges[range], ranges[range + 1]);
    while (reader.more) {
      if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
        values[index++] = reader.bits64();
      } else if (datatype === 'BOOL') values[index++] = reader.bool() ? 1 : 0;
      // The array keeps the lowest bits, as Triton does.
      else values[index++] = reader.uint32();
    }
  }
  return values;
}

/** Fixed-size numbers: a view where they are in one piece. */
function floats(
  datatype: 'FP32' | 'FP64',
  contents: DecodedContents,
  ranges: readonly number[],
): Uint8Array {
  const bytes = datatype === 'FP32' ? 4 : 8;
  const pieces: Uint8Array[] = [];
  for (let index = 0; index < ranges.length; index += 2) {
    const piece = contents.buffer.subarray(ranges[index], ranges[index + 1]);
    if (piece.length % bytes !== 0) {
      throw new ServingError(
        'ERR_TRT_REQUEST',
        `packed ${datatype} contents have ${piece.length} bytes, which is no multiple of ${bytes}`,
        'Encode the request with a protobuf library.',
      );
    }
    pieces.push(piece);
  }
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
}

function wrongField(input: DecodedInput, model: string, of: Datatype): ServingError {
  return new ServingError(
    'ERR_TRT_REQUEST',
    `unexpected explicit tensor data for input tensor '${input.name}' for model '${model}' of type '${of}', expected datatype '${input.datatype}'`,
    'Put the elements into the field of `contents` that is for the datatype, or send raw_input_contents.',
  );
}

/** An input given by `contents`, and how many elements there are. @throws ServingError in Triton's words @internal */
export function tensorOfContents(
  input: DecodedInput,
  datatype: Datatype,
  contents: DecodedContents,
  model: string,
): { tensor: InferTensor; count: number } {
  const { ranges, bytes } = contents;
  const fields = [...ranges.keys()].filter((field) => (ranges.get(field)?.length ?? 0) > 0);
  if (fields.length + (bytes.length > 0 ? 1 : 0) > 1) {
    throw new ServingError(
      'ERR_TRT_REQUEST',
      `unexpected explicit tensor data for input tensor '${input.name}' for model '${model}', binary data was already supplied.`,
      'Use one field of `contents`.',
    );
  }
  const { shape } = input;
  if (bytes.length > 0) {
    if (datatype !== 'BYTES') throw wrongField(input, model, 'BYTES');
    return { tensor: new InferTensor('BYTES', bytes, shape), count: bytes.length };
  }
  const field = fields[0];
  if (field === undefined) {
    const none = new InferTensor(
      datatype,
      datatype === 'BYTES' ? [] : new Uint8Array(0),
      shape,
      true,
    );
    return { tensor: datatype === 'BYTES' ? new InferTensor('BYTES', [], shape) : none, count: 0 };
  }
  const pieces = ranges.get(field) as readonly number[];
  if (field === 6 || field === 7) {
    const of = field === 6 ? 'FP32' : 'FP64';
    if (datatype !== of) throw wrongField(input, model, of);
    const data = floats(of, contents, pieces);
    const count = data.length / (of === 'FP32' ? 4 : 8);
    return { tensor: InferTensor.fromBytes(of, data, shape), count };
  }
  const allowed = integerFields[field] as readonly Datatype[];
  if (!allowed.includes(datatype)) throw wrongField(input, model, allowed[0] as Datatype);
  const data = integers(datatype, contents, pieces);
  return { tensor: new InferTensor(datatype, data, shape), count: data.length };
}
