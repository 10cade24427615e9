// A reader of protobuf's wire format: fields one by one, nothing copied, nothing read beyond the end.

/** Thrown for bytes that are no protobuf message; the position is from the start of the outermost message. */
export class WireError extends Error {
  constructor(message: string, position: number) {
    super(`${message} at byte ${position}`);
    this.name = 'WireError';
  }
}

/** Fields of one message. `next()` moves to a field; then one of the value readers, or `skip()`, must follow. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #position: number;
  /** Number of the current field. */
  field = 0;
  #type = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#position >= this.#end) return false;
    const tag = this.#varint();
    this.field = Number(tag >> 3n);
    this.#type = Number(tag & 7n);
    if (this.field < 1 || this.field > 0x1fffffff) throw this.#error('no field number');
    return true;
  }

  /** The current field is a number of variable length; signed, 64 bits. */
  int(): number {
    if (this.#type !== 0) throw this.#error(`expected a number, got wire type ${this.#type}`);
    return Number(BigInt.asIntN(64, this.#varint()));
  }

  /** The current field is a list of numbers, packed or one of many; at most the first `most` are returned. */
  ints(most: number): number[] {
    if (this.#type !== 2) return [this.int()];
    const [start, end] = this.#range();
    const inner = new WireReader(this.#bytes, start, end);
    const values: number[] = [];
    while (inner.#position < end && values.length < most)
      values.push(Number(BigInt.asIntN(64, inner.#varint())));
    return values;
  }

  /** The current field is a number of 32 bits with a fraction. */
  float(): number {
    if (this.#type !== 5) throw this.#error(`expected a float, got wire type ${this.#type}`);
    const start = this.#position;
    this.#advance(4);
    return this.#floatAt(start);
  }

  /** The current field is a list of such numbers, packed or one of many; at most the first `most` are returned. */
  floats(most: number): number[] {
    if (this.#type !== 2) return [this.float()];
    const [start, end] = this.#range();
    const count = Math.min(most, Math.floor((end - start) / 4));
    return Array.from({ length: count }, (_, index) => this.#floatAt(start + index * 4));
  }

  #floatAt(position: number): number {
    const { buffer, byteOffset } = this.#bytes;
    return new DataView(buffer, byteOffset + position, 4).getFloat32(0, true);
  }

  /** The current field is text. */
  string(): string {
    return this.bytes().toString();
  }

  /** The bytes of the current field, not copied. */
  bytes(): Buffer {
    const [start, end] = this.#range();
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, end - start);
  }

  /** The current field is a message. */
  message(): WireReader {
    const [start, end] = this.#range();
    return new WireReader(this.#bytes, start, end);
  }

  /** Bytes of the current field, which is skipped. */
  length(): number {
    const [start, end] = this.#range();
    return end - start;
  }

  /** Passes over the current field. */
  skip(): void {
    switch (this.#type) {
      case 0:
        this.#varint();
        break;
      case 1:
        this.#advance(8);
        break;
      case 2:
        this.#range();
        break;
      case 5:
        this.#advance(4);
        break;
      default:
        throw this.#error(`unknown wire type ${this.#type}`);
    }
  }

  #varint(): bigint {
    let low = 0;
    let shift = 0;
    // Numbers below 2^28, nearly all, without BigInt arithmetic.
    for (; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (; shift < 70; shift += 7) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw this.#error('a number of more than 10 bytes');
  }

  #byte(): number {
    if (this.#position >= this.#end) throw this.#error('the message ends within a field');
    return this.#bytes[this.#position++] ?? 0;
  }

  #range(): [start: number, end: number] {
    if (this.#type !== 2) {
      throw this.#error(`expected text or a message, got wire type ${this.#type}`);
    }
    const length = Number(this.#varint());
    const start = this.#position;
    this.#advance(length);
    return [start, this.#position];
  }

  #advance(count: number): void {
    if (count > this.#end - this.#position) throw this.#error('the message ends within a field');
    this.#position += count;
  }

  #error(message: string): WireError {
    return new WireError(message, this.#position);
  }
}
