// .npy files: every type there and back, other writers' variants, and garbage.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type DType,
  Tensor,
  formatNpy,
  isTensorRTError,
  parseNpy,
  readNpy,
  writeNpy,
} from 'trt-node';
import { dtypeTable } from '../../lib/dtype.js';
import { randomNumbers } from '../../lib/run/random.js';
import { expectError } from '../helpers/expect-error.js';
import { tempFolder } from '../helpers/temp.js';

/** A file as another writer may make it. */
function npy(descr: string, order: string, shape: string, data: Uint8Array, version = 1): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
  const header = Buffer.alloc(version === 1 ? 10 : 12);
  header.write('\x93NUMPY', 'latin1');
  header[6] = version;
  if (version === 1) header.writeUInt16LE(text.length, 8);
  else header.writeUInt32LE(text.length, 8);
  return Buffer.concat([header, Buffer.from(text, 'latin1'), data]);
}

describe('there and back', () => {
  const cases: [DType, number[]][] = [
    ['float32', [2, 3]],
    ['float16', [6]],
    ['bfloat16', [6]],
    ['float64', [1, 6]],
    ['int8', [6]],
    ['uint8', [3, 2, 1]],
    ['int32', [6]],
    ['int64', [2, 3]],
    ['bool', [6]],
    ['fp8', [6]],
  ];
  test.each(cases)('%s %j', (dtype, shape) => {
    const bytes = Uint8Array.from({ length: 6 * (dtypeTable[dtype].bits >> 3) }, (_, i) => i % 2);
    const data = new dtypeTable[dtype].array(bytes.buffer, 0, 6);
    const tensor = new Tensor(dtype, data as never, shape);
    const back = parseNpy(formatNpy(tensor));
    expect(back.dtype).toBe(dtype);
    expect(back.shape).toEqual(shape);
    expect(back.data).toEqual(tensor.data);
    expect(formatNpy(tensor).indexOf('\n') % 64).toBe(63);
  });

  test('a scalar and an empty array', () => {
    const scalar = parseNpy(formatNpy(new Tensor('float32', [2.5], [])));
    expect(scalar.shape).toEqual([]);
    expect(scalar.data).toEqual(Float32Array.of(2.5));
    expect(parseNpy(formatNpy(new Tensor('int64', [], [0, 7]))).shape).toEqual([0, 7]);
  });

  test.each(['int4', 'fp4', 'e8m0'] as const)('%s is written as its bytes', (dtype) => {
    const back = parseNpy(formatNpy(new Tensor(dtype, Uint8Array.of(1, 2, 3))));
    expect(back.dtype).toBe('uint8');
    expect(back.data).toEqual(Uint8Array.of(1, 2, 3));
  });
});

describe('what other writers write', () => {
  test('just the bytes that numpy 1.26 writes for np.arange(3, dtype="<i4")', () => {
    const header = "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }";
    const bytes = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00v\x00', 'latin1'),
      Buffer.from(`${header.padEnd(117)}\n`),
      Buffer.from(Int32Array.of(0, 1, 2).buffer),
    ]);
    expect(parseNpy(bytes).data).toEqual(Int32Array.of(0, 1, 2));
    expect(formatNpy(new Tensor('int32', [0, 1, 2]))).toEqual(bytes);
  });

  test.each([2, 3])('version %i', (version) => {
    const data = new Uint8Array(Float32Array.of(1, 2).buffer);
    expect(parseNpy(npy('<f4', 'False', '(2,)', data, version)).data).toEqual(
      Float32Array.of(1, 2),
    );
  });

  test('big-endian', () => {
    expect(parseNpy(npy('>i4', 'False', '(1,)', Buffer.of(0, 0, 1, 2))).data).toEqual(
      Int32Array.of(258),
    );
    expect(parseNpy(npy('>f2', 'False', '()', Buffer.of(0x3c, 0))).data).toEqual(
      Uint16Array.of(0x3c00),
    );
    const long = Buffer.alloc(8);
    long.writeBigInt64BE(-5n);
    expect(parseNpy(npy('>i8', 'False', '(1,)', long)).data).toEqual(BigInt64Array.of(-5n));
  });

  test('column-major becomes row-major', () => {
    const columns = Uint8Array.of(0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11); // of 0 … 11 as [2, 2, 3]
    const tensor = parseNpy(npy('|u1', 'True', '(2, 2, 3)', columns));
    expect(tensor.shape).toEqual([2, 2, 3]);
    expect(Array.from(tensor.data as Uint8Array)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(parseNpy(npy('|u1', 'True', '(0, 3)', Buffer.of())).shape).toEqual([0, 3]);
  });

  test('data behind the array is left alone, as numpy.save() to one file twice makes it', () => {
    expect(parseNpy(npy('|u1', 'False', '(1,)', Buffer.of(7, 8, 9))).data).toEqual(
      Uint8Array.of(7),
    );
  });

  test('the file’s memory is not kept', () => {
    const bytes = npy('|u1', 'False', '(2,)', Buffer.of(7, 8));
    const tensor = parseNpy(bytes);
    bytes.fill(0);
    expect(tensor.data).toEqual(Uint8Array.of(7, 8));
  });
});

