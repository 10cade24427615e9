// SystemRegion: a part of a POSIX shared memory object, which a client has made and named.

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { ServingError } from '../../errors.js';

/** Where Linux keeps POSIX shared memory objects. @internal */
export const sharedMemoryFolder = '/dev/shm';

/** Names that Triton keeps for its Python backend. */
const reservedPrefix = 'triton_python_backend_shm_region_';

function invalid(reason: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_REQUEST', reason, hint);
}

/** The name in /dev/shm of a key as shm_open takes it: one leading slash, or none, and no other. */
function fileNameOf(region: string, key: string): string {
  const name = key.startsWith('/') ? key.slice(1) : key;
  const isName = /^[^/\0]{1,254}$/.test(name) && name !== '.' && name !== '..';
  if (isName && !name.startsWith(reservedPrefix)) return name;
  throw invalid(
    `cannot register shared memory region '${region}' with key '${key}' as the key contains a reserved prefix or is no name`,
    'Give the key that shm_open was called with: one name, with or without a slash before it.',
  );
}

/** @internal */
export class SystemRegion {
  readonly kind = 'system';
  readonly name: string;
  readonly key: string;
  readonly offset: number;
  readonly byteSize: number;
  readonly #descriptor: number;

  /** @throws ERR_TRT_REQUEST in Triton's words */
  constructor(name: string, key: string, offset: number, byteSize: number) {
    const file = `${sharedMemoryFolder}/${fileNameOf(name, key)}`;
    // O_NOFOLLOW: a link could lead anywhere. O_NONBLOCK: a pipe must not hold up the server.
    const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    try {
      this.#descriptor = openSync(file, flags);
    } catch {
      throw invalid(
        `Unable to open shared memory region: '${key}'`,
        'Make the region first (shm_open, tritonclient.utils.shared_memory), by the same user on the same machine.',
      );
    }
    this.name = name;
    this.key = key;
    this.offset = offset;
    this.byteSize = byteSize;
    const stat = fstatSync(this.#descriptor);
    if (stat.isFile() && byteSize > 0 && offset + byteSize <= stat.size) return;
    closeSync(this.#descriptor);
    throw invalid(
      `failed to register shared memory region '${name}': invalid args`,
      stat.isFile()
        ? `The object '${key}' has ${stat.size} bytes; ${offset} + ${byteSize} must not exceed that.`
        : `'${key}' is no shared memory object.`,
    );
  }

  /** A copy of `byteSize` bytes from `offset` on, which is in the region. */
  read(offset: number, byteSize: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(byteSize);
    for (let done = 0; done < byteSize;) {
      const position = this.offset + offset + done;
      const count = readSync(this.#descriptor, bytes, done, byteSize - done, position);
      if (count === 0) throw this.#shrunk();
      done += count;
    }
    return bytes;
  }

  /** Writes from `offset` on; it fits into the region. */
  write(offset: number, bytes: Uint8Array): void {
    const start = this.offset + offset;
    // Writing past the end would make the object longer.
    if (start + bytes.length > fstatSync(this.#descriptor).size) throw this.#shrunk();
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#descriptor, bytes, done, bytes.length - done, start + done);
    }
  }

  #shrunk(): ServingError {
    return invalid(
      `Invalid offset + byte size for shared memory region: '${this.name}'`,
      `The object '${this.key}' was made shorter after it was registered: unregister it, and register it anew.`,
    );
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
