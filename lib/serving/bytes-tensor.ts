// BYTES tensors on the wire: each element is its length, 4 bytes little-endian, and its bytes.

import { ServingError } from '../errors.js';

const hint = 'Send each element as its length (4 bytes, little-endian) followed by its bytes.';

/**
 * The elements of a serialized BYTES tensor, as views of `bytes`.
 *
 * @param count - Elements that the shape says.
 * @throws ERR_TRT_REQUEST in Triton's words @internal
 */
export function decodeBytesTensor(
  bytes: Uint8Array,
  count: number,
  input: string,
  model: string,
): Uint8Array[] {
  const where = `inference input '${input}' for model '${model}'`;
  // Every element takes 4 bytes at least: nothing is allocated for a count that cannot be.
  if (count * 4 > bytes.length) throw miscounted(Math.floor(bytes.length / 4), count, where);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (elements.length === count) throw miscounted(count + 1, count, where);
    const left = bytes.length - offset;
    if (left < 4) {
      throw new ServingError(
        'ERR_TRT_REQUEST',
        `incomplete string length indicator for ${where}, expecting 4 bytes but only ${left} bytes available. Please make sure the string length indicator is in one buffer.`,
        hint,
      );
    }
    const length = view.getUint32(offset, true);
    offset += 4;
    if (length > bytes.length - offset) {
      throw new ServingError(
        'ERR_TRT_REQUEST',
        `incomplete string data for ${where}, expecting string of length ${length} but only ${bytes.length - offset} bytes available`,
        hint,
      );
    }
    elements.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  if (elements.length !== count) throw miscounted(elements.length, count, where);
  return elements;
}

function miscounted(got: number, expected: number, where: string): ServingError {
  return new ServingError(
    'ERR_TRT_REQUEST',
    `unexpected number of string elements ${got} for ${where}, expecting ${expected}`,
    'Send as many elements as the shape says.',
  );
}

/** Bytes that {@link encodeBytesTensor} gives. @internal */
export function bytesTensorSize(elements: readonly Uint8Array[]): number {
  let size = 0;
  for (const element of elements) size += 4 + element.length;
  return size;
}

/** The elements serialized. @internal */
export function encodeBytesTensor(elements: readonly Uint8Array[]): Buffer {
  const buffer = Buffer.allocUnsafe(bytesTensorSize(elements));
  let offset = 0;
  for (const element of elements) {
    offset = buffer.writeUInt32LE(element.length, offset);
    buffer.set(element, offset);
    offset += element.length;
  }
  return buffer;
}
