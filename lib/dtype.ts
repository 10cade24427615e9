// DType: TensorRT's element types by name, their sizes and the typed arrays that carry them.

import { describe, invalidArgument } from './errors.js';

/**
 * The element types. `float64` exists in files and on the host only: no TensorRT engine has such an input or output.
 * `int4` and `fp4` pack two elements a byte, the first in the low half.
 */
export type DType =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float64'
  | 'int8'
  | 'uint8'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'fp8'
  | 'int4'
  | 'fp4'
  | 'e8m0';

/** The typed array of each {@link DType}: float16 and bfloat16 are bit patterns, bool is 0 and 1, the 4- and 8-bit floats are raw bytes. */
export interface DTypeArrays {
  float32: Float32Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  float64: Float64Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
  fp8: Uint8Array;
  int4: Uint8Array;
  fp4: Uint8Array;
  e8m0: Uint8Array;
}

/** Any of the typed arrays of {@link DTypeArrays}. */
export type TensorData = DTypeArrays[DType];

interface ArrayConstructor {
  readonly name: string;
  new (length: number): TensorData;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData;
}

/** What there is to know of one element type. @internal */
export interface DTypeInfo {
  readonly dtype: DType;
  /** 4 for int4 and fp4, else a multiple of 8. */
  readonly bits: number;
  readonly array: ArrayConstructor;
  /** What messages call the array, for example "Uint16Array (float16 bits)". */
  readonly arrayText: string;
}

/** Float16Array where this Node.js has it (24 and later). @internal */
export const float16Array = (globalThis as { Float16Array?: ArrayConstructor }).Float16Array;

function row(dtype: DType, bits: number, array: unknown, note = ''): DTypeInfo {
  const constructor = array as ArrayConstructor;
  return { dtype, bits, array: constructor, arrayText: `${constructor.name}${note}` };
}

const half = float16Array ? ' (the bits) or Float16Array' : ' (the bits)';

/** The table of all element types. @internal */
export const dtypeTable: Readonly<Record<DType, DTypeInfo>> = {
  float32: row('float32', 32, Float32Array),
  float16: row('float16', 16, Uint16Array, half),
  bfloat16: row('bfloat16', 16, Uint16Array, ' (the bits)'),
  float64: row('float64', 64, Float64Array),
  int8: row('int8', 8, Int8Array),
  uint8: row('uint8', 8, Uint8Array),
  int32: row('int32', 32, Int32Array),
  int64: row('int64', 64, BigInt64Array),
  bool: row('bool', 8, Uint8Array, ' of 0 and 1'),
  fp8: row('fp8', 8, Uint8Array, ' (the bits)'),
  int4: row('int4', 4, Uint8Array, ' (two elements a byte)'),
  fp4: row('fp4', 4, Uint8Array, ' (two elements a byte)'),
  e8m0: row('e8m0', 8, Uint8Array, ' (the bits)'),
};

/** The names of all element types. */
export const dtypes: readonly DType[] = Object.keys(dtypeTable) as DType[];

/** Whether `value` names an element type. */
export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && Object.hasOwn(dtypeTable, value);
}

/** The table's row of `dtype`. @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function dtypeInfo(dtype: DType): DTypeInfo {
  if (!isDType(dtype)) {
    throw invalidArgument(
      `expected a dtype, got ${describe(dtype)}`,
      `Use one of ${dtypes.join(', ')}.`,
    );
  }
  return dtypeTable[dtype];
}

/**
 * Bytes that `elements` elements of `dtype` take, rounded up to whole bytes.
 *
 * @param dtype - The element type.
 * @param elements - How many; not negative.
 * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for an unknown dtype.
 */
export function byteSize(dtype: DType, elements: number): number {
  const { bits } = dtypeInfo(dtype);
  return bits === 4 ? Math.ceil(elements / 2) : elements * (bits >> 3);
}

/** Array elements (not tensor elements) of a tensor of `elements` elements: half as many for the packed types. @internal */
export function arrayLength(info: DTypeInfo, elements: number): number {
  return info.bits === 4 ? Math.ceil(elements / 2) : elements;
}
