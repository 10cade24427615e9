// The safetensors format: named tensors in one file, read one by one.
// A length, a header in JSON, then all bytes without gaps. The file may come from anywhere: everything in the header is checked before it is believed.

import { type FileHandle, open } from 'node:fs/promises';
import { type DType, byteSize } from './dtype.js';
import { FileError, describe, fileError } from './errors.js';
import { Tensor } from './tensor.js';
import { maxExtent, maxRank } from './validate.js';

/** The format's own limit. */
const maxHeaderBytes = 100_000_000;
/** What one read call of the operating system surely takes. */
const maxRead = 2 ** 30;

/** Bytes of an element, and the dtype where tensors have it. */
const types: Readonly<Record<string, readonly [bytes: number, dtype?: DType]>> = {
  F64: [8, 'float64'],
  F32: [4, 'float32'],
  F16: [2, 'float16'],
  BF16: [2, 'bfloat16'],
  I64: [8, 'int64'],
  I32: [4, 'int32'],
  I16: [2],
  I8: [1, 'int8'],
  U64: [8],
  U32: [4],
  U16: [2],
  U8: [1, 'uint8'],
  BOOL: [1, 'bool'],
  F8_E4M3: [1, 'fp8'],
  F8_E5M2: [1],
  F8_E8M0: [1, 'e8m0'],
};

/** One tensor of a file. */
export interface SafetensorsEntry {
  readonly name: string;
  /** The format's own name of the type, for example "BF16". */
  readonly type: string;
  /** The same as tensors have it; undefined where they have not. */
  readonly dtype: DType | undefined;
  readonly shape: readonly number[];
  /** Where its bytes begin in the file, and how many they are. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

function bad(file: string, reason: string): FileError {
  return new FileError(
    'ERR_TRT_FILE',
    `${file}: ${reason}`,
    'Save it again with safetensors, or get the complete file.',
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isExtent(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxExtent;
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseEntry(
  file: string,
  name: string,
  value: unknown,
  dataStart: number,
  dataBytes: number,
): SafetensorsEntry {
  const { dtype: type, shape, data_offsets: offsets } = isObject(value) ? value : {};
  const known = typeof type === 'string' && Object.hasOwn(types, type) ? types[type] : undefined;
  const quoted = JSON.stringify(name.slice(0, 100));
  if (typeof type !== 'string' || known === undefined) {
    throw bad(file, `tensor ${quoted}: expected a known dtype, got ${describe(type)}`);
  }
  if (!Array.isArray(shape) || shape.length > maxRank || !shape.every(isExtent)) {
    throw bad(file, `tensor ${quoted}: expected a shape of at most ${maxRank} dimensions`);
  }
  const elements = shape.reduce((product, extent) => product * extent, 1);
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isOffset(begin) || !isOffset(end) || begin > end || end > dataBytes) {
    throw bad(
      file,
      `tensor ${quoted}: expected data_offsets within the file's ${dataBytes} bytes of data, got ${Array.isArray(offsets) && offsets.length === 2 ? offsets.map(describe).join(' to ') : describe(offsets)}`,
    );
  }
  if (end - begin !== elements * known[0]) {
    throw bad(
      file,
      `tensor ${quoted}: expected ${elements * known[0]} bytes for ${type} [${shape.join(', ')}], got ${end - begin}`,
    );
  }
  return {
    name,
    type,
    dtype: known[1],
    shape,
    byteOffset: dataStart + begin,
    byteLength: end - begin,
  };
}

/** The format has no gaps and nothing twice. */
function checkLayout(
  file: string,
  entries: readonly SafetensorsEntry[],
  dataStart: number,
  fileBytes: number,
): void {
  const inOrder = [...entries].sort(
    (a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength,
  );
  let position = dataStart;
  for (const { name, byteOffset, byteLength } of inOrder) {
    if (byteOffset !== position) {
      const what =
        byteOffset < position ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw bad(file, `tensor ${JSON.stringify(name.slice(0, 100))} ${what}`);
    }
    position += byteLength;
  }
  if (position !== fileBytes) {
    throw bad(file, `expected ${position} bytes in all, got ${fileBytes}`);
  }
}

async function readExactly(
  handle: FileHandle,
  into: Uint8Array,
  position: number,
  file: string,
): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(maxRead, into.length - done);
    const { bytesRead } = await handle.read(into, done, length, position + done);
    if (bytesRead === 0) throw bad(file, 'expected more bytes: the file has become shorter');
    done += bytesRead;
  }
}

