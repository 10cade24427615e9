// Several devices: sessions over them, tensors that decide where a run goes, a device that is lost, copies between them, and what must not be
// mixed. The reference runtime has three devices here.

import { describe, expect, onTestFinished, test } from 'vitest';
import {
  ActivationMemory,
  type DeviceTensor,
  type RunTiming,
  Runtime,
  Session,
  Tensor,
} from 'trt-node';
import { openPlatform } from '../../lib/platform.js';
import { expectError, thrownBy } from '../helpers/expect-error.js';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';

process.env.TRT_NODE_REFERENCE_DEVICES = '3';

const x = ramp(8 * 64);
const INVALID = 'ERR_TRT_INVALID_ARGUMENT';

function runtimeOn(device: number): Runtime {
  const runtime = new Runtime({ ...reference, device });
  onTestFinished(() => {
    runtime.close();
  });
  return runtime;
}

function tensorOn(device: number, data = x): DeviceTensor<'float32'> {
  const tensor = runtimeOn(device).createDeviceTensor('float32', [data.length / 64, 64]);
  tensor.writeSync(new Tensor('float32', data, [data.length / 64, 64]));
  return tensor;
}

const byDevice = (session: Session): number[] =>
  session.stats().devices.map(({ completed }) => completed);

describe('a session over several devices', () => {
  test('gives each run to the device with least to do, in turns among equals', async () => {
    const single = await referenceSession('mlp');
    const expected = (await single.run({ x })).y!.data;
    const session = await referenceSession('mlp', { devices: [0, 2], instances: 2 });
    expect([session.device, session.devices, session.instances]).toEqual([0, [0, 2], 2]);
    for (let run = 0; run < 6; run++) expect((await session.run({ x })).y!.data).toEqual(expected);
    expect(byDevice(session)).toEqual([3, 3]);
    for (let run = 0; run < 4; run++) expect(session.runSync({ x }).y!.data).toEqual(expected);
    expect(byDevice(session)).toEqual([5, 5]);
    injectFaults('delay=20');
    const runs = [1, 2, 3, 4].map(() => session.run({ x }));
    expect(session.stats().devices.map(({ running }) => running)).toEqual([2, 2]);
    const waits = [1, 2, 3].map(() => session.run({ x }));
    expect([session.stats().running, session.stats().queued]).toEqual([4, 3]);
    for (const { y } of await Promise.all([...runs, ...waits])) expect(y!.data).toEqual(expected);
    expect(session.stats()).toMatchObject({ completed: 17, failed: 0, running: 0, queued: 0 });
    await session.close();
    expect(session.stats().completed).toBe(17);
  });

  test('each device has its own slots, engine and memory', async () => {
    const one = (await referenceSession('mlp', { instances: 2 })).memory();
    const session = await referenceSession('mlp', { devices: [1, 0], instances: 2 });
    const { devices, ...sum } = session.memory();
    expect(devices.map(({ device }) => device)).toEqual([1, 0]);
    for (const key of ['hostBytes', 'pinnedBytes', 'deviceBytes', 'activationBytes'] as const) {
      expect(devices.map((row) => row[key])).toEqual([one[key], one[key]]);
      expect(sum[key]).toBe(2 * one[key]);
    }
  });

  test('a run says which device it ran on, and can be told', async () => {
    const devices: number[] = [];
    const onTiming = (timing: RunTiming): void => void devices.push(timing.device);
    const session = await referenceSession('mlp', { devices: [0, 1], onTiming });
    for (let run = 0; run < 4; run++) await session.run({ x });
    expect(devices).toEqual([1, 0, 1, 0]);
    devices.length = 0;
    for (let run = 0; run < 3; run++) await session.run({ x }, { device: 1 });
    session.runSync({ x }, { device: 1 });
    await session.runMany([{ x }, { x }], { device: 0 });
    expect(devices).toEqual([1, 1, 1, 1, 0, 0]);
    await expectError(() => session.run({ x }, { device: 2 }), INVALID, '(0, 1), got 2');
    await expectError(() => session.run({ x }, { device: '1' as never }), INVALID, 'device');
    const single = await referenceSession('mlp', { device: 1 });
    await expectError(() => single.run({ x }, { device: 0 }), INVALID, '(1), got 0');
    expect((await single.run({ x }, { device: 1 })).y!.shape).toEqual([8, 32]);
  });

  test('device tensors decide, outputs stay where they were computed', async () => {
    const session = await referenceSession('mlp', { devices: [0, 1] });
    const expected = session.runSync({ x }, { device: 0 }).y!.data;
    const feeds = [{ x: tensorOn(0) }, { x: tensorOn(1) }];
    const before = byDevice(session);
    for (const device of [1, 1, 0, 1]) {
      using y = (await session.run(feeds[device]!, { outputs: { y: 'device' } })).y;
      expect(y.device).toBe(device);
      expect((await y.read()).data).toEqual(expected);
    }
    expect(byDevice(session).map((count, index) => count - before[index]!)).toEqual([1, 3]);
    // A target decides as well.
    using target = runtimeOn(1).createDeviceTensor('float32', [8, 32]);
    for (let run = 0; run < 2; run++) await session.run({ x }, { outputs: { y: target } });
    expect(target.readSync().data).toEqual(expected);
    expect(byDevice(session)[1]! - before[1]!).toBe(5);
    await expectError(
      () => session.run(feeds[0]!, { outputs: { y: target } }),
      INVALID,
      "input 'x' on device 0",
      "output 'y' on device 1",
      'toDevice(0)',
    );
    await expectError(() => session.run(feeds[0]!, { device: 1 }), INVALID, 'the option `device`');
    await expectError(
      () => session.run({ x: tensorOn(2) }),
      INVALID,
      'on device 0 or 1 of the reference runtime, got one on device 2',
      'toDevice(0)',
    );
  });

  test('runs that wait for their device do not hold up others, and keep their order', async () => {
    const session = await referenceSession('mlp', { devices: [0, 1], maxQueued: 4 });
    const onZero = { x: tensorOn(0) };
    injectFaults('delay=30');
    const ended: string[] = [];
    const note = (name: string, run: Promise<unknown>): Promise<void> =>
      run.then(() => void ended.push(name));
    const runs = [
      note('a0', session.run(onZero)),
      note('b0', session.run(onZero)),
      note('any', session.run({ x })),
      note('c0', session.run(onZero)),
      note('late', session.run({ x })),
      note('d0', session.run(onZero)),
    ];
    expect(session.stats()).toMatchObject({ running: 2, queued: 4 });
    await expectError(() => session.run(onZero), 'ERR_TRT_BUSY');
    await expectError(() => session.runSync(onZero), 'ERR_TRT_BUSY', 'all 1 ');
    await Promise.all(runs);
    expect(ended.filter((name) => name.endsWith('0'))).toEqual(['a0', 'b0', 'c0', 'd0']);
    expect(ended.indexOf('late')).toBeLessThan(ended.indexOf('d0'));
    expect(byDevice(session)).toEqual([4, 2]);
    const aborted = new AbortController();
    const first = session.run(onZero);
    const waiting = session.run(onZero, { signal: aborted.signal });
    aborted.abort();
    await expectError(() => waiting, 'ERR_TRT_ABORTED');
    await first;
    expect(session.stats()).toMatchObject({ abandoned: 1, queued: 0 });
  });

  test('runMany spreads, also with tensors on different devices', async () => {
    const session = await referenceSession('mlp', { devices: [0, 1], instances: 2 });
    const wanted = Array.from({ length: 12 }, (_, run) => ramp(8 * 64, run / 12));
    const expected = wanted.map((data) => session.runSync({ x: data }).y!.data);
    const before = byDevice(session);
    injectFaults('delay=1');
    const plain = await session.runMany(wanted.map((data) => ({ x: data })));
    expect(plain.map(({ y }) => y!.data)).toEqual(expected);
    for (const [index, count] of byDevice(session).entries()) {
      expect(count - before[index]!).toBeGreaterThan(2);
    }
    const where = [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0];
    const tensors = wanted.map((data, run) => tensorOn(where[run]!, data));
    const middle = byDevice(session);
    const mixed = await session.runMany(tensors.map((tensor) => ({ x: tensor })));
    expect(mixed.map(({ y }) => y!.data)).toEqual(expected);
    expect(byDevice(session).map((count, index) => count - middle[index]!)).toEqual([9, 3]);
    tensors[8]!.close();
    await expectError(
      () => session.runMany(tensors.map((tensor) => ({ x: tensor }))),
      'ERR_TRT_CLOSED',
    );
    expect(session.stats().queued).toBe(0);
    expect((await session.run({ x })).y!.shape).toEqual([8, 32]);
  });

  test('closing rejects what waits, whatever for', async () => {
    const session = await referenceSession('mlp', { devices: [0, 1] });
    const onZero = { x: tensorOn(0) };
    injectFaults('delay=20');
    const runs = [session.run({ x }), session.run({ x }), session.run(onZero), session.run({ x })];
    const settled = Promise.allSettled(runs);
    await session.close();
    expect((await settled).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
  });

  test('options', async () => {
    const plan = await referencePlan('mlp');
    const load = (options: object): Promise<Session> =>
      Session.load(plan, { ...reference, ...options });
    await expectError(() => load({ devices: [] }), INVALID, 'devices');
    await expectError(() => load({ devices: 1 }), INVALID, 'devices');
    await expectError(() => load({ devices: [0, 0] }), INVALID, 'got 0 twice');
    await expectError(() => load({ devices: [0, -1] }), INVALID, 'devices[1]');
    await expectError(() => load({ devices: [0, 3] }), INVALID, 'got 3');
    await expectError(() => load({ device: 0, devices: [0] }), INVALID, 'Leave out `device`');
    injectFaults('deserialize@2');
    await expectError(() => load({ devices: [0, 1] }), 'ERR_TRT_DESERIALIZE');
    injectFaults('context@2');
    await thrownBy(() => load({ devices: [0, 1] }));
    injectFaults('');
    using a = new ActivationMemory(reference);
    using b = new ActivationMemory({ ...reference, device: 1 });
    await expectError(() => load({ devices: [0, 1], activationMemory: a }), INVALID, 'an array');
    await expectError(() => load({ devices: [0, 1], activationMemory: [a] }), INVALID, 'got 1');
    await expectError(
      () => load({ devices: [0, 1], activationMemory: [b, a] }),
      INVALID,
      'on device 1',
    );
    const session = await load({ devices: [1, 0], activationMemory: [b, a] });
    expect(session.memory().activationBytes).toBe(a.bytes + b.bytes);
    expect(a.bytes).toBeGreaterThan(0);
    await session.close();
  });
});

describe('a device that is lost', () => {
  test('its runs reject, later ones go to the others', async () => {
    const session = await referenceSession('mlp', { devices: [0, 1] });
    const expected = session.runSync({ x }).y!.data;
    const onZero = { x: tensorOn(0) };
    injectFaults('delay=10,launch@1');
    const lost = session.run({ x }, { device: 0 });
    const waiting = Promise.allSettled([session.run(onZero), session.run({ x }, { device: 0 })]);
    await expectError(() => lost, 'ERR_TRT_DEVICE_LOST');
    for (const settled of await waiting) {
      expect(settled).toMatchObject({ status: 'rejected' });
      const reason = (settled as PromiseRejectedResult).reason as Error;
      await expectError(() => Promise.reject(reason), 'ERR_TRT_DEVICE_LOST', 'device 0 was lost');
    }
    const runs = await Promise.all(Array.from({ length: 9 }, () => session.run({ x })));
    for (const { y } of runs) expect(y!.data).toEqual(expected);
    expect(session.runSync({ x }).y!.data).toEqual(expected);
    expect((await session.runMany([{ x }, { x }])).length).toBe(2);
    const [zero, one] = session.stats().devices;
    expect(zero).toMatchObject({ device: 0, lost: true, running: 0 });
    expect(one).toMatchObject({ device: 1, lost: false, failed: 0 });
    await expectError(() => session.run(onZero), 'ERR_TRT_DEVICE_LOST', 'device 0 was lost');
    await expectError(() => session.runSync(onZero), 'ERR_TRT_DEVICE_LOST', 'device 0 was lost');
    await expectError(() => session.runMany([{ x }, onZero]), 'ERR_TRT_DEVICE_LOST');
    await session.close();
  });

  test('the last one stays, so that each run tells what is the matter', async () => {
    const session = await referenceSession('mlp', { devices: [0, 1] });
    session.runSync({ x });
    injectFaults('sticky=700');
    for (let run = 0; run < 5; run++) {
      await expectError(() => session.run({ x }), 'ERR_TRT_DEVICE_LOST');
    }
    expect(session.stats().devices.map(({ lost }) => lost)).toEqual([true, true]);
    await session.close();
  });
});

describe('copies between devices', () => {
  test('of buffers, on a stream of either', async () => {
    const [zero, one, two] = [runtimeOn(0), runtimeOn(1), runtimeOn(2)];
    const from = zero.createDeviceBuffer(4096);
    const to = one.createDeviceBuffer(4096);
    from.writeSync(ramp(1024));
    for (const runtime of [zero, one]) {
      const stream = runtime.createStream();
      const half = { bytes: 2048, fromOffset: 1024, toOffset: runtime.device * 2048 };
      stream.copyDeviceToDevice(to, from, half);
      await stream.synchronize();
    }
    const got = new Float32Array(1024);
    to.readSync(got);
    expect(got.subarray(0, 512)).toEqual(ramp(1024).subarray(256, 768));
    expect(got.subarray(512)).toEqual(ramp(1024).subarray(256, 768));
    await expectError(
      () => {
        two.createStream().copyDeviceToDevice(to, from);
      },
      INVALID,
      'device 2',
      'device 0',
      'device 1',
    );
    await from.copyTo(to);
    to.readSync(got);
    expect(got).toEqual(ramp(1024));
    await from.copyTo(from, { toOffset: 2048, bytes: 1024 });
    await expectError(() => from.copyTo(to, { bytes: 5000 }), INVALID);
    to.close();
    await expectError(() => from.copyTo(to), 'ERR_TRT_CLOSED');
  });

  test('of tensors, and the runs that follow', async () => {
    const session = await referenceSession('mlp', { devices: [0, 1] });
    const expected = session.runSync({ x }).y!.data;
    using there = await tensorOn(2).toDevice(1);
    expect([there.device, there.dtype, there.shape]).toEqual([1, 'float32', [8, 64]]);
    expect(session.runSync({ x: there }).y!.data).toEqual(expected);
    using same = await there.toDevice(1);
    expect(same.address).not.toBe(there.address);
    expect(same.readSync().data).toEqual(x);
    await expectError(() => there.toDevice(7), INVALID, 'no CUDA device 7');
    await expectError(() => there.toDevice(-1), INVALID);
    const runtime = runtimeOn(0);
    expect([0, 1, 2].map((peer) => runtime.canAccessPeer(peer))).toEqual([true, true, true]);
    await expectError(() => runtime.canAccessPeer(3), INVALID);
    expect(openPlatform(reference).canAccessPeer(0, 0)).toBe(false); // as CUDA answers
  });
});

describe('objects of different devices', () => {
  test('do not meet at the low level', async () => {
    const [zero, one] = [runtimeOn(0), runtimeOn(1)];
    const plan = await referencePlan('mlp');
    const engine = zero.deserializeEngine(plan);
    const context = engine.createExecutionContext('userManaged');
    expect([engine.device, context.device]).toEqual([0, 0]);
    const [stream, other] = [zero.createStream(), one.createStream()];
    const buffer = one.createDeviceBuffer(4096);
    const event = one.createEvent({ timing: true });
    const pinned = zero.createPinnedBuffer(4096);
    const allocator = one.createOutputAllocator();
    stream.beginCapture();
    const graph = stream.endCapture();
    const all: Record<string, () => unknown> = {
      recordEvent: () => {
        stream.recordEvent(event);
      },
      copyHostToDevice: () => {
        stream.copyHostToDevice(buffer, pinned);
      },
      copyDeviceToHost: () => {
        stream.copyDeviceToHost(pinned, buffer);
      },
      memset: () => {
        stream.memset(buffer, 0);
      },
      'CudaGraph.launch': () => {
        graph.launch(other);
      },
      elapsedSince: () => zero.createEvent({ timing: true }).elapsedSince(event),
      setOptimizationProfile: () => {
        context.setOptimizationProfile(1, other);
      },
      "setTensorAddress('x')": () => {
        context.setTensorAddress('x', buffer);
      },
      setOutputAllocator: () => {
        context.setOutputAllocator('y', allocator);
      },
      setDeviceMemory: () => {
        context.setDeviceMemory(buffer);
      },
      setAuxStreams: () => {
        context.setAuxStreams([other]);
      },
      setInputConsumedEvent: () => {
        context.setInputConsumedEvent(event);
      },
      enqueue: () => {
        context.enqueue(other);
      },
    };
    for (const [who, action] of Object.entries(all)) {
      await expectError(action, INVALID, `${who}: expected`, 'device 0', 'device 1');
    }
    // Streams may wait for events of other devices.
    other.recordEvent(event);
    stream.waitEvent(event);
    await stream.synchronize();
  });

  test('an address that the device has no access to is an illegal one', async () => {
    const [zero, two] = [runtimeOn(0), runtimeOn(2)];
    const engine = zero.deserializeEngine(await referencePlan('mlp'));
    const context = engine.createExecutionContext();
    const stream = zero.createStream();
    context.setInputShape('x', [8, 64]);
    context.setTensorAddress('x', two.createDeviceBuffer(8 * 64 * 4).address);
    context.setTensorAddress('y', zero.createDeviceBuffer(8 * 32 * 4));
    context.enqueue(stream);
    await expectError(() => stream.synchronize(), 'ERR_TRT_DEVICE_LOST', 'ILLEGAL_ADDRESS');
    injectFaults('');
  });
});
