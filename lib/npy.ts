// The .npy format of NumPy: tensors in files.
// bfloat16 and fp8 have no NumPy type: they are written as raw '|V2' and '|V1' (what ml_dtypes writes), and such files are read as them.
// int4, fp4 and e8m0 are written as '|u1', packed as in memory; reading gives uint8.

import { writeFileAtomically } from './atomic-write.js';
import { type DType, byteSize, dtypeInfo } from './dtype.js';
import { FileError } from './errors.js';
import { readBytes } from './read-bytes.js';
import { Tensor } from './tensor.js';
import { checkShape, formatShape } from './validate.js';

const magic = Buffer.from('\x93NUMPY', 'latin1');

/** NumPy's type characters, without byte order. */
const readable: Readonly<Record<string, DType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  u1: 'uint8',
  i4: 'int32',
  i8: 'int64',
  b1: 'bool',
  V2: 'bfloat16',
  V1: 'fp8',
};

const written: Readonly<Record<DType, string>> = {
  float32: '<f4',
  float16: '<f2',
  bfloat16: '|V2',
  float64: '<f8',
  int8: '|i1',
  uint8: '|u1',
  int32: '<i4',
  int64: '<i8',
  bool: '|b1',
  fp8: '|V1',
  int4: '|u1',
  fp4: '|u1',
  e8m0: '|u1',
};

function bad(who: string, reason: string, hint = 'Write it again with numpy.save().'): FileError {
  return new FileError('ERR_TRT_FILE', `${who}: ${reason}`, hint);
}

interface Header {
  descr: string;
  fortranOrder: boolean;
  shape: number[];
  dataOffset: number;
}

function parseHeader(bytes: Buffer, who: string): Header {
  if (bytes.length < 10 || !bytes.subarray(0, 6).equals(magic)) {
    throw bad(who, 'expected a .npy file, which begins with \\x93NUMPY, got something else');
  }
  const major = bytes[6] ?? 0;
  if (major < 1 || major > 3) {
    throw bad(who, `expected .npy version 1, 2 or 3, got ${major}.${bytes[7] ?? 0}`);
  }
  const start = major === 1 ? 10 : 12;
  const length =
    major === 1 ? bytes.readUInt16LE(8) : bytes.length >= 12 ? bytes.readUInt32LE(8) : Infinity;
  if (start + length > bytes.length)
    throw bad(who, 'expected a whole header, got a truncated file');
  const text = bytes.toString(major === 3 ? 'utf8' : 'latin1', start, start + length);
  return { ...parseDictionary(text, who), dataOffset: start + length };
}

/** The header is a Python dictionary of just three entries, which numpy writes in this form. */
function parseDictionary(text: string, who: string): Omit<Header, 'dataOffset'> {
  const descr = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[))/.exec(text);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text);
  const shape = /['"]shape['"]\s*:\s*\(([\d\sL,]*)\)/.exec(text);
  if (descr === null || order === null || shape === null) {
    throw bad(who, 'expected a header with descr, fortran_order and shape, got another');
  }
  if (descr[2] !== undefined) {
    throw bad(
      who,
      'expected an array of one type, got a structured one',
      'Save its fields one by one.',
    );
  }
  const extents = (shape[1] ?? '').split(',').map((word) => word.trim().replace(/L$/, ''));
  if (extents.at(-1) === '') extents.pop();
  const dimensions = extents.map((word) => (/^\d+$/.test(word) ? Number(word) : NaN));
  return { descr: descr[1] ?? '', fortranOrder: order[1] === 'True', shape: dimensions };
}

function reverseBytes(bytes: Buffer, size: number): void {
  if (size === 2) bytes.swap16();
  else if (size === 4) bytes.swap32();
  else if (size === 8) bytes.swap64();
}

