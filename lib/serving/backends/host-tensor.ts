// Host tensors of backends that compute on the host: read from the device, joined along the batch, and split again.

import { isDeviceTensor } from '../../device-tensor.js';
import { volume } from '../../validate.js';
import { type Datatype, type NumericArray, datatypeOfDType, datatypeTable } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';

/** The tensor on the host; one on the device is copied, and stays its owner's. @internal */
export async function onHost(tensor: InferTensor): Promise<InferTensor> {
  if (!isDeviceTensor(tensor.source)) return tensor;
  const read = await tensor.source.read();
  const datatype = datatypeOfDType(read.dtype) ?? tensor.datatype;
  return new InferTensor(datatype, read.data, tensor.shape);
}

/** A tensor of zeros (of empty strings). @internal */
export function zeros(datatype: Datatype, shape: readonly number[]): InferTensor {
  const elements = volume(shape);
  const { array: ArrayType } = datatypeTable[datatype];
  const data =
    ArrayType === undefined
      ? Array.from({ length: elements }, () => new Uint8Array(0))
      : new ArrayType(elements);
  return new InferTensor(datatype, data, shape);
}

/** Bytes of the elements; for BYTES with the four bytes that the protocol puts before each. @internal */
export function tensorBytes(tensor: InferTensor): number {
  const { source } = tensor;
  if (isDeviceTensor(source)) return source.byteLength;
  if (ArrayBuffer.isView(source)) return source.byteLength;
  return source.reduce((sum, item) => sum + item.byteLength + 4, 0);
}

/** A copy of an array; a Buffer's own slice() would be a view. */
function copyOf<T extends NumericArray>(data: T): T {
  return (Buffer.isBuffer(data) ? new Uint8Array(data) : data.slice()) as T;
}

/** A tensor of its own memory: nothing that happens to the original reaches it. @internal */
export function copyTensor(tensor: InferTensor): InferTensor {
  const { data } = tensor;
  const copy = ArrayBuffer.isView(data) ? copyOf(data) : data.map(copyOf);
  return new InferTensor(tensor.datatype, copy, tensor.shape);
}

/**
 * Host tensors of one datatype, joined along the first dimension; the other dimensions are those of the first. One tensor alone is given back as it is.
 * @internal
 */
export function joinTensors(tensors: readonly InferTensor[]): InferTensor {
  const first = tensors[0] as InferTensor;
  if (tensors.length === 1) return first;
  const rows = tensors.reduce((sum, tensor) => sum + (tensor.shape[0] ?? 1), 0);
  const shape = [rows, ...first.shape.slice(1)];
  const { array: ArrayType } = datatypeTable[first.datatype];
  if (ArrayType === undefined) {
    const items = tensors.flatMap((tensor) => tensor.data as readonly Uint8Array[]);
    return new InferTensor(first.datatype, items, shape);
  }
  const joined = new ArrayType(volume(shape));
  const bytes = new Uint8Array(joined.buffer, joined.byteOffset, joined.byteLength);
  let at = 0;
  for (const tensor of tensors) {
    bytes.set(tensor.bytes, at);
    at += tensor.bytes.byteLength;
  }
  return new InferTensor(first.datatype, joined, shape);
}

/** Rows `from` to `to` of the first dimension: a view, or a copy. @internal */
export function sliceRows(
  tensor: InferTensor,
  from: number,
  to: number,
  copy: boolean,
): InferTensor {
  const row = volume(tensor.shape.slice(1));
  const data = tensor.data;
  const shape = [to - from, ...tensor.shape.slice(1)];
  const [start, end] = [from * row, to * row];
  if (!ArrayBuffer.isView(data)) {
    return new InferTensor(tensor.datatype, data.slice(start, end), shape);
  }
  const part = data.subarray(start, end);
  return new InferTensor(tensor.datatype, copy ? copyOf(part) : part, shape);
}
