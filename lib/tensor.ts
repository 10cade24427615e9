// Tensor: elements on the host with their type and shape. device-tensor.ts has its counterpart on the device.

import {
  type DType,
  type DTypeArrays,
  type DTypeInfo,
  type TensorData,
  arrayLength,
  dtypeInfo,
  float16Array,
} from './dtype.js';
import { InvalidArgumentError, describe } from './errors.js';
import { bfloat16ToFloat32, float16ToFloat32, toBfloat16Bits, toFloat16Bits } from './float.js';
import { checkMemory, checkShape, formatShape } from './validate.js';

/** What carries the elements of a {@link Tensor} of type `T` when it is made. */
export type TensorSource<T extends DType = DType> =
  | DTypeArrays[T]
  | (T extends 'uint8' ? Uint8ClampedArray : never)
  | readonly (number | bigint | boolean)[];

/** The tag of typed arrays is the same in every realm (vm contexts, jest), where `instanceof` fails. */
export function typedArrayTag(value: unknown): string | undefined {
  if (!ArrayBuffer.isView(value)) return undefined;
  return (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag];
}

function dtypeMismatch(who: string, info: DTypeInfo, given: unknown): InvalidArgumentError {
  const tag = typedArrayTag(given);
  let hint = `Give ${info.array.name === 'Int8Array' || info.array.name.startsWith('Int') ? 'an' : 'a'} ${info.array.name}.`;
  if (tag === 'Float32Array' && info.dtype === 'float16')
    hint = 'Convert it with float32ToFloat16().';
  if (tag === 'Float32Array' && info.dtype === 'bfloat16') {
    hint = 'Convert it with float32ToBfloat16().';
  }
  if (tag === 'Float64Array' && info.dtype === 'float32') {
    hint = 'Convert it with new Float32Array(array).';
  }
  if (tag === 'Int32Array' && info.dtype === 'int64') {
    hint = 'Convert it with BigInt64Array.from(array, BigInt).';
  }
  return new InvalidArgumentError(
    'ERR_TRT_DTYPE_MISMATCH',
    `${who}: expected ${info.arrayText} for ${info.dtype}, got ${describe(given)}`,
    hint,
  );
}

/**
 * The typed array of `info` over the memory of `data`, without copying where its alignment allows.
 *
 * @throws ERR_TRT_DTYPE_MISMATCH, ERR_TRT_INVALID_BUFFER, ERR_TRT_LENGTH_MISMATCH (a Buffer that ends within an element)
 * @internal
 */
export function viewData(info: DTypeInfo, data: unknown, who: string): TensorData {
  const tag = typedArrayTag(data);
  if (tag === undefined) throw dtypeMismatch(who, info, data);
  const view = data as Uint8Array;
  checkMemory(view, who);
  const raw = Buffer.isBuffer(data);
  if (tag === info.array.name && !raw) return data as TensorData;
  if (tag === 'Float16Array' && info.dtype === 'float16' && float16Array) {
    return new Uint16Array(view.buffer, view.byteOffset, view.length);
  }
  if (tag === 'Uint8ClampedArray' && info.dtype === 'uint8') {
    return new Uint8Array(view.buffer, view.byteOffset, view.length);
  }
  if (!raw) throw dtypeMismatch(who, info, data);
  const bytes = Math.max(1, info.bits >> 3);
  if (view.length % bytes !== 0) {
    throw new InvalidArgumentError(
      'ERR_TRT_LENGTH_MISMATCH',
      `${who}: expected a Buffer of whole ${info.dtype} elements (${bytes} bytes each), got ${view.length} bytes`,
      'Check that the data is complete and of this type.',
    );
  }
  const aligned = view.byteOffset % bytes === 0 ? view : new Uint8Array(view);
  return new info.array(aligned.buffer, aligned.byteOffset, view.length / bytes);
}

