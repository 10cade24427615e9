// The safetensors reader: every type, reading one by one, and files that lie about themselves.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { SafetensorsFile } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { float32Safetensors, safetensorsBytes } from '../helpers/safetensors.js';
import { tempFolder } from '../helpers/temp.js';

async function file(bytes: Uint8Array): Promise<string> {
  const name = path.join(tempFolder(), 'model.safetensors');
  await writeFile(name, bytes);
  return name;
}

test('tensors are described, and read one by one', async () => {
  const name = await file(
    float32Safetensors({
      'layer.0/weight': { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
      scalar: { shape: [], data: Float32Array.of(7) },
      empty: { shape: [0, 4], data: new Float32Array() },
    }),
  );
  await using opened = await SafetensorsFile.open(name);
  expect([...opened.entries.keys()]).toEqual(['layer.0/weight', 'scalar', 'empty']);
  expect(opened.metadata).toEqual({ format: 'test' });
  expect(opened.entries.get('layer.0/weight')).toMatchObject({
    type: 'F32',
    dtype: 'float32',
    shape: [2, 3],
    byteLength: 24,
  });
  const tensor = await opened.read('layer.0/weight');
  expect(tensor.shape).toEqual([2, 3]);
  expect(tensor.data).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  expect((await opened.read('scalar')).data).toEqual(Float32Array.of(7));
  expect((await opened.read('empty')).size).toBe(0);
  await expectError(() => opened.read('other'), 'ERR_TRT_FILE', '"other"');
});

test.each([
  ['F64', 8, 'float64'],
  ['F16', 2, 'float16'],
  ['BF16', 2, 'bfloat16'],
  ['I64', 8, 'int64'],
  ['I32', 4, 'int32'],
  ['I8', 1, 'int8'],
  ['U8', 1, 'uint8'],
  ['BOOL', 1, 'bool'],
  ['F8_E4M3', 1, 'fp8'],
])('%s', async (dtype, size, expected) => {
  const header = { a: { dtype, shape: [2], data_offsets: [0, 2 * size] } };
  await using opened = await SafetensorsFile.open(
    await file(safetensorsBytes(header, new Uint8Array(2 * size).fill(1))),
  );
  const tensor = await opened.read('a');
  expect(tensor.dtype).toBe(expected);
  expect(tensor.byteLength).toBe(2 * size);
});

test('a type that tensors have not is told when it is read', async () => {
  const header = { a: { dtype: 'I16', shape: [1], data_offsets: [0, 2] } };
  await using opened = await SafetensorsFile.open(
    await file(safetensorsBytes(header, new Uint8Array(2))),
  );
  expect(opened.entries.get('a')).toMatchObject({ type: 'I16', dtype: undefined });
  await expectError(() => opened.read('a'), 'ERR_TRT_FILE', 'I16');
});

describe('files that are wrong', () => {
  const tensor = (changes: object): object => ({
    a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...changes },
  });
  const eight = new Uint8Array(8);
  test.each<[string, Uint8Array, string]>([
    ['empty', new Uint8Array(), 'a few bytes'],
    ['no JSON', safetensorsBytes('not JSON at all', eight), 'JSON'],
    ['an array', safetensorsBytes([1, 2, 3], eight), 'JSON object'],
    ['no UTF-8', safetensorsBytes('', Buffer.from([0xff, 0xfe, 0xff])), 'header'],
    [
      'a header beyond the end',
      Buffer.concat([Buffer.from([200, 0, 0, 0, 0, 0, 0, 0]), eight]),
      'header',
    ],
    [
      'a header of 2^63 bytes',
      Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x80]), eight]),
      'header',
    ],
    [
      'offsets beyond the end',
      safetensorsBytes(tensor({ data_offsets: [4, 12] }), eight),
      'data_offsets',
    ],
    [
      'negative offsets',
      safetensorsBytes(tensor({ data_offsets: [-8, 0] }), eight),
      'data_offsets',
    ],
    [
      'offsets that are none',
      safetensorsBytes(tensor({ data_offsets: ['0', '8'] }), eight),
      'data_offsets',
    ],
    [
      'offsets in disorder',
      safetensorsBytes(tensor({ data_offsets: [8, 0] }), eight),
      'data_offsets',
    ],
    [
      'another size than the shape',
      safetensorsBytes(tensor({ shape: [3] }), eight),
      'expected 12 bytes',
    ],
    ['an unknown type', safetensorsBytes(tensor({ dtype: 'F31' }), eight), 'F31'],
    ['a type from Object', safetensorsBytes(tensor({ dtype: 'toString' }), eight), 'toString'],
    ['negative dimensions', safetensorsBytes(tensor({ shape: [-2] }), eight), 'shape'],
    ['huge dimensions', safetensorsBytes(tensor({ shape: [2 ** 31, 2 ** 31, 0] }), eight), 'shape'],
    ['too many dimensions', safetensorsBytes(tensor({ shape: Array(9).fill(1) }), eight), 'shape'],
    ['more bytes than tensors', safetensorsBytes(tensor({}), new Uint8Array(9)), 'in all'],
    ['an entry that is none', safetensorsBytes({ a: 1 }, eight), 'dtype'],
    [
      'tensors that overlap',
      safetensorsBytes(
        {
          a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
          b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
        },
        eight,
      ),
      'overlaps',
    ],
    [
      'a gap',
      safetensorsBytes({ b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, eight),
      'gap',
    ],
  ])('%s', async (_, bytes, message) => {
    const name = await file(bytes);
    await expectError(() => SafetensorsFile.open(name), 'ERR_TRT_FILE', message, name);
  });

  test('not there', async () => {
    await expectError(
      () => SafetensorsFile.open('/nowhere/x.safetensors'),
      'ERR_TRT_FILE',
      'ENOENT',
    );
  });
});
