// Failures that no argument causes: memory, device, TensorRT and the machine; each with its exact code and what to do.

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Runtime, Session, Tensor } from 'trt-node';
import { ramp } from '../helpers/known-answers.js';
import { expectError } from '../helpers/expect-error.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';

const x = ramp(8 * 64);

describe('failures while running', () => {
  test('out of device memory says how many bytes were asked for', async () => {
    using runtime = new Runtime(reference);
    injectFaults('alloc@1');
    const error = await expectError(
      () => runtime.createDeviceBuffer(123_456),
      'ERR_TRT_OUT_OF_MEMORY',
      '123456',
    );
    expect(error.requestedBytes).toBe(123_456);
    expect(error.cudaErrorName).toBe('CUDA_ERROR_OUT_OF_MEMORY');
    expect(error.call).toMatch(/^cuMemAlloc/);
    runtime.createDeviceBuffer(123_456).close();
  });

  test('out of pinned memory', async () => {
    using runtime = new Runtime(reference);
    injectFaults('pinned@1');
    const error = await expectError(
      () => runtime.createPinnedBuffer(4096),
      'ERR_TRT_OUT_OF_MEMORY',
      '4096',
    );
    expect(error.requestedBytes).toBe(4096);
  });

  test('out of memory during a run: that run fails, the next one does not', async () => {
    const session = await referenceSession('slow');
    const n = 1024;
    const big = new Tensor('float32', new Float32Array(n * n), [n, n]);
    injectFaults('alloc@1');
    const error = await expectError(() => session.run({ x: big }), 'ERR_TRT_OUT_OF_MEMORY');
    expect(error.requestedBytes).toBeGreaterThanOrEqual(n * n * 4);
    const small = new Tensor('float32', new Float32Array(64 * 64), [64, 64]);
    expect((await session.run({ x: small })).y!.shape).toEqual([64, 64]);
    expect(session.stats()).toMatchObject({ failed: 1, completed: 1 });
  });

  test('a refused enqueue: TensorRT’s words are on the error, the slot works on', async () => {
    const session = await referenceSession('mlp', { cudaGraph: 'off' });
    injectFaults('enqueue@2');
    const runs = [1, 2, 3].map(() => session.run({ x }));
    const [first, second, third] = await Promise.allSettled(runs);
    expect(first?.status).toBe('fulfilled');
    expect(third?.status).toBe('fulfilled');
    const error = await expectError(() => runs[1], 'ERR_TRT_EXECUTION');
    expect(second?.status).toBe('rejected');
    expect(error.log.join('\n')).toMatch(/\[E\]/);
    injectFaults('enqueue@1');
    await expectError(() => session.runSync({ x }), 'ERR_TRT_EXECUTION');
    expect(session.runSync({ x }).y!.shape).toEqual([8, 32]);
  });

  test('a failing allocation for an output whose size depends on the data', async () => {
    const session = await referenceSession('nonzero');
    const feeds = { x: Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3) };
    await session.run(feeds);
    const error = await expectError(async () => {
      using runtime = new Runtime(reference);
      using engine = runtime.deserializeEngine(await referencePlan('nonzero'));
      const context = engine.createExecutionContext();
      const stream = runtime.createStream();
      const buffer = runtime.createDeviceBuffer(32);
      context.setTensorAddress('x', buffer);
      context.setInputShape('x', [1, 8]);
      context.setOutputAllocator(
        'y',
        runtime.createOutputAllocator(() => null),
      );
      context.enqueue(stream);
      await stream.synchronize();
    }, 'ERR_TRT_OUTPUT_ALLOCATOR');
    expect(error.name).toBe('ExecutionError');
    expect((await session.run(feeds)).y!.shape).toEqual([2, 3]);
  });

  test('a lost device: every run fails with it, and closing still works', async () => {
    const session = await referenceSession('mlp');
    await session.run({ x });
    injectFaults('sticky=700');
    const error = await expectError(() => session.run({ x }), 'ERR_TRT_DEVICE_LOST', /restart/i);
    expect(error.cudaErrorName).toBe('CUDA_ERROR_ILLEGAL_ADDRESS');
    expect(error.name).toBe('DeviceLostError');
    await expectError(() => session.run({ x }), 'ERR_TRT_DEVICE_LOST');
    await session.close();
  });

  test('a kernel that fails: the run that suffered it says so', async () => {
    const session = await referenceSession('mlp');
    await session.run({ x });
    injectFaults('launch=719@1');
    const error = await expectError(() => session.run({ x }), 'ERR_TRT_DEVICE_LOST');
    expect(error.cudaErrorName).toBe('CUDA_ERROR_LAUNCH_FAILED');
  });

  test('many waiting runs fail one by one when the device is lost', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=20');
    const runs = Array.from({ length: 5000 }, () => session.run({ x }));
    injectFaults('lost');
    const results = await Promise.allSettled(runs);
    const rejected = results.filter((result) => result.status === 'rejected');
    expect(rejected.length).toBeGreaterThanOrEqual(4999);
    for (const { reason } of rejected) {
      expect((reason as { code: string }).code).toBe('ERR_TRT_DEVICE_LOST');
    }
  });
});

describe('what the machine lacks', () => {
  const plan = 'test/fixtures/plans/mlp.plan';

  test('a library that does not exist', async () => {
    await expectError(
      () => Session.load(plan, { runtime: 'tensorrt', library: '/no/such/libnvinfer.so.10' }),
      'ERR_TRT_LIBRARY_NOT_FOUND',
      '/no/such/libnvinfer.so.10',
    );
  });

  test("with 'auto' the error names the reference runtime as the way to try things out", async () => {
    const error = await expectError(
      () => new Runtime({ library: '/no/such/libnvinfer.so.10' }),
      'ERR_TRT_LIBRARY_NOT_FOUND',
      "runtime: 'reference'",
      'onnxruntime-node',
    );
    expect(error.name).toBe('LoadError');
  });

  test('a file that is no library, and a library that is not TensorRT', async () => {
    await expectError(
      () => new Runtime({ runtime: 'tensorrt', library: path.resolve('package.json') }),
      'ERR_TRT_LIBRARY_INVALID',
      'package.json',
    );
    await expectError(
      () => new Runtime({ runtime: 'tensorrt', library: 'libm.so.6' }),
      'ERR_TRT_LIBRARY_INVALID',
      'libm.so.6',
    );
  });
});