/** A number as an integer element. @throws ERR_TRT_INVALID_ARGUMENT */
function integerElement(value: unknown, info: DTypeInfo, index: number, who: string): number {
  const signed = info.dtype.startsWith('int');
  const low = signed ? -(2 ** (info.bits - 1)) : 0;
  const high = signed ? 2 ** (info.bits - 1) - 1 : 2 ** info.bits - 1;
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (Number.isInteger(number) && (number as number) >= low && (number as number) <= high) {
    return number as number;
  }
  throw new InvalidArgumentError(
    'ERR_TRT_INVALID_ARGUMENT',
    `${who}: expected integers from ${low} to ${high} for ${info.dtype}, got ${describe(value)} at index ${index}`,
    'Round or clamp the values first.',
  );
}

function convertElement(value: unknown, info: DTypeInfo, index: number, who: string): unknown {
  switch (info.dtype) {
    case 'bool':
      if (typeof value === 'boolean') return Number(value);
      if (value === 0 || value === 1) return value;
      break;
    case 'int64':
      if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value;
      if (Number.isSafeInteger(value)) return BigInt(value as number);
      break;
    case 'int8':
    case 'uint8':
    case 'int32':
      return integerElement(value, info, index, who);
    case 'float32':
    case 'float64':
      if (typeof value === 'number') return value;
      break;
    case 'float16':
      if (typeof value === 'number') return toFloat16Bits(value);
      break;
    case 'bfloat16':
      if (typeof value === 'number') return toBfloat16Bits(value);
      break;
    case 'fp8':
    case 'int4':
    case 'fp4':
    case 'e8m0':
      break;
  }
  throw new InvalidArgumentError(
    'ERR_TRT_INVALID_ARGUMENT',
    `${who}: expected elements for ${info.dtype}, got ${describe(value)} at index ${index}`,
    info.bits <= 8 && info.dtype !== 'bool'
      ? 'Give the bits as a Uint8Array.'
      : `Give ${info.dtype === 'bool' ? 'booleans' : info.dtype === 'int64' ? 'integers or bigints' : 'numbers'}.`,
  );
}

/** Plain arrays become the typed array of `info`, element by element. @internal */
export function convertArray(info: DTypeInfo, values: readonly unknown[], who: string): TensorData {
  const data = new info.array(values.length) as unknown as unknown[];
  for (let index = 0; index < values.length; index++) {
    data[index] = convertElement(values[index], info, index, who);
  }
  return data as unknown as TensorData;
}

/** @throws ERR_TRT_LENGTH_MISMATCH unless `data` holds exactly the elements of `shape`. @internal */
export function checkLength(
  info: DTypeInfo,
  data: TensorData,
  shape: readonly number[],
  elements: number,
  who: string,
): void {
  const length = arrayLength(info, elements);
  if (data.length === length) return;
  const packed = info.bits === 4 ? ' (two a byte)' : '';
  throw new InvalidArgumentError(
    'ERR_TRT_LENGTH_MISMATCH',
    `${who}: expected ${length} array elements for ${info.dtype} of shape ${formatShape(shape)}${packed}, got ${describe(data)}`,
    data.length < length
      ? 'Give all elements, or a smaller shape.'
      : 'Give only these elements, or a larger shape.',
  );
}

/** `instanceof`, as a type that says DType. @internal */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}

const trusted = Symbol('trusted');

/**
 * A tensor of parts that are known to fit; nothing is checked, and `shape` must be frozen.
 * @internal
 */
export function trustedTensor(dtype: DType, data: TensorData, shape: readonly number[]): Tensor {
  return new (Tensor as TrustedConstructor)(dtype, data, shape, trusted);
}

type TrustedConstructor = new (
  dtype: DType,
  data: TensorData,
  shape: readonly number[],
  trust: symbol,
) => Tensor;

/** Where the pinned buffer of a tensor is kept; set by PinnedBuffer.tensor(). @internal */
export const pinnedBuffer = Symbol('pinnedBuffer');

/**
 * Elements on the host: a typed array with its {@link DType} and shape. The array is not copied (exceptions are named in the
 * constructor): who changes it changes the tensor. Immutable otherwise, and cheap to make.
 *
 * @example
 * ```ts
 * const image = new Tensor('float32', pixels, [1, 3, 224, 224]);
 * const ids = new Tensor('int64', [101, 2023, 102], [1, 3]);
 * ```
 */
