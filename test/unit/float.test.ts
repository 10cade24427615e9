// float16 and bfloat16: every one of the 65536 patterns, and correct rounding between them.

import { describe, expect, test } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from 'trt-node';
import {
  fromBfloat16Bits,
  fromFloat16Bits,
  toBfloat16Bits,
  toFloat16Bits,
} from '../../lib/float.js';

const patterns = Uint16Array.from({ length: 65536 }, (_, index) => index);

const formats = [
  {
    name: 'float16',
    decode: fromFloat16Bits,
    encode: toFloat16Bits,
    decodeAll: float16ToFloat32,
    encodeAll: float32ToFloat16,
    infinity: 0x7c00,
  },
  {
    name: 'bfloat16',
    decode: fromBfloat16Bits,
    encode: toBfloat16Bits,
    decodeAll: bfloat16ToFloat32,
    encodeAll: float32ToBfloat16,
    infinity: 0x7f80,
  },
];

describe.each(formats)('$name', ({ decode, encode, decodeAll, encodeAll, infinity }) => {
  test('all 65536 patterns come back as they were, NaN as a NaN of the same sign', () => {
    const values = decodeAll(patterns);
    const back = encodeAll(values);
    for (const pattern of patterns) {
      const value = values[pattern]!;
      if ((pattern & 0x7fff) > infinity) {
        expect(value).toBeNaN();
        expect(back[pattern]! & 0x7fff).toBeGreaterThan(infinity);
      } else if (back[pattern] !== pattern || !Object.is(value, decode(pattern))) {
        expect.fail(`pattern ${pattern} became ${value}, then ${back[pattern]}`);
      }
    }
  });

  test('values between two neighbours go to the nearer, ties to the even one', () => {
    for (let pattern = 0; pattern + 1 < infinity; pattern++) {
      const low = decode(pattern);
      const high = decode(pattern + 1);
      const middle = (low + high) / 2;
      const even = pattern % 2 === 0 ? pattern : pattern + 1;
      const below = Math.fround(low + (high - low) * 0.49);
      const above = Math.fround(low + (high - low) * 0.51);
      // At the smallest bfloat16 patterns the middle itself is no float32.
      if (Math.fround(middle) === middle && encode(middle) !== even) {
        expect.fail(`${middle} became ${encode(middle)}, not ${even}`);
      }
      if (below < middle && encode(below) !== pattern) expect.fail(`${below} went up`);
      if (above > middle && encode(above) !== pattern + 1) expect.fail(`${above} went down`);
      if (encode(-below) !== (pattern | 0x8000)) expect.fail(`${-below} lost its sign`);
    }
  });

  test('infinities, zeros and too large values', () => {
    expect(encode(Infinity)).toBe(infinity);
    expect(encode(-Infinity)).toBe(infinity | 0x8000);
    expect(encode(3.4e38)).toBe(infinity);
    expect(encode(0)).toBe(0);
    expect(encode(-0)).toBe(0x8000);
    expect(Object.is(decode(0x8000), -0)).toBe(true);
  });
});

test('float16 at its edges', () => {
  expect(toFloat16Bits(65504)).toBe(0x7bff);
  expect(toFloat16Bits(65519.99)).toBe(0x7bff);
  expect(toFloat16Bits(65520)).toBe(0x7c00);
  expect(toFloat16Bits(2 ** -24)).toBe(1);
  expect(toFloat16Bits(2 ** -25)).toBe(0);
  expect(toFloat16Bits(2 ** -25 * 1.0001)).toBe(1);
  expect(toFloat16Bits(2 ** -14)).toBe(0x0400);
  expect(fromFloat16Bits(0x3c00)).toBe(1);
});