describe('what is refused', () => {
  const two = new Uint8Array(Float32Array.of(1, 2).buffer);
  const bad: [string, Buffer, ...string[]][] = [
    ['an empty file', Buffer.alloc(0), 'begins with'],
    ['another file', Buffer.from('PK\x03\x04 a zip archive'), 'begins with'],
    ['version 9', npy('<f4', 'False', '(2,)', two, 9), 'version 1, 2 or 3, got 9'],
    ['a truncated header', npy('<f4', 'False', '(2,)', two).subarray(0, 30), 'truncated'],
    [
      'truncated data',
      npy('<f4', 'False', '(3,)', two),
      'expected 12 bytes for float32 of shape [3], got 8',
    ],
    ['a header of lies', npy('<f4', 'False', '(99999999,)', two), 'truncated'],
    ['an unknown type', npy('<u2', 'False', '(4,)', two), '"<u2"', 'astype'],
    ['complex numbers', npy('<c8', 'False', '(1,)', two), '"<c8"'],
    ['Python objects', npy('|O', 'False', '(1,)', two), '"|O"'],
    ['a type out of a prototype', npy('<constructor', 'False', '(1,)', two), '<constructor'],
    ['no order', npy('<f4', 'Maybe', '(2,)', two), 'descr, fortran_order and shape'],
    ['a negative shape', npy('<f4', 'False', '(-2,)', two), 'descr, fortran_order and shape'],
  ];
  test.each(bad)('%s', async (_what, bytes, ...parts) => {
    await expectError(() => parseNpy(bytes, 'x.npy'), 'ERR_TRT_FILE', 'x.npy', ...parts);
  });

  test('structured arrays', async () => {
    const bytes = Buffer.from(
      npy('<f4', 'False', '(2,)', two).toString('latin1').replace("'<f4'", "[('a'"),
      'latin1',
    );
    await expectError(() => parseNpy(bytes), 'ERR_TRT_FILE', 'structured');
  });

  test('too many or too large dimensions', async () => {
    const many = npy('<f4', 'False', `(${'1, '.repeat(9)})`, two);
    await expectError(() => parseNpy(many), 'ERR_TRT_INVALID_SHAPE', 'at most 8');
    const large = npy('<f4', 'False', '(99999999999,)', two);
    await expectError(() => parseNpy(large), 'ERR_TRT_INVALID_SHAPE', '99999999999');
  });
});

test('fuzz: 20000 damaged files give a tensor or an error of ours, quickly', () => {
  const random = randomNumbers(42);
  const seeds = [
    formatNpy(new Tensor('float32', [1, 2, 3, 4], [2, 2])),
    npy('>i8', 'True', '(2, 2)', Buffer.alloc(32), 2),
    npy('|b1', 'False', '()', Buffer.of(1), 3),
  ];
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(seeds[round % seeds.length]!);
    for (let change = 0; change <= random() * 4; change++) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    const cut = random() < 0.3 ? Math.floor(random() * bytes.length) : bytes.length;
    try {
      const { data, shape } = parseNpy(bytes.subarray(0, cut));
      expect(data.length).toBe(shape.reduce((product, extent) => product * extent, 1));
    } catch (error) {
      refused++;
      if (!isTensorRTError(error)) throw error;
    }
  }
  expect(refused).toBeGreaterThan(5000);
});

describe('files', () => {
  test('are written whole, and read', async () => {
    const folder = tempFolder();
    const file = path.join(folder, 'a.npy');
    const tensor = new Tensor('float32', [1, 2, 3]);
    await writeNpy(file, tensor);
    await writeNpy(file, tensor);
    expect(readdirSync(folder)).toEqual(['a.npy']);
    expect((await readNpy(file)).data).toEqual(tensor.data);
  });

  test('that cannot be read or written are named, with the error of Node.js', async () => {
    const folder = tempFolder();
    const missing = path.join(folder, 'none.npy');
    const error = await expectError(() => readNpy(missing), 'ERR_TRT_FILE', missing, 'ENOENT');
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
    const nowhere = path.join(folder, 'no', 'where.npy');
    const tensor = new Tensor('float32', [1]);
    await expectError(() => writeNpy(nowhere, tensor), 'ERR_TRT_FILE', 'cannot write', 'ENOENT');
    mkdirSync(path.join(folder, 'taken'));
    writeFileSync(path.join(folder, 'taken', 'x'), '');
    await expectError(() => writeNpy(path.join(folder, 'taken'), tensor), 'ERR_TRT_FILE');
    expect(readdirSync(folder)).toEqual(['taken']);
  });
});
