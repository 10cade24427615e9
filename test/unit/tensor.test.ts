// Tensor and the element types: what is taken, what is refused, and with which words.

import { describe, expect, test } from 'vitest';
import { type DType, Tensor, byteSize, dtypes, isDType } from 'trt-node';
import { dtypeTable } from '../../lib/dtype.js';
import { expectError } from '../helpers/expect-error.js';

describe('dtypes', () => {
  test('the names are those of the design', () => {
    const names = 'float32 float16 bfloat16 float64 int8 uint8 int32 int64 bool fp8 int4 fp4 e8m0';
    expect(dtypes).toEqual(names.split(' '));
    expect(isDType('float32')).toBe(true);
    expect(isDType('toString')).toBe(false);
  });

  test('sizes in bytes', () => {
    expect(byteSize('float16', 3)).toBe(6);
    expect(byteSize('int64', 3)).toBe(24);
    expect(byteSize('int4', 3)).toBe(2);
    expect(byteSize('fp4', 0)).toBe(0);
  });

  test('an unknown dtype is refused', async () => {
    await expectError(
      () => new Tensor('float' as DType, new Float32Array(1)),
      'ERR_TRT_INVALID_ARGUMENT',
      'expected a dtype, got "float"',
      'float32',
    );
  });
});

describe('what a tensor is made from', () => {
  test.each(dtypes)('%s from its typed array, which is kept', (dtype) => {
    const { array, bits } = dtypeTable[dtype];
    const data = new array(6);
    const tensor = new Tensor(dtype, data as never, bits === 4 ? [3, 4] : [2, 3]);
    expect(tensor.data).toBe(data);
    expect(tensor.size).toBe(bits === 4 ? 12 : 6);
    expect(tensor.byteLength).toBe(data.byteLength);
    expect(Object.isFrozen(tensor.shape)).toBe(true);
  });

  test('without a shape it has one dimension', () => {
    expect(new Tensor('float32', new Float32Array(5)).shape).toEqual([5]);
    expect(new Tensor('int4', new Uint8Array(5)).shape).toEqual([10]);
  });

  test('a scalar and an empty tensor', () => {
    expect(new Tensor('float32', [1.5], []).size).toBe(1);
    expect(new Tensor('float32', [], [0, 4]).size).toBe(0);
  });

  test('ordinary arrays are converted', () => {
    expect(new Tensor('float32', [1, 2.5]).data).toEqual(Float32Array.of(1, 2.5));
    expect(new Tensor('float16', [1, -2]).data).toEqual(Uint16Array.of(0x3c00, 0xc000));
    expect(new Tensor('bfloat16', [1, -2]).data).toEqual(Uint16Array.of(0x3f80, 0xc000));
    expect(new Tensor('int64', [1, 2n ** 62n]).data).toEqual(BigInt64Array.of(1n, 2n ** 62n));
    expect(new Tensor('bool', [true, false, 1]).data).toEqual(Uint8Array.of(1, 0, 1));
    expect(new Tensor('int8', [-128, 127n]).data).toEqual(Int8Array.of(-128, 127));
  });

  const badElements: [DType, unknown, ...string[]][] = [
    ['int8', [128], 'integers from -128 to 127', '128 at index 0'],
    ['uint8', [0, -1], 'integers from 0 to 255', '-1 at index 1'],
    ['int32', [1.5], 'integers from -2147483648 to 2147483647', '1.5 at index 0'],
    ['int64', [2 ** 53], 'int64', '9007199254740992 at index 0'],
    ['int64', [2n ** 63n], 'int64', '9223372036854775808n'],
    ['bool', [2], 'bool', '2 at index 0'],
    ['float32', ['1'], 'float32', '"1" at index 0'],
    ['float32', [1n], 'float32', '1n at index 0'],
    ['fp8', [1], 'fp8', 'Uint8Array'],
  ];
  test.each(badElements)('%s refuses %s', async (dtype, values, ...parts) => {
    await expectError(
      () => new Tensor(dtype, values as never),
      'ERR_TRT_INVALID_ARGUMENT',
      ...parts,
    );
  });

  test('a Buffer is taken as little-endian bytes of any type, aligned or not', () => {
    const bytes = Buffer.alloc(9);
    bytes.writeFloatLE(1.5, 0);
    bytes.writeFloatLE(-2, 4);
    const aligned = new Tensor('float32', Buffer.from(new Uint8Array(bytes.subarray(0, 8)).buffer));
    expect(aligned.data).toEqual(Float32Array.of(1.5, -2));
    const shifted = Buffer.from(new Uint8Array([0, ...bytes.subarray(0, 8)]).buffer).subarray(1);
    expect(new Tensor('float32', shifted).data).toEqual(Float32Array.of(1.5, -2));
    expect(new Tensor('int8', Buffer.of(255)).data).toEqual(Int8Array.of(-1));
    expect(Buffer.isBuffer(new Tensor('uint8', Buffer.of(255)).data)).toBe(false);
  });

  test('a Buffer that ends within an element is refused', async () => {
    await expectError(
      () => new Tensor('float32', Buffer.alloc(6)),
      'ERR_TRT_LENGTH_MISMATCH',
      '4 bytes each',
      'got 6 bytes',
    );
  });

  test('a Uint8ClampedArray serves as uint8', () => {
    expect(new Tensor('uint8', Uint8ClampedArray.of(1, 300)).data).toEqual(Uint8Array.of(1, 255));
  });

  test.runIf('Float16Array' in globalThis)('a Float16Array serves as float16', () => {
    const float16Array = (globalThis as unknown as { Float16Array: typeof Float32Array })
      .Float16Array;
    expect(new Tensor('float16', float16Array.of(1) as never).data).toEqual(Uint16Array.of(0x3c00));
  });

  const badArrays: [DType, unknown, ...string[]][] = [
    ['float32', new Float64Array(1), 'Float32Array', 'new Float32Array(array)'],
    ['float32', new Uint8Array(4), 'Float32Array', 'got Uint8Array(4)'],
    ['float16', new Float32Array(1), 'Uint16Array', 'float32ToFloat16()'],
    ['bfloat16', new Float32Array(1), 'Uint16Array', 'float32ToBfloat16()'],
    ['int64', new Int32Array(1), 'BigInt64Array', 'BigInt64Array.from'],
    ['int32', new DataView(new ArrayBuffer(4)), 'Int32Array', 'DataView(4)'],
    ['int32', 'abc', 'Int32Array', '"abc"'],
    ['int32', null, 'Int32Array', 'null'],
  ];
  test.each(badArrays)('%s refuses %s', async (dtype, data, ...parts) => {
    await expectError(() => new Tensor(dtype, data as never), 'ERR_TRT_DTYPE_MISMATCH', ...parts);
  });
});

