// The low level: device and pinned buffers, and tensors over them.

import { describe, expect, test } from 'vitest';
import { Runtime, Tensor } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { reference } from '../helpers/reference.js';

describe('buffers', () => {
  test('device buffers have addresses, also empty ones', () => {
    using runtime = new Runtime(reference);
    const buffer = runtime.createDeviceBuffer(100);
    expect(buffer.bytes).toBe(100);
    expect(typeof buffer.address).toBe('bigint');
    expect(buffer.address).not.toBe(0n);
    expect(runtime.createDeviceBuffer(0).bytes).toBe(0);
  });

  test.each([-1, 1.5, NaN, 2 ** 53, '5', undefined])('%s bytes are refused', async (bytes) => {
    using runtime = new Runtime(reference);
    await expectError(
      () => runtime.createDeviceBuffer(bytes as number),
      'ERR_TRT_INVALID_ARGUMENT',
      'bytes',
    );
    await expectError(
      () => runtime.createPinnedBuffer(bytes as number),
      'ERR_TRT_INVALID_ARGUMENT',
      'bytes',
    );
  });

  test('pinned memory is an ArrayBuffer until it is closed', async () => {
    using runtime = new Runtime(reference);
    const pinned = runtime.createPinnedBuffer(64, { mapped: true });
    const view = new Float32Array(pinned.arrayBuffer);
    expect(view).toHaveLength(16);
    view[3] = 1.5;
    const copy = new Float32Array(16);
    pinned.read(copy);
    expect(copy[3]).toBe(1.5);
    pinned.write(Float32Array.of(2), 4);
    expect(view[1]).toBe(2);
    expect(pinned.deviceAddress).not.toBe(0n);
    const tensor = pinned.tensor('float16', [4, 8]);
    expect(tensor).toBeInstanceOf(Tensor);
    expect(tensor.data.buffer).toBe(pinned.arrayBuffer);
    await expectError(
      () => pinned.tensor('float32', [17]),
      'ERR_TRT_LENGTH_MISMATCH',
      'at most 64 bytes, got 68',
    );
    await expectError(() => pinned.write(new Uint8Array(65)), 'ERR_TRT_INVALID_ARGUMENT');
    pinned.close();
    expect(view).toHaveLength(0);
    await expectError(() => pinned.arrayBuffer, 'ERR_TRT_CLOSED', 'PinnedBuffer');
  });

  test('device tensors', async () => {
    using runtime = new Runtime(reference);
    using tensor = runtime.createDeviceTensor('int32', [2, 2]);
    tensor.writeSync(new Tensor('int32', [1, 2, 3, 4], [2, 2]));
    expect((await tensor.read()).data).toEqual(Int32Array.of(1, 2, 3, 4));
    await expectError(
      () => tensor.writeSync(new Tensor('float32', [1, 2, 3, 4], [2, 2]) as never),
      'ERR_TRT_DTYPE_MISMATCH',
      'expected int32, got float32',
    );
    await expectError(
      () => tensor.writeSync(new Tensor('int32', [1, 2, 3, 4], [4])),
      'ERR_TRT_LENGTH_MISMATCH',
      'expected shape [2, 2]',
    );
    using empty = runtime.createDeviceTensor('float32', [0, 3]);
    expect((await empty.read()).data).toHaveLength(0);
  });
});
