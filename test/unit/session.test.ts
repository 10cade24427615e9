// Session: loading, descriptions, outputs to wherever they are wanted, profiles, slots and the queue.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DeviceTensor, Runtime, Session, Tensor } from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { expectError } from '../helpers/expect-error.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const x = ramp(8 * 64);
const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];

describe('load', () => {
  test('from a path, a file URL, a Buffer, a Uint8Array within a buffer and an ArrayBuffer', async () => {
    const bytes = await referencePlan('mlp');
    const file = path.join(tempFolder(), 'mlp.plan');
    writeFileSync(file, bytes);
    const padded = new Uint8Array(bytes.length + 8);
    padded.set(bytes, 4);
    const sources = [
      file,
      pathToFileURL(file),
      Buffer.from(bytes),
      padded.subarray(4, 4 + bytes.length),
      new Uint8Array(bytes).buffer,
    ];
    for (const source of sources) {
      await using session = await Session.load(source, reference);
      const { y } = await session.run({ x });
      assertClose(y!.data as Float32Array, firstRow, 1e-5, 'y');
    }
  });

  test('tells what was loaded', async () => {
    const session = await referenceSession('mlp', { instances: 2 });
    expect(session).toMatchObject({ runtime: 'reference', device: 0, instances: 2, closed: false });
    expect(session.version).toMatch(/^10\.\d+\.\d+/);
    expect(session.libraryPath).toMatch(/libtrtnode_reference\.so$/);
    expect(session.engine.numOptimizationProfiles).toBe(2);
    expect(session.inputs).toEqual([
      {
        name: 'x',
        dtype: 'float32',
        shape: [-1, 64],
        location: 'device',
        isShapeTensor: false,
        profiles: [
          { min: [1, 64], opt: [8, 64], max: [32, 64] },
          { min: [33, 64], opt: [64, 64], max: [256, 64] },
        ],
      },
    ]);
    expect(session.outputs).toEqual([
      expect.objectContaining({ name: 'y', dtype: 'float32', shape: [-1, 32], profiles: [] }),
    ]);
  });

  test('a shape tensor is described with its values', async () => {
    const session = await referenceSession('reshape_by_input');
    const shape = session.inputs.find((input) => input.name === 'shape');
    expect(shape).toMatchObject({
      dtype: 'int64',
      shape: [2],
      location: 'host',
      isShapeTensor: true,
    });
    expect(shape?.profiles[0]).toMatchObject({
      minValues: [1, 1],
      optValues: [4, 4],
      maxValues: [64, 64],
    });
  });

  test('the runtime may be chosen by the environment', async () => {
    process.env.TRT_NODE_RUNTIME = 'reference';
    try {
      await using session = await Session.load(await referencePlan('scalar'));
      expect(session.runtime).toBe('reference');
    } finally {
      delete process.env.TRT_NODE_RUNTIME;
    }
  });

  test('log lines arrive by severity', async () => {
    const lines: [string, string][] = [];
    const session = await referenceSession('mlp', {
      logSeverity: 'verbose',
      log: (severity, message) => lines.push([severity, message]),
    });
    await session.run({ x });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(lines.length).toBeGreaterThan(0);
    for (const [severity, message] of lines) {
      expect(['internalError', 'error', 'warning', 'info', 'verbose']).toContain(severity);
      expect(message).not.toBe('');
    }
  });
});

describe('feeds', () => {
  test('a typed array alone, where its length determines the shape', async () => {
    const session = await referenceSession('mlp');
    for (const n of [1, 5, 33, 256]) {
      const { y } = await session.run({ x: ramp(n * 64) });
      expect(y!.shape).toEqual([n, 32]);
    }
  });

  test('a tensor-like object, as another copy of the package makes it', async () => {
    const session = await referenceSession('mlp');
    const like = { dtype: 'float32', data: x, shape: [8, 64] } as unknown as Tensor;
    const { y } = await session.run({ x: like });
    assertClose(y!.data as Float32Array, firstRow, 1e-5, 'y');
  });

  test('arrays may be reused as soon as run() has returned, also by runs that wait', async () => {
    const session = await referenceSession('mlp');
    const expected = Array.from((await session.run({ x })).y!.data as Float32Array);
    injectFaults('delay=20');
    const reused = x.slice();
    const runs = [1, 2, 3].map(() => session.run({ x: new Tensor('float32', reused, [8, 64]) }));
    expect(session.stats()).toMatchObject({ running: 1, queued: 2 });
    reused.fill(9);
    for (const { y } of await Promise.all(runs))
      expect(Array.from(y!.data as Float32Array)).toEqual(expected);
  });

  test('a pinned tensor, without staging', async () => {
    const session = await referenceSession('mlp');
    using runtime = new Runtime(reference);
    const pinned = runtime.createPinnedBuffer(8 * 64 * 4);
    pinned.write(x);
    const tensor = pinned.tensor('float32', [8, 64]);
    const { y } = await session.run({ x: tensor });
    assertClose(y!.data as Float32Array, firstRow, 1e-5, 'y');
    pinned.close();
    await expectError(() => session.run({ x: tensor }), 'ERR_TRT_INVALID_BUFFER', 'detached');
  });
});

