// A reader of the tagged values that an engine in a plan consists of, read off plans of TensorRT 8.6.1 and 10.6.0 (docs/preflight.md).
// A value is a tag (u16 type, u16 1) and its bytes. A structure ends with the complement of its type; a list is the bare type 0x8001, the tag of its elements, a
// u64 count, and the elements without tags. Whatever differs from what is expected ends the reading: nothing is guessed.

const list = 0x8001;
const text = 0x8018;
const character = 0x800c;

/** Size of a value by its type. */
const sizes: Readonly<Record<number, number>> = {
  0x8002: 1,
  0x8003: 1,
  0x8006: 4,
  0x8007: 4,
  0x8008: 8,
  0x8009: 8,
  0x800a: 1,
};

/** Thrown where the bytes are not what was expected. */
export class TagError extends Error {}

/** Reads tagged values in order. Every method throws {@link TagError} where something else stands. */
export class TagReader {
  readonly #view: DataView;
  #position: number;

  constructor(bytes: Uint8Array, position: number, end: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, Math.min(end, bytes.byteLength));
    this.#position = position;
  }

  /** A byte. */
  byte(): number {
    return this.#scalar([0x8002]);
  }

  /** A truth value. */
  bool(): boolean {
    const value = this.#scalar([0x800a]);
    if (value > 1) throw new TagError('no truth value');
    return value === 1;
  }

  /** An integer of 32 bits. */
  int32(): number {
    return this.#scalar([0x8006, 0x8007]);
  }

  /** An integer of 64 bits that is a size. */
  size(): number {
    return this.#scalar([0x8008, 0x8009]);
  }

  /** The beginning of a structure: of this type, or of any. @returns Its type */
  open(type?: number): number {
    const found = this.#u16();
    const isStructure = found >= 0x8010 && found !== text && sizes[found] === undefined;
    if (!isStructure || (type !== undefined && type !== found) || this.#u16() !== 1) {
      throw new TagError('no beginning of a structure');
    }
    return found;
  }

  /** The end of a structure. */
  close(type: number): void {
    if (this.#u16() !== (type ^ 0xffff)) throw new TagError('no end of the structure');
  }

  /** Passes over plain values to the end of a structure. */
  closeAfterScalars(type: number): void {
    for (;;) {
      this.#need(2);
      if (this.#view.getUint16(this.#position, true) === (type ^ 0xffff)) break;
      this.#scalar(Object.keys(sizes).map(Number));
    }
    this.close(type);
  }

  /** Bytes whose number stands before them; passed over. */
  block(): void {
    this.#skip(this.size());
  }

  /** Text; passed over. */
  text(): void {
    if (this.#u16() !== text || this.#u16() !== 1) throw new TagError('no text');
    const length = this.#u64();
    this.#expectList(character);
    if (this.#u64() !== length) throw new TagError('text of two lengths');
    this.#skip(length);
  }

  /** A list of sizes. */
  sizes(): number[] {
    this.#expectList(0x8008);
    const count = this.#count(8);
    return Array.from({ length: count }, () => this.#u64());
  }

  /** A list of lists of sizes. */
  listsOfSizes(): number[][] {
    this.#expectList(list);
    const count = this.#count(14);
    return Array.from({ length: count }, () => this.sizes());
  }

  #expectList(elements: number): void {
    if (this.#u16() !== list || this.#u16() !== elements || this.#u16() !== 1) {
      throw new TagError('no such list');
    }
  }

  /** A count of elements of at least so many bytes, which must be there. */
  #count(elementBytes: number): number {
    const count = this.#u64();
    this.#need(count * elementBytes);
    return count;
  }

  #scalar(types: readonly number[]): number {
    const type = this.#u16();
    const bytes = sizes[type];
    if (bytes === undefined || !types.includes(type) || this.#u16() !== 1) {
      throw new TagError('no such value');
    }
    if (bytes === 8) return this.#u64();
    this.#need(bytes);
    const at = this.#position;
    this.#position += bytes;
    return bytes === 1 ? this.#view.getUint8(at) : this.#view.getInt32(at, true);
  }

  #u16(): number {
    this.#need(2);
    this.#position += 2;
    return this.#view.getUint16(this.#position - 2, true);
  }

  #u64(): number {
    this.#need(8);
    const value = Number(this.#view.getBigUint64(this.#position, true));
    this.#position += 8;
    if (!Number.isSafeInteger(value)) throw new TagError('no size');
    return value;
  }

  #skip(bytes: number): void {
    this.#need(bytes);
    this.#position += bytes;
  }

  #need(bytes: number): void {
    if (this.#position + bytes > this.#view.byteLength) throw new TagError('the bytes end');
  }
}
