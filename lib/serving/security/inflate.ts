// Inflate: decompression of what clients send: each body up to a limit, and all that a door holds at a time up to another.

import { createGunzip, createInflate } from 'node:zlib';

/** Bytes of decompressed bodies that a door holds at a time, of all clients together. @internal */
export class InflateBudget {
  readonly total: number;
  #left: number;

  constructor(total: number) {
    this.total = total;
    this.#left = total;
  }

  /** Takes `bytes`, until they are given back; false: there is no room for them. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

const chunkSize = 64 * 1024;

/**
 * Inflates a body to at most `most` bytes, which are the budget's as they come; who gets the body gives its length back.
 *
 * @returns Why not, where it is too large or there is no room; rejects with zlib's error for what is not in this encoding
 * @internal
 */
export function inflate(
  body: Buffer,
  encoding: 'gzip' | 'deflate',
  most: number,
  budget: InflateBudget,
): Promise<Buffer | 'too large' | 'no room'> {
  return new Promise((resolve, reject) => {
    const stream = (encoding === 'gzip' ? createGunzip : createInflate)({ chunkSize });
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (): void => {
      budget.giveBack(size);
      size = 0;
      chunks.length = 0;
      stream.destroy();
    };
    stream.on('data', (chunk: Buffer) => {
      const why = size + chunk.length > most ? 'too large' : 'no room';
      if (why === 'no room' && budget.take(chunk.length)) {
        size += chunk.length;
        chunks.push(chunk);
        return;
      }
      stop();
      resolve(why);
    });
    stream.on('end', () => {
      resolve(Buffer.concat(chunks, size));
    });
    stream.on('error', (error) => {
      stop();
      reject(error);
    });
    stream.end(body);
  });
}