/** A .safetensors file that is open: its tensors are described at once and read one by one, when asked for. */
export class SafetensorsFile {
  readonly #handle: FileHandle;
  readonly #file: string;
  /** The tensors by name. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  /** What the file says of itself (`__metadata__`). */
  readonly metadata: Readonly<Record<string, string>>;

  private constructor(
    handle: FileHandle,
    file: string,
    entries: ReadonlyMap<string, SafetensorsEntry>,
    metadata: Readonly<Record<string, string>>,
  ) {
    this.#handle = handle;
    this.#file = file;
    this.entries = entries;
    this.metadata = metadata;
  }

  /**
   * Opens a file and reads its header.
   *
   * @returns Rejects with {@link FileError} ERR_TRT_FILE for a file that cannot be read, is no such file, is truncated, or whose header does not fit its
   *   content (unknown types, offsets out of bounds, overlapping or gaps).
   */
  static async open(file: string): Promise<SafetensorsFile> {
    let handle: FileHandle;
    try {
      handle = await open(file, 'r');
    } catch (error) {
      throw fileError('read', file, error);
    }
    try {
      const { size } = await handle.stat();
      const prefix = new Uint8Array(8);
      if (size < 10) throw bad(file, 'expected a .safetensors file, got a file of a few bytes');
      await readExactly(handle, prefix, 0, file);
      const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
      if (length < 2 || length > maxHeaderBytes || 8 + length > size) {
        throw bad(
          file,
          `expected a header within the file and of at most 100 MB, got one of ${length} bytes`,
        );
      }
      const bytes = new Uint8Array(length);
      await readExactly(handle, bytes, 8, file);
      let header: unknown;
      try {
        header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
      } catch {
        throw bad(file, 'expected a header in JSON, got something else');
      }
      if (!isObject(header)) throw bad(file, 'expected a JSON object as header');
      const dataStart = 8 + length;
      const entries = new Map<string, SafetensorsEntry>();
      let metadata: Record<string, string> = {};
      for (const [name, value] of Object.entries(header)) {
        if (name === '__metadata__') {
          if (!isObject(value)) throw bad(file, 'expected __metadata__ to be an object');
          metadata = Object.fromEntries(
            Object.entries(value).map(([key, text]) => [key, String(text)]),
          );
        } else {
          entries.set(name, parseEntry(file, name, value, dataStart, size - dataStart));
        }
      }
      checkLayout(file, [...entries.values()], dataStart, size);
      return new SafetensorsFile(handle, file, entries, metadata);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Reads one tensor.
   *
   * @returns A tensor over a new array. Rejects with {@link FileError} ERR_TRT_FILE for a name that the file has not got, a type that tensors have not got, and
   *   when the file cannot be read any more.
   */
  async read(name: string): Promise<Tensor> {
    const entry = this.entries.get(name);
    if (entry === undefined)
      throw bad(this.#file, `expected a tensor ${JSON.stringify(name)}, got none`);
    const { dtype, shape, type, byteOffset, byteLength } = entry;
    if (dtype === undefined) {
      throw new FileError(
        'ERR_TRT_FILE',
        `${this.#file}: tensor ${JSON.stringify(name)}: expected a type that tensors have, got ${type}`,
        'Convert it before saving, for example to float32.',
      );
    }
    const data = Buffer.from(
      new ArrayBuffer(byteSize(dtype, byteLength === 0 ? 0 : shape.reduce((a, b) => a * b, 1))),
    );
    try {
      await readExactly(this.#handle, data, byteOffset, this.#file);
    } catch (error) {
      if (error instanceof FileError) throw error;
      throw fileError('read', this.#file, error);
    }
    return new Tensor(dtype, data, shape);
  }

  /** Closes the file; tensors that were read stay. Idempotent. */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** The same as {@link SafetensorsFile.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
