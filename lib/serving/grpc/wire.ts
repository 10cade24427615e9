// Wire: protobuf's encoding, read with every bound checked and written into one buffer.

import { GrpcError, grpcStatus } from './status.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Groups within groups that are skipped. */
const maxDepth = 64;

function malformed(what: string): GrpcError {
  return new GrpcError(grpcStatus.INTERNAL, `failed to parse the request message: ${what}`);
}

/** Reads fields one after the other; views of the buffer, no copies. @internal */
export class WireReader {
  readonly buffer: Buffer;
  position: number;
  end: number;

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
  }

  get more(): boolean {
    return this.position < this.end;
  }

  /** A field's number and wire type. */
  tag(): number {
    const tag = this.uint32();
    if (tag >>> 3 === 0) throw malformed('a field number is 0');
    return tag;
  }

  /** A varint, cut to 32 bits. */
  uint32(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed('a varint is longer than 10 bytes');
  }

  /** A varint of 64 bits. */
  bits64(): bigint {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high |= bits >> 4;
      } else if (index < 9) high |= bits << (7 * index - 32);
      else high |= bits << 31;
      if (byte < 0x80) return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    }
    throw malformed('a varint is longer than 10 bytes');
  }

  /** An int64 as a number; beyond 2^53 the nearest one. */
  int64(): number {
    const { position, buffer } = this;
    const first = buffer[position] as number;
    if (position < this.end && first < 0x80) {
      this.position++;
      return first;
    }
    return Number(BigInt.asIntN(64, this.bits64()));
  }

  bool(): boolean {
    return this.bits64() !== 0n;
  }

  double(): number {
    const start = this.#take(8);
    return this.buffer.readDoubleLE(start);
  }

  bytes(): Buffer {
    const length = this.uint32();
    const start = this.#take(length);
    return this.buffer.subarray(start, start + length);
  }

  string(): string {
    const length = this.uint32();
    const start = this.#take(length);
    const { buffer } = this;
    const stop = start + length;
    for (let index = start; index < stop; index++) {
      if ((buffer[index] as number) < 0x80) continue;
      try {
        return utf8.decode(buffer.subarray(start, stop));
      } catch {
        throw malformed('a string is not UTF-8');
      }
    }
    return buffer.toString('latin1', start, stop);
  }

  /** Enters a message of a field: reads end with it. @returns What {@link leave} needs. */
  enter(): number {
    const length = this.uint32();
    const outer = this.end;
    const start = this.#take(length);
    this.position = start;
    this.end = start + length;
    return outer;
  }

  leave(outer: number): void {
    this.position = this.end;
    this.end = outer;
  }

  /** Requires the wire type that the schema gives a field. */
  expect(tag: number, wireType: number): void {
    if ((tag & 7) !== wireType) {
      throw malformed(`field ${tag >>> 3} has wire type ${tag & 7} instead of ${wireType}`);
    }
  }

  /** Passes over a field that the schema does not have. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case 0:
        this.bits64();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.#take(this.uint32());
        return;
      case 3:
        this.#skipGroup(tag >>> 3, depth);
        return;
      case 5:
        this.#take(4);
        return;
      default:
        throw malformed(`field ${tag >>> 3} has the unknown wire type ${tag & 7}`);
    }
  }

  #skipGroup(field: number, depth: number): void {
    if (depth === maxDepth) throw malformed('groups are nested too deeply');
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) === 4) {
        if (tag >>> 3 !== field) throw malformed('a group ends that did not begin');
        return;
      }
      this.skip(tag, depth + 1);
    }
  }

  #byte(): number {
    if (this.position >= this.end) throw malformed('it ends within a field');
    return this.buffer[this.position++] as number;
  }

  /** Moves over `length` bytes. @returns Where they begin. */
  #take(length: number): number {
    const start = this.position;
    if (length > this.end - start) throw malformed('a length goes beyond the end');
    this.position = start + length;
    return start;
  }
}

/** Bytes of `value` (not negative, below 2^53) as a varint. @internal */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes into a buffer that is known to be large enough. @internal */
export class WireWriter {
  readonly buffer: Buffer;
  position = 0;

  constructor(length: number) {
    this.buffer = Buffer.allocUnsafe(length);
  }

  byte(value: number): void {
    this.buffer[this.position++] = value;
  }

  /** Not negative, below 2^53. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.position++] = rest;
  }

  /** All 64 bits, two's complement where negative. */
  bits64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.buffer[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.position++] = Number(rest);
  }

  double(value: number): void {
    this.position = this.buffer.writeDoubleLE(value, this.position);
  }

  /** A length-delimited field's content, of `length` bytes in UTF-8. */
  string(text: string, length: number): void {
    this.varint(length);
    if (length === text.length && length < 32) {
      for (let index = 0; index < length; index++) {
        this.buffer[this.position++] = text.charCodeAt(index);
      }
      return;
    }
    this.position += this.buffer.write(text, this.position, 'utf8');
  }

  raw(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }
}

/** Bytes of a 64-bit value as a varint. @internal */
export function bits64Size(value: bigint): number {
  let size = 1;
  for (let rest = BigInt.asUintN(64, value); rest >= 0x80n; rest >>= 7n) size++;
  return size;
}