export class Tensor<T extends DType = DType> {
  /** The element type. */
  readonly dtype: T;
  /** The elements, row-major. */
  readonly data: DTypeArrays[T];
  /** The dimensions; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** @internal */
  declare [pinnedBuffer]?: unknown;

  /**
   * @param dtype - The element type.
   * @param data - The typed array of that type ({@link DTypeArrays}), which is kept, not copied. Also taken: a Float16Array for float16
   *   and a Uint8ClampedArray for uint8 (viewed); an ordinary array of numbers, bigints or booleans (converted, so copied; not for the packed
   *   and 8-bit float types); a Node.js `Buffer` as little-endian bytes of any type (viewed where its alignment allows, else copied).
   *   A Uint8Array that is no Buffer counts as elements, never as bytes.
   * @param shape - At most 8 dimensions, integers from 0 to 2^31-1. Default: one dimension of the array's length.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for an unknown dtype or an element that the dtype cannot hold,
   *   ERR_TRT_DTYPE_MISMATCH for another typed array, ERR_TRT_INVALID_SHAPE, ERR_TRT_LENGTH_MISMATCH, and ERR_TRT_INVALID_BUFFER for
   *   memory that is detached, resizable or shared.
   */
  constructor(dtype: T, data: TensorSource<T> | Buffer, shape?: readonly number[]);
  /** @internal */
  constructor(
    dtype: T,
    data: TensorSource<T> | Buffer,
    shape?: readonly number[],
    trust?: unknown,
  ) {
    if (trust === trusted) {
      this.dtype = dtype;
      this.data = data as DTypeArrays[T];
      this.shape = shape as readonly number[];
      return;
    }
    const info = dtypeInfo(dtype);
    const elements = Array.isArray(data)
      ? convertArray(info, data, 'Tensor')
      : viewData(info, data, 'Tensor');
    const dimensions = shape ?? [info.bits === 4 ? elements.length * 2 : elements.length];
    const count = checkShape(dimensions, 'Tensor');
    checkLength(info, elements, dimensions, count, 'Tensor');
    this.dtype = dtype;
    this.data = elements as DTypeArrays[T];
    this.shape = Object.freeze(dimensions.slice());
  }

  /** Number of elements. */
  get size(): number {
    let elements = 1;
    for (const extent of this.shape) elements *= extent;
    return elements;
  }

  /** Bytes of `data`. */
  get byteLength(): number {
    return this.data.byteLength;
  }

  /**
   * The elements as float32: `data` itself for a float32 tensor, else a new array. float16 and bfloat16 convert exactly; float64, int32 and int64
   * round to the nearest float32.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_DTYPE_MISMATCH for fp8, int4, fp4 and e8m0.
   */
  toFloat32(): Float32Array {
    const data = this.data;
    switch (this.dtype) {
      case 'float32':
        return data as Float32Array;
      case 'float16':
        return float16ToFloat32(data as Uint16Array);
      case 'bfloat16':
        return bfloat16ToFloat32(data as Uint16Array);
      case 'int64':
        return Float32Array.from(data as BigInt64Array, Number);
      case 'float64':
      case 'int8':
      case 'uint8':
      case 'int32':
      case 'bool':
        return Float32Array.from(data as Int32Array);
      case 'fp8':
      case 'int4':
      case 'fp4':
      case 'e8m0':
        throw new InvalidArgumentError(
          'ERR_TRT_DTYPE_MISMATCH',
          `Tensor.toFloat32: expected a type with a standard conversion, got ${this.dtype}`,
          'Decode the bits in `data` yourself.',
        );
    }
  }

  /**
   * The same elements with another shape; the array is shared, not copied.
   *
   * @param shape - Dimensions with as many elements.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_SHAPE, ERR_TRT_LENGTH_MISMATCH.
   */
  reshape(shape: readonly number[]): Tensor<T> {
    return new Tensor(this.dtype, this.data as TensorSource<T>, shape);
  }
}
