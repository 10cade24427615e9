// Datatype: the KServe protocol's element types, their typed arrays, and what TensorRT and config.pbtxt call them.

import type { DType } from '../dtype.js';
import type { DataType } from './config/model-config.js';

/** The element types of the KServe v2 protocol with Triton's extensions. */
export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'BF16'
  | 'FP32'
  | 'FP64'
  | 'BYTES';

/** The typed array of each numeric {@link Datatype}: BOOL is 0 and 1, FP16 and BF16 are bit patterns. BYTES is an array of byte strings. */
export interface DatatypeArrays {
  BOOL: Uint8Array;
  UINT8: Uint8Array;
  UINT16: Uint16Array;
  UINT32: Uint32Array;
  UINT64: BigUint64Array;
  INT8: Int8Array;
  INT16: Int16Array;
  INT32: Int32Array;
  INT64: BigInt64Array;
  FP16: Uint16Array;
  BF16: Uint16Array;
  FP32: Float32Array;
  FP64: Float64Array;
  BYTES: readonly Uint8Array[];
}

/** Any typed array of {@link DatatypeArrays}. */
export type NumericArray = DatatypeArrays[Exclude<Datatype, 'BYTES'>];

/** A constructor of {@link NumericArray}. @internal */
export interface NumericArrayConstructor {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumericArray;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumericArray;
}

/** What there is to know of one element type. @internal */
export interface DatatypeInfo {
  readonly datatype: Datatype;
  /** Bytes an element; 0 for BYTES, whose elements differ. */
  readonly bytes: number;
  /** undefined for BYTES. */
  readonly array: NumericArrayConstructor | undefined;
  /** In config.pbtxt. */
  readonly configType: DataType;
  /** TensorRT's, where it has it. */
  readonly dtype: DType | undefined;
}

function row(
  datatype: Datatype,
  array: unknown,
  configType: DataType,
  dtype?: DType,
): DatatypeInfo {
  const constructor = array as NumericArrayConstructor | undefined;
  return {
    datatype,
    bytes: constructor?.BYTES_PER_ELEMENT ?? 0,
    array: constructor,
    configType,
    dtype,
  };
}

/** The table of all element types. @internal */
export const datatypeTable: Readonly<Record<Datatype, DatatypeInfo>> = {
  BOOL: row('BOOL', Uint8Array, 'TYPE_BOOL', 'bool'),
  UINT8: row('UINT8', Uint8Array, 'TYPE_UINT8', 'uint8'),
  UINT16: row('UINT16', Uint16Array, 'TYPE_UINT16'),
  UINT32: row('UINT32', Uint32Array, 'TYPE_UINT32'),
  UINT64: row('UINT64', BigUint64Array, 'TYPE_UINT64'),
  INT8: row('INT8', Int8Array, 'TYPE_INT8', 'int8'),
  INT16: row('INT16', Int16Array, 'TYPE_INT16'),
  INT32: row('INT32', Int32Array, 'TYPE_INT32', 'int32'),
  INT64: row('INT64', BigInt64Array, 'TYPE_INT64', 'int64'),
  FP16: row('FP16', Uint16Array, 'TYPE_FP16', 'float16'),
  BF16: row('BF16', Uint16Array, 'TYPE_BF16', 'bfloat16'),
  FP32: row('FP32', Float32Array, 'TYPE_FP32', 'float32'),
  FP64: row('FP64', Float64Array, 'TYPE_FP64', 'float64'),
  BYTES: row('BYTES', undefined, 'TYPE_STRING'),
};

const byDType = new Map(Object.values(datatypeTable).map((info) => [info.dtype, info]));
const byConfigType = new Map(Object.values(datatypeTable).map((info) => [info.configType, info]));

/** Whether `value` names an element type of the protocol. */
export function isDatatype(value: unknown): value is Datatype {
  return typeof value === 'string' && Object.hasOwn(datatypeTable, value);
}

/** The protocol's name of TensorRT's `dtype`; undefined for types that the protocol lacks (fp8, int4, fp4, e8m0). @internal */
export function datatypeOfDType(dtype: DType): Datatype | undefined {
  return byDType.get(dtype)?.datatype;
}

/** The protocol's name of a type of config.pbtxt; undefined for TYPE_INVALID. @internal */
export function datatypeOfConfig(type: DataType): Datatype | undefined {
  return byConfigType.get(type)?.datatype;
}
