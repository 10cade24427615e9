// InferTensor: a tensor of a request or response: any datatype of the protocol, on the host or on the device.

import { type DeviceTensor, isDeviceTensor } from '../device-tensor.js';
import { type Datatype, type NumericArray, datatypeTable } from './datatype.js';

/**
 * What carries the elements: the datatype's typed array; for BYTES an array of byte strings; a tensor on the device; or, of numeric datatypes, the
 * elements' little-endian bytes, wherever they lie (a network buffer), so that whoever stages them copies them once.
 */
export type InferTensorSource = NumericArray | readonly Uint8Array[] | DeviceTensor;

/**
 * One tensor of an inference request or response. Nothing is copied when it is made; whoever changes the memory changes the tensor.
 */
export class InferTensor {
  /** The element type. */
  readonly datatype: Datatype;
  /** The dimensions, batch dimension included; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Where the elements are; `data` gives them as the typed array of the datatype. @internal */
  readonly source: InferTensorSource;
  /** Whether `source` is raw bytes of a datatype with larger elements. @internal */
  readonly raw: boolean;

  /**
   * Nothing is checked here: whoever uses the tensor does, with the model's config at hand.
   *
   * @param datatype - The element type.
   * @param source - The elements: kept, not copied.
   * @param shape - The dimensions, batch dimension included.
   * @param raw - Whether `source` is the little-endian bytes of a numeric datatype instead of its typed array. Default false.
   */
  constructor(
    datatype: Datatype,
    source: InferTensorSource,
    shape: readonly number[],
    raw = false,
  ) {
    this.datatype = datatype;
    this.source = source;
    this.shape = shape;
    this.raw = raw;
  }

  /** A tensor over the little-endian bytes of its elements, at any alignment. @internal */
  static fromBytes(datatype: Datatype, bytes: Uint8Array, shape: readonly number[]): InferTensor {
    return new InferTensor(datatype, bytes, shape, datatypeTable[datatype].bytes > 1);
  }

  /** Whether it lies on the device: `data` is not there; read `device` with `await device.read()`. */
  get device(): DeviceTensor | undefined {
    return isDeviceTensor(this.source) ? this.source : undefined;
  }

  /** The elements as the typed array of the datatype; for BYTES an array of byte strings. Copies only bytes that are not aligned. */
  get data(): NumericArray | readonly Uint8Array[] {
    const { source, raw } = this;
    if (!raw) return source as NumericArray | readonly Uint8Array[];
    const { array, bytes } = datatypeTable[this.datatype];
    const view = source as Uint8Array;
    // Not view.slice(): a Buffer's makes another view.
    const aligned = view.byteOffset % bytes === 0 ? view : new Uint8Array(view);
    const ArrayType = array as NonNullable<typeof array>;
    return new ArrayType(aligned.buffer, aligned.byteOffset, aligned.byteLength / bytes);
  }

  /** The elements' bytes, of numeric datatypes on the host; a view, not a copy. @internal */
  get bytes(): Uint8Array {
    const view = this.source as NumericArray;
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }
}
