// Framing: messages of a call as gRPC sends them: 5 bytes before each, possibly compressed.

import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { type InflateBudget, inflate } from '../security/inflate.js';
import { prefixBytes } from './infer-encode.js';
import { GrpcError, grpcStatus } from './status.js';

/** Encodings that this server reads and writes. @internal */
export type Encoding = 'identity' | 'gzip' | 'deflate';

/** @internal */
export const acceptedEncodings = 'identity,deflate,gzip';

const gzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gzip);
const deflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.deflate);

/** The encoding of a call's requests. @throws GrpcError UNIMPLEMENTED @internal */
export function requestEncoding(header: string | undefined): Encoding {
  if (header === undefined || header === 'identity') return 'identity';
  if (header === 'gzip' || header === 'deflate') return header;
  throw new GrpcError(
    grpcStatus.UNIMPLEMENTED,
    `grpc-encoding '${header}' is not supported; this server reads ${acceptedEncodings}`,
  );
}

function tooLarge(bytes: number | string, limit: number): GrpcError {
  return new GrpcError(
    grpcStatus.RESOURCE_EXHAUSTED,
    `Received message larger than max (${bytes} vs. ${limit})`,
  );
}

/** One message as it came. @internal */
export interface Frame {
  readonly compressed: boolean;
  readonly payload: Buffer;
}

const manyChunks = 16;
const tinyChunk = 4096;
const tailBytes = 64 * 1024;

/** Takes the bytes of a call apart into messages; keeps no more than one message's bytes and what came with them. @internal */
export class FrameReader {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #length = 0;
  /** Gathers tiny chunks of a message that came in many, so that they take no more memory than they have bytes. */
  #tail: Buffer | undefined;
  #tailLength = 0;

  /** @param limit - Bytes that a message may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether something is left that is no whole message. */
  get isPartial(): boolean {
    return this.#length > 0;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    if (this.#chunks.length < manyChunks || chunk.length >= tinyChunk) {
      this.#flush();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#tail !== undefined && this.#tailLength + chunk.length > this.#tail.length) {
      this.#flush();
    }
    this.#tail ??= Buffer.allocUnsafeSlow(tailBytes);
    this.#tail.set(chunk, this.#tailLength);
    this.#tailLength += chunk.length;
  }

  #flush(): void {
    if (this.#tail === undefined) return;
    this.#chunks.push(this.#tail.subarray(0, this.#tailLength));
    this.#tail = undefined;
    this.#tailLength = 0;
  }

  /** The next whole message. @throws GrpcError as soon as a message says that it is too large */
  next(): Frame | undefined {
    if (this.#length < prefixBytes) return undefined;
    const first = this.#chunks[0] as Buffer;
    // What is needed of the prefix may lie in several chunks.
    const head = first.length >= prefixBytes ? first : this.#join();
    const flag = head[0] as number;
    if (flag > 1) {
      throw new GrpcError(grpcStatus.INTERNAL, `invalid compression flag ${flag} of a message`);
    }
    const size = head.readUInt32BE(1);
    if (size > this.#limit) throw tooLarge(size, this.#limit);
    const whole = prefixBytes + size;
    if (this.#length < whole) return undefined;
    const all = head.length >= whole ? head : this.#join();
    if (all.length === whole) this.#chunks.shift();
    else this.#chunks[0] = all.subarray(whole);
    this.#length -= whole;
    return { compressed: flag === 1, payload: all.subarray(prefixBytes, whole) };
  }

  #join(): Buffer {
    this.#flush();
    const joined = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = [joined as Buffer];
    return joined as Buffer;
  }
}

/** What was compressed. Rejects with a GrpcError where it is more than `limit` bytes, more than the budget has left, or broken. @internal */
export async function decompress(
  payload: Buffer,
  encoding: Encoding,
  limit: number,
  budget: InflateBudget,
): Promise<Buffer> {
  if (encoding === 'identity') {
    throw new GrpcError(
      grpcStatus.INTERNAL,
      'a message is flagged as compressed, but the call has no grpc-encoding',
    );
  }
  const inflated = await inflate(payload, encoding, limit, budget).catch(() => {
    throw new GrpcError(grpcStatus.INTERNAL, `a message is not ${encoding}`);
  });
  if (inflated === 'too large') throw tooLarge(`more than ${limit}`, limit);
  if (inflated !== 'no room') return inflated;
  throw new GrpcError(
    grpcStatus.UNAVAILABLE,
    `the decompressed messages in the server have ${budget.total} bytes together, and there is no room for another`,
  );
}

/** How hard responses of inference are compressed: tritonserver's --grpc-infer-response-compression-level. */
export type CompressionLevel = 'none' | 'low' | 'medium' | 'high';

const levels: Readonly<Record<Exclude<CompressionLevel, 'none'>, number>> = {
  low: 1,
  medium: 6,
  high: 9,
};

/** The encoding for responses: one that the client reads. @internal */
export function responseEncoding(level: CompressionLevel, accepted: string | undefined): Encoding {
  if (level === 'none' || accepted === undefined) return 'identity';
  const names = accepted.split(',').map((name) => name.trim());
  if (names.includes('gzip')) return 'gzip';
  return names.includes('deflate') ? 'deflate' : 'identity';
}

/** A message with its prefix, compressed. @internal */
export async function compress(
  message: readonly Uint8Array[],
  encoding: Exclude<Encoding, 'identity'>,
  level: CompressionLevel,
): Promise<Uint8Array[]> {
  const payload = Buffer.concat(message).subarray(prefixBytes);
  const options = { level: level === 'none' ? levels.low : levels[level] };
  const packed =
    encoding === 'gzip' ? await gzip(payload, options) : await deflate(payload, options);
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = 1;
  prefix.writeUInt32BE(packed.length, 1);
  return [prefix, packed];
}

/** A message without compression. @internal */
export function frame(payload: Uint8Array): Uint8Array[] {
  const message = Buffer.allocUnsafe(prefixBytes + payload.length);
  message[0] = 0;
  message.writeUInt32BE(payload.length, 1);
  message.set(payload, prefixBytes);
  return [message];
}