/** Column-major to row-major. */
function transpose(bytes: Buffer, shape: readonly number[], size: number): Buffer {
  const result = Buffer.alloc(bytes.length);
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, extent) => product * extent, 1),
  );
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < bytes.length; to += size) {
    bytes.copy(result, to, from * size, (from + 1) * size);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      from += stride;
      index[axis] = (index[axis] ?? 0) + 1;
      if (index[axis] !== shape[axis]) break;
      from -= stride * (shape[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return result;
}

/**
 * A tensor from the bytes of a .npy file (versions 1 to 3, either byte order, row- or column-major).
 *
 * @param bytes - The file; not kept.
 * @param name - What messages call it; default "npy".
 * @returns A tensor over a new array. '|V2' is read as bfloat16, '|V1' as fp8.
 * @throws {@link FileError} ERR_TRT_FILE for anything that is no such file, is truncated, or has an element type that no tensor has;
 *   {@link InvalidArgumentError} ERR_TRT_INVALID_SHAPE for dimensions that no tensor has.
 */
export function parseNpy(bytes: Uint8Array, name = 'npy'): Tensor {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { descr, fortranOrder, shape, dataOffset } = parseHeader(buffer, name);
  const kind = /^([<>|=])([a-zA-Z]\d+)$/.exec(descr);
  const dtype = Object.hasOwn(readable, kind?.[2] ?? '') ? readable[kind?.[2] ?? ''] : undefined;
  if (dtype === undefined) {
    throw bad(
      name,
      `expected float16, float32, float64, int8, uint8, int32, int64 or bool, got NumPy's type ${JSON.stringify(descr.slice(0, 40))}`,
      "Convert it in NumPy first, for example array.astype('float32').",
    );
  }
  const elements = checkShape(shape, name);
  const length = byteSize(dtype, elements);
  if (dataOffset + length > buffer.length) {
    throw bad(
      name,
      `expected ${length} bytes for ${dtype} of shape ${formatShape(shape)}, got ${buffer.length - dataOffset}: the file is truncated`,
    );
  }
  const info = dtypeInfo(dtype);
  const size = info.bits >> 3;
  let data: Buffer = Buffer.from(
    new Uint8Array(buffer.subarray(dataOffset, dataOffset + length)).buffer,
  );
  if (kind?.[1] === '>') reverseBytes(data, size);
  if (fortranOrder && shape.length > 1) data = transpose(data, shape, size);
  return new Tensor(dtype, data, shape);
}

/**
 * The bytes of a .npy file (version 1) with the tensor's elements.
 *
 * @param tensor - The packed and raw types are written as the comment above says: bfloat16 as '|V2', fp8 as '|V1', others as '|u1'.
 * @returns A new Buffer.
 */
export function formatNpy(tensor: Tensor): Buffer {
  const { dtype, data } = tensor;
  const packed = dtypeInfo(dtype).bits === 4;
  const shape = packed ? [data.length] : tensor.shape;
  const tuple = shape.length === 1 ? `(${shape[0] ?? 0},)` : `(${shape.join(', ')})`;
  const dictionary = `{'descr': '${written[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const total = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const header = Buffer.alloc(total, ' ');
  magic.copy(header);
  header[6] = 1;
  header[7] = 0;
  header.writeUInt16LE(total - 10, 8);
  header.write(dictionary, 10, 'latin1');
  header[total - 1] = 0x0a;
  return Buffer.concat([header, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

/**
 * Reads a .npy file.
 *
 * @returns A tensor over a new array. Rejects with {@link FileError} ERR_TRT_FILE and as {@link parseNpy} throws.
 */
export async function readNpy(path: string): Promise<Tensor> {
  const bytes = await readBytes(path);
  return parseNpy(bytes, path);
}

/** Writes a .npy file, whole or not at all. Rejects with {@link FileError} ERR_TRT_FILE. */
export async function writeNpy(path: string, tensor: Tensor): Promise<void> {
  await writeFileAtomically(path, formatNpy(tensor));
}