describe('outputs', () => {
  test('a subset by name', async () => {
    const session = await referenceSession('two_inputs');
    const feeds = { a: ramp(6), b: ramp(3) };
    expect(Object.keys(await session.run(feeds))).toEqual(['c', 'z']);
    expect(Object.keys(await session.run(feeds, { outputs: ['z'] }))).toEqual(['z']);
    expect(Object.keys(await session.run(feeds, { outputs: [] }))).toEqual([]);
    const all = await session.run(feeds);
    const { z } = await session.run(feeds, { outputs: { z: 'host' } });
    expect(z).toEqual(all.z);
  });

  test("into the caller's arrays, exact or larger", async () => {
    const session = await referenceSession('mlp');
    const exact = new Float32Array(8 * 32);
    const first = await session.run({ x }, { outputs: { y: exact } });
    expect(first.y.data).toBe(exact);
    assertClose(exact, firstRow, 1e-5, 'y');
    const larger = new Float32Array(1000).fill(7);
    const second = await session.run({ x }, { outputs: { y: larger } });
    expect(second.y.shape).toEqual([8, 32]);
    expect(second.y.data.buffer).toBe(larger.buffer);
    expect(larger.subarray(0, 256)).toEqual(exact);
    expect(larger[256]).toBe(7);
    const tensor = new Tensor('float32', new Float32Array(8 * 32), [8, 32]);
    expect((await session.run({ x }, { outputs: { y: tensor } })).y.data).toBe(tensor.data);
  });

  test('into pinned memory', async () => {
    const session = await referenceSession('mlp');
    using runtime = new Runtime(reference);
    const target = runtime.createPinnedBuffer(4096).tensor('float32', [1024]);
    const { y } = await session.run({ x }, { outputs: { y: target } });
    expect(y.shape).toEqual([8, 32]);
    expect(y.data.buffer).toBe(target.data.buffer);
    assertClose(y.data as Float32Array, firstRow, 1e-5, 'y');
  });

  test('left on the device, read, and fed to the next session', async () => {
    const slow = await referenceSession('slow');
    const input = new Tensor('float32', ramp(64 * 64), [64, 64]);
    const { y } = await slow.run({ x: input }, { outputs: { y: 'device' } });
    using onDevice = y;
    expect(onDevice).toBeInstanceOf(DeviceTensor);
    expect(onDevice).toMatchObject({
      dtype: 'float32',
      shape: [64, 64],
      device: 0,
      byteLength: 16384,
    });
    const host = await slow.run({ x: input });
    expect((await onDevice.read()).data).toEqual(host.y!.data);
    expect(onDevice.readSync().data).toEqual(host.y!.data);
    const mlp = await referenceSession('mlp');
    const chained = await mlp.run({ x: onDevice });
    const copied = await mlp.run({ x: host.y! });
    expect(chained.y!.data).toEqual(copied.y!.data);
    onDevice.close();
    await expectError(() => mlp.run({ x: onDevice }), 'ERR_TRT_CLOSED', 'DeviceTensor');
    await expectError(() => onDevice.read(), 'ERR_TRT_CLOSED');
  });

  test("into the caller's device tensor, exact or larger", async () => {
    const session = await referenceSession('mlp');
    using runtime = new Runtime(reference);
    const exact = runtime.createDeviceTensor('float32', [8, 32]);
    expect((await session.run({ x }, { outputs: { y: exact } })).y).toBe(exact);
    assertClose((await exact.read()).data, firstRow, 1e-5, 'y');
    const larger = runtime.createDeviceTensor('float32', [100, 32]);
    const { y } = await session.run({ x }, { outputs: { y: larger } });
    expect(y).not.toBe(larger);
    expect(y.shape).toEqual([8, 32]);
    expect((await y.read()).data).toEqual((await exact.read()).data);
    y.close();
    expect(larger.closed).toBe(false);
    expect((await larger.read()).size).toBe(3200);
  });

  test('data-dependent: a new array, the device, the caller’s array', async () => {
    const session = await referenceSession('nonzero');
    const feeds = { x: Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3) };
    const expected = [0n, 0n, 0n, 1n, 3n, 7n];
    const device = await session.run(feeds, { outputs: { y: 'device' } });
    using onDevice = device.y;
    expect(onDevice.shape).toEqual([2, 3]);
    expect(Array.from((await onDevice.read()).data as BigInt64Array)).toEqual(expected);
    const mine = new BigInt64Array(16);
    const { y } = await session.run(feeds, { outputs: { y: mine } });
    expect(y.shape).toEqual([2, 3]);
    expect(Array.from(mine.subarray(0, 6))).toEqual(expected);
    const small = new BigInt64Array(5);
    await expectError(
      () => session.run(feeds, { outputs: { y: small } }),
      'ERR_TRT_LENGTH_MISMATCH',
      'room for 6 elements of shape [2, 3], got 5',
    );
    expect(Array.from((await session.run(feeds)).y!.data as BigInt64Array)).toEqual(expected);
  });

  test('device outputs outlive the session', async () => {
    const session = await referenceSession('mlp');
    const { y } = await session.run({ x }, { outputs: { y: 'device' } });
    await session.close();
    assertClose((await y.read()).toFloat32(), firstRow, 1e-5, 'y');
    y.close();
  });
});