describe('shapes', () => {
  const make = (shape: unknown, length = 6): Tensor =>
    new Tensor('float32', new Float32Array(length), shape as number[]);

  const badShapes: [unknown, ...string[]][] = [
    [[2, -3], '-3 at axis 1 of [2, -3]', 'not negative'],
    [[-1, 6], '-1 at axis 0', 'Give the real extent'],
    [[2.5], '2.5 at axis 0', 'Round it'],
    [[NaN, 2], 'NaN at axis 0', 'Check the computation'],
    [[Infinity], 'Infinity at axis 0', '2147483647'],
    [[2 ** 31], '2147483648 at axis 0', 'at most 2147483647'],
    [[6n], '6n at axis 0', 'Number()'],
    [['6'], '"6" at axis 0', 'as a number'],
    [[2147483647, 2147483647], 'fewer than 2^53 elements', 'no memory'],
    [[1, 1, 1, 1, 1, 1, 1, 1, 6], 'at most 8 dimensions, got 9', 'merge'],
    ['6', 'expected a shape as an array of numbers, got "6"', '[]'],
    [6, 'got 6', '[1, 3, 224, 224]'],
  ];
  test.each(badShapes)('%s is refused', async (shape, ...parts) => {
    await expectError(() => make(shape), 'ERR_TRT_INVALID_SHAPE', ...parts);
  });

  test('a wrong length is refused with both numbers', async () => {
    await expectError(
      () => make([2, 4]),
      'ERR_TRT_LENGTH_MISMATCH',
      'expected 8 array elements',
      '[2, 4]',
      'got Float32Array(6)',
    );
    await expectError(() => make([2, 2]), 'ERR_TRT_LENGTH_MISMATCH', 'expected 4', 'larger shape');
    await expectError(
      () => new Tensor('int4', new Uint8Array(3), [7]),
      'ERR_TRT_LENGTH_MISMATCH',
      'expected 4 array elements',
      'two a byte',
    );
  });

  test('later changes of the caller’s shape do not reach the tensor', () => {
    const shape = [2, 3];
    const tensor = make(shape);
    shape[0] = 9;
    expect(tensor.shape).toEqual([2, 3]);
  });
});

describe('memory that may change or vanish', () => {
  test('detached', async () => {
    const data = new Float32Array(4);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    await expectError(
      () => new Tensor('float32', data),
      'ERR_TRT_INVALID_BUFFER',
      'detached ArrayBuffer (Float32Array)',
      'transferred',
    );
  });

  test.each(['fixed', 'length-tracking'])('resizable, with a %s view', async (kind) => {
    const resizable = new (
      ArrayBuffer as unknown as new (
        bytes: number,
        options: { maxByteLength: number },
      ) => ArrayBuffer
    )(16, { maxByteLength: 32 });
    const data = kind === 'fixed' ? new Float32Array(resizable, 0, 4) : new Float32Array(resizable);
    await expectError(
      () => new Tensor('float32', data),
      'ERR_TRT_INVALID_BUFFER',
      'resizable ArrayBuffer',
      'slice()',
    );
  });

  test('shared', async () => {
    const data = new Float32Array(new SharedArrayBuffer(16));
    await expectError(
      () => new Tensor('float32', data),
      'ERR_TRT_INVALID_BUFFER',
      'SharedArrayBuffer',
      'slice()',
    );
  });

  test('an empty array of an attached buffer is fine', () => {
    expect(new Tensor('float32', new Float32Array(0), [0]).size).toBe(0);
  });
});

describe('toFloat32', () => {
  test('converts what can be converted', () => {
    const plain = new Tensor('float32', [1]);
    expect(plain.toFloat32()).toBe(plain.data);
    for (const dtype of [
      'float16',
      'bfloat16',
      'float64',
      'int8',
      'uint8',
      'int32',
      'int64',
      'bool',
    ] as const) {
      expect(new Tensor(dtype, [1, 0]).toFloat32()).toEqual(Float32Array.of(1, 0));
    }
  });

  test.each(['fp8', 'int4', 'fp4', 'e8m0'] as const)('refuses %s', async (dtype) => {
    await expectError(
      () => new Tensor(dtype, new Uint8Array(1)).toFloat32(),
      'ERR_TRT_DTYPE_MISMATCH',
      dtype,
    );
  });
});

test('reshape shares the array', async () => {
  const tensor = new Tensor('int32', [1, 2, 3, 4, 5, 6], [2, 3]);
  const other = tensor.reshape([3, 2]);
  expect(other.data).toBe(tensor.data);
  expect(other.shape).toEqual([3, 2]);
  await expectError(() => tensor.reshape([4, 2]), 'ERR_TRT_LENGTH_MISMATCH', 'expected 8');
});
