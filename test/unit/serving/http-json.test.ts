// JSON texts of requests: integers beyond 2^53 are exact wherever they stand, and long texts may not nest without end.

import { describe, expect, test } from 'vitest';
import { parseJson } from '../../../lib/serving/http/json-parser.js';

const parse = (text: string): unknown => parseJson(Buffer.from(text));

describe('numbers', () => {
  test.each([
    ['9007199254740993', 9007199254740993n],
    ['[1.5, -9007199254740993]', [1.5, -9007199254740993n]],
    ['{"a":[{"b":[0,[18446744073709551615]]}]}', { a: [{ b: [0, [18446744073709551615n]] }] }],
    ['[12345678901234567890, 9007199254740991]', [12345678901234567890n, 9007199254740991]],
  ])('%s is exact', (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  test.each([
    ['9007199254740991', 9007199254740991],
    [
      '[1e300, -1e16, 0.1234567890123456, 12345678901234567.5]',
      [1e300, -1e16, 0.1234567890123456, 12345678901234568],
    ],
    ['[-3.4028234663852886e+38, 1e20]', [-3.4028234663852886e38, 1e20]],
    ['{"id":"12345678901234567890"}', { id: '12345678901234567890' }],
    ['["12345678901234567890\\u00e9 é", 1]', ['12345678901234567890é é', 1]],
  ])('%s is as JSON.parse reads it', (text, value) => {
    expect(parse(text)).toEqual(value);
  });
});

describe('nesting', () => {
  const nested = (depth: number, more: string): string =>
    `{"a":${'['.repeat(depth)}1${']'.repeat(depth)},"b":[${more}]}`;

  test.each([
    ['short', '1'],
    ['long', `${'1,'.repeat(40_000)}1`],
  ])('%s texts nest up to 100 deep', (_name, more) => {
    expect(parse(nested(99, more))).toHaveProperty('b');
    expect(() => parse(nested(100, more))).toThrow(/Nested too deeply/);
    expect(() => parse('['.repeat(30_000) + ']'.repeat(30_000))).toThrow(/Nested too deeply/);
  });

  test('many values beside each other, and brackets in strings, are no nesting', () => {
    expect(parse(`[${'[1],'.repeat(30_000)}[1]]`)).toHaveLength(30_001);
    expect(parse(`["${'[{'.repeat(50_000)}"]`)).toHaveLength(1);
  });
});

test('bytes that are no UTF-8 are refused, the replacement character itself is not', () => {
  expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/Invalid encoding/);
  expect(parse('"\ufffd"')).toBe('\ufffd');
});