describe('profiles', () => {
  test('the smallest that fits is chosen, then the nearest optimum', async () => {
    const session = await referenceSession('mlp');
    expect(session.profileFor({ x: [1, 64] })).toBe(0);
    expect(session.profileFor({ x: [32, 64] })).toBe(0);
    expect(session.profileFor({ x: [33, 64] })).toBe(1);
    await expectError(() => session.profileFor({ x: [257, 64] }), 'ERR_TRT_SHAPE_OUT_OF_RANGE');
    await expectError(() => session.profileFor({ x: [-1, 64] }), 'ERR_TRT_INVALID_SHAPE');
  });

  test('shapes may change from run to run, and slots switch profiles', async () => {
    const session = await referenceSession('mlp', { instances: 2 });
    const sizes = [8, 64, 1, 256, 33, 32, 8, 64];
    const outputs = await Promise.all(sizes.map((n) => session.run({ x: ramp(n * 64) })));
    outputs.forEach(({ y }, index) => {
      expect(y!.shape).toEqual([sizes[index], 32]);
      assertClose(y!.data as Float32Array, firstRow, 1e-5, `n=${sizes[index]}`);
    });
  });

  test('one may be pinned, for the session or a run', async () => {
    const session = await referenceSession('mlp', { profile: 1 });
    await expectError(
      () => session.run({ x }),
      'ERR_TRT_SHAPE_OUT_OF_RANGE',
      'expected shapes that profile 1 takes',
      '8 at axis 0 is less than 33',
    );
    expect((await session.run({ x: ramp(64 * 64) })).y!.shape).toEqual([64, 32]);
    expect((await session.run({ x }, { profile: 0 })).y!.shape).toEqual([8, 32]);
    await expectError(
      () => session.run({ x }, { profile: 2 }),
      'ERR_TRT_INVALID_ARGUMENT',
      'from 0 to 1',
    );
    const plan = await referencePlan('mlp');
    await expectError(
      () => Session.load(plan, { ...reference, profile: 2 }),
      'ERR_TRT_INVALID_ARGUMENT',
      'profile: expected an integer from 0 to 1, got 2',
    );
  });
});

describe('slots and the queue', () => {
  test('what waits is served in order', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=5');
    const order: number[] = [];
    await Promise.all(
      [0, 1, 2, 3, 4, 5].map((index) => session.run({ x }).then(() => order.push(index))),
    );
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('instances run at the same time', async () => {
    const session = await referenceSession('mlp', { instances: 2 });
    injectFaults('delay=50');
    const start = performance.now();
    const runs = [0, 1, 2, 3, 4, 5].map(() => session.run({ x }));
    expect(session.stats()).toMatchObject({ running: 2, queued: 4, completed: 0 });
    await Promise.all(runs);
    const elapsed = performance.now() - start;
    expect(elapsed).toBeGreaterThan(140);
    expect(elapsed).toBeLessThan(290); // six in a row would take 300
    const stats = session.stats();
    expect(stats).toMatchObject({ running: 0, queued: 0, completed: 6, failed: 0, abandoned: 0 });
    expect(stats.launches.onEventLoop + stats.launches.onThread).toBe(6);
  });

  test('the event loop goes on while runs are in flight', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=100');
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    await session.run({ x });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(8);
  });

  test('maxQueued refuses what is too much', async () => {
    const session = await referenceSession('mlp', { maxQueued: 1 });
    injectFaults('delay=20');
    const first = session.run({ x });
    const second = session.run({ x });
    await expectError(() => session.run({ x }), 'ERR_TRT_BUSY', 'at most 1 waiting', 'maxQueued');
    await Promise.all([first, second]);
    await session.run({ x });
  });

  test('runSync does not wait for a slot that asynchronous runs occupy', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=20');
    const running = session.run({ x });
    await expectError(() => session.runSync({ x }), 'ERR_TRT_BUSY', 'all 1 are running');
    await running;
    expect(session.runSync({ x }).y!.shape).toEqual([8, 32]);
  });

  test('memory and statistics', async () => {
    const session = await referenceSession('mlp');
    await session.run({ x });
    const memory = session.memory();
    expect(memory.pinnedBytes).toBeGreaterThanOrEqual(8 * 64 * 4);
    expect(memory.deviceBytes).toBeGreaterThanOrEqual(8 * 64 * 4);
    expect(memory.activationBytes).toBe(session.engine.deviceMemoryBytesPerProfile[0]);
    await session.run({ x });
    expect(session.memory()).toEqual(memory);
  });
});

test('the fixture plans are those of TensorRT, which the reference runtime refuses', async () => {
  const plan = readFileSync('test/fixtures/plans/mlp.plan');
  await expectError(
    () => Session.load(plan, reference),
    'ERR_TRT_PLAN_RUNTIME',
    /TensorRT/,
    /reference/,
  );
});
