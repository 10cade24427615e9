// What memory a session takes: activations lent from run to run and from session to session, outputs from a pool, and none twice where
// host and device share it.

import { describe, expect, test } from 'vitest';
import type { DeviceTensor } from 'trt-node';
import { ActivationMemory, Session } from 'trt-node';
import { runChild } from '../helpers/child.js';
import { expectError } from '../helpers/expect-error.js';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';

const x = ramp(8 * 64);

describe('activations', () => {
  test('four instances used one at a time need one block, four at once four', async () => {
    const single = await referenceSession('mlp', { profile: 0 });
    const one = single.memory().activationBytes;
    expect(one).toBeGreaterThan(0);
    const session = await referenceSession('mlp', { instances: 4, profile: 0 });
    expect(session.memory().activationBytes).toBe(one);
    for (let run = 0; run < 8; run++) await session.run({ x });
    session.runSync({ x });
    expect(session.memory().activationBytes).toBe(one);
    const expected = (await single.run({ x })).y!.data;
    injectFaults('delay=20');
    for (let round = 0; round < 3; round++) {
      const results = await Promise.all([1, 2, 3, 4, 5, 6].map(() => session.run({ x })));
      for (const { y } of results) expect(y!.data).toEqual(expected);
      expect(session.memory().activationBytes).toBe(4 * one);
    }
  });

  test('of two sessions that run in turns: the larger, not the sum', async () => {
    using activationMemory = new ActivationMemory(reference);
    expect(activationMemory.bytes).toBe(0);
    expect(activationMemory.device).toBe(0);
    const load = (profile: number, shared: boolean): Promise<Session> =>
      referenceSession('mlp', { profile, ...(shared ? { activationMemory } : {}) });
    const own = await Promise.all([load(0, false), load(1, false)]);
    const needs = own.map((session) => session.memory().activationBytes);
    expect(needs[1]).toBeGreaterThan(needs[0]!);
    const large = ramp(64 * 64);
    const expected = own.map((session, index) => session.runSync({ x: index === 0 ? x : large }));
    const small = await load(0, true);
    expect(activationMemory.bytes).toBe(needs[0]);
    const big = await load(1, true);
    for (let round = 0; round < 6; round++) {
      expect((await small.run({ x })).y!.data).toEqual(expected[0]!.y!.data);
      expect((await big.run({ x: large })).y!.data).toEqual(expected[1]!.y!.data);
      expect(activationMemory.bytes).toBe(needs[1]);
    }
    expect(small.memory().activationBytes).toBe(needs[1]);
    // Graphs are launched over memory that was the other's a moment ago.
    expect(small.stats().cudaGraph.hits).toBeGreaterThan(2);
    expect(big.stats().cudaGraph.hits).toBeGreaterThan(2);
    // At the same time: a block each, and right answers as before.
    injectFaults('delay=5');
    for (let round = 0; round < 6; round++) {
      const [a, b] = await Promise.all([small.run({ x }), big.run({ x: large })]);
      expect(a.y!.data).toEqual(expected[0]!.y!.data);
      expect(b.y!.data).toEqual(expected[1]!.y!.data);
    }
    const both = activationMemory.bytes;
    expect(both).toBeGreaterThanOrEqual(needs[0]! + needs[1]!);
    expect(both).toBeLessThanOrEqual(2 * needs[1]!);
    injectFaults('');
    await small.close();
    expect((await big.run({ x: large })).y!.data).toEqual(expected[1]!.y!.data);
  });

  test('many sessions over one memory, all at once and from different threads', async () => {
    using activationMemory = new ActivationMemory(reference);
    const expected = (await (await referenceSession('mlp')).run({ x })).y!.data;
    const sessions = await Promise.all(
      [1, 2, 3, 4].map((instances) => referenceSession('mlp', { instances, activationMemory })),
    );
    for (let round = 0; round < 20; round++) {
      const runs = sessions.flatMap((session) => [1, 2, 3, 4].map(() => session.run({ x })));
      for (const { y } of await Promise.all(runs)) expect(y!.data).toEqual(expected);
    }
    const { bytes } = activationMemory;
    for (let round = 0; round < 20; round++) for (const one of sessions) await one.run({ x });
    expect(activationMemory.bytes).toBe(bytes);
  });

  test('a memory that is closed, of something else, or none', async () => {
    const plan = await referencePlan('mlp');
    const load = (activationMemory: unknown): Promise<Session> =>
      Session.load(plan, { ...reference, activationMemory: activationMemory as never });
    const closed = new ActivationMemory(reference);
    closed.close();
    await expectError(() => load(closed), 'ERR_TRT_CLOSED', 'ActivationMemory');
    await expectError(() => closed.bytes, 'ERR_TRT_CLOSED');
    await expectError(() => load({ bytes: 1 }), 'ERR_TRT_INVALID_ARGUMENT', 'activationMemory');
    await expectError(() => load(null), 'ERR_TRT_INVALID_ARGUMENT', 'activationMemory');
    await expectError(
      () => new ActivationMemory({ ...reference, device: 5 }),
      'ERR_TRT_INVALID_ARGUMENT',
    );
    await expectError(
      () => new ActivationMemory({ ...reference, bytes: 5 } as never),
      'ERR_TRT_INVALID_ARGUMENT',
      'bytes',
    );
    // Sessions keep what they use.
    const shared = new ActivationMemory(reference);
    const session = await referenceSession('mlp', { activationMemory: shared });
    shared.close();
    expect((await session.run({ x })).y!.shape).toEqual([8, 32]);
  });

  test('of another device', async () => {
    const code = `
      const { ActivationMemory, Session, build } = require('trt-node');
      (async () => {
        const reference = { runtime: 'reference' };
        const plan = await build({ ...reference, onnx: 'test/fixtures/onnx/scalar.onnx', profiles: [{ x: { min: [1, 4], opt: [2, 4], max: [8, 4] } }] });
        const activationMemory = new ActivationMemory({ ...reference, device: 1 });
        const error = await Session.load(plan, { ...reference, activationMemory }).catch((thrown) => thrown);
        console.log(error.code, /on device 1/.test(error.message));
        const session = await Session.load(plan, { ...reference, device: 1, activationMemory });
        const { y } = await session.run({ x: new Float32Array(4).fill(2) });
        console.log(y.data[0]);
        await session.close();
      })();
    `;
    const env = { TRT_NODE_REFERENCE_DEVICES: '2' };
    const { stdout, stderr } = await runChild({ code }, { env });
    expect(stdout, stderr).toBe('ERR_TRT_INVALID_ARGUMENT true\n8\n');
  });

  test('too little memory for them is told when the session is loaded', async () => {
    const plan = await referencePlan('slow');
    injectFaults('alloc');
    await expectError(() => Session.load(plan, reference), 'ERR_TRT_OUT_OF_MEMORY');
    injectFaults('');
    await referenceSession('slow');
  });
});

describe('in steady state nothing grows', () => {
  test.each(['mlp', 'two_inputs', 'nonzero'])('%s', async (model) => {
    const session = await referenceSession(model, { instances: 2 });
    const feeds = {
      mlp: { x },
      two_inputs: { a: ramp(6), b: ramp(3) },
      nonzero: { x: new Float32Array(8).fill(1) },
    }[model] as Record<string, Float32Array>;
    const round = async (): Promise<void> => {
      await Promise.all([1, 2, 3].map(() => session.run(feeds)));
    };
    injectFaults('delay=2'); // so that both slots have served, and with activations of their own
    for (let warm = 0; warm < 6; warm++) await round();
    injectFaults('');
    const before = session.memory();
    for (let run = 0; run < 100; run++) await round();
    expect(session.memory()).toEqual(before);
  });

  test("'device' outputs come from a pool: 1000 closed at once, one or several at a time", async () => {
    const session = await referenceSession('mlp');
    const outputs = { y: 'device' } as const;
    const round = async (count: number): Promise<void> => {
      const kept: DeviceTensor[] = [];
      for (let run = 0; run < count; run++) kept.push((await session.run({ x }, { outputs })).y);
      for (const tensor of kept) tensor.close();
    };
    for (const count of [1, 5]) {
      for (let warm = 0; warm < 3; warm++) await round(count);
      const before = session.memory();
      // From here on none is allocated: it would fail.
      injectFaults('alloc');
      for (let runs = 0; runs < 1000; runs += count) await round(count);
      injectFaults('');
      expect(session.memory()).toEqual(before);
    }
  });

  test('the pool is not filled up by sizes that come no more', async () => {
    const session = await referenceSession('mlp', { profile: 1 });
    const run = async (rows: number): Promise<DeviceTensor> => {
      const feeds = { x: new Float32Array(rows * 64) };
      return (await session.run(feeds, { outputs: { y: 'device' } })).y;
    };
    const many = await Promise.all(Array.from({ length: 40 }, () => run(33)));
    for (const tensor of many) tensor.close();
    for (let warm = 0; warm < 3; warm++) (await run(256)).close();
    injectFaults('alloc');
    for (let round = 0; round < 20; round++) (await run(256)).close();
  });

  test('device outputs that are kept are the receiver’s, and stay what they were', async () => {
    const session = await referenceSession('mlp');
    const expected: unknown[] = [];
    const kept: DeviceTensor[] = [];
    for (let run = 0; run < 40; run++) {
      const feeds = { x: ramp(8 * 64, run / 40) };
      expected.push((await session.run(feeds)).y!.data);
      kept.push((await session.run(feeds, { outputs: { y: 'device' } })).y);
      if (run % 3 === 0) (await session.run(feeds, { outputs: { y: 'device' } })).y.close();
    }
    await session.close();
    for (const [run, tensor] of kept.entries()) {
      expect(tensor.readSync().data).toEqual(expected[run]);
      tensor.close();
    }
  });
});

describe('where host and device share memory', () => {
  /** Runs `body` with a session of mlp in a process whose devices are integrated; gives what it prints. */
  async function integrated(body: string): Promise<unknown> {
    const code = `
      const { Runtime, Session, build } = require('trt-node');
      const { loadAddon } = require('./dist/load.js');
      const { openPlatform } = require('./dist/platform.js');
      const reference = { runtime: 'reference' };
      const faults = (spec) => loadAddon().addon.setReferenceFaults(openPlatform(reference), spec);
      const close = (a, b) => a.length === b.length && a.every((value, index) => value === b[index]);
      const rows = (first, rest) => ({ x: { min: [1, rest], opt: [first, rest], max: [32, rest] } });
      (async () => {
        const plan = await build({ ...reference, onnx: 'test/fixtures/onnx/mlp.onnx', profiles: [rows(8, 64)] });
        const runtime = new Runtime(reference);
        const x = (seed) => Float32Array.from({ length: 512 }, (_, i) => Math.sin(i + 31 * seed));
        const load = (options) => Session.load(plan, { ...reference, ...options });
        ${body}
      })().catch((error) => { console.error(error); process.exitCode = 1; });
    `;
    const env = { TRT_NODE_REFERENCE_INTEGRATED: '1' };
    const { stdout, stderr, code: status } = await runChild({ code }, { env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  test('nothing is copied, in arrays and mapped buffers, with graphs and without', async () => {
    const result = await integrated(`
      const answers = [];
      const expected = await load({ cudaGraph: 'off' });
      const wanted = [];
      for (let i = 0; i < 6; i++) wanted.push(expected.runSync({ x: x(i) }).y.data);
      const memory = expected.memory();
      faults('copy');
      for (const cudaGraph of ['off', 'on']) {
        const session = await load({ cudaGraph });
        const pinned = runtime.createPinnedBuffer(2048, { mapped: true });
        const target = runtime.createPinnedBuffer(1024, { mapped: true }).tensor('float32', [8, 32]);
        for (let i = 0; i < 6; i++) {
          answers.push(close((await session.run({ x: x(i) })).y.data, wanted[i]));
          const array = new Float32Array(256);
          await session.run({ x: x(i) }, { outputs: { y: array } });
          answers.push(close(array, wanted[i]));
          pinned.write(x(i));
          await session.run({ x: pinned.tensor('float32', [8, 64]) }, { outputs: { y: target } });
          answers.push(close(target.data, wanted[i]));
        }
        answers.push(session.stats().cudaGraph.hits > 0 === (cudaGraph === 'on'));
      }
      console.log(JSON.stringify({ memory, answers }));
    `);
    const { memory, answers } = result as { memory: Record<string, number>; answers: boolean[] };
    expect(answers).toEqual(new Array(38).fill(true));
    expect(memory.pinnedBytes).toBeGreaterThan(0);
    expect(memory.deviceBytes).toBe(0);
    expect(memory.activationBytes).toBeGreaterThan(0);
  });

  test('unmapped pinned tensors, device tensors, other shapes: right results all the same', async () => {
    const result = await integrated(`
      const wanted = await load({ cudaGraph: 'off' });
      const session = await load({ cudaGraph: 'auto', instances: 2 });
      const pinned = runtime.createPinnedBuffer(2048);
      const target = runtime.createPinnedBuffer(1024).tensor('float32', [8, 32]);
      const answers = [];
      for (let i = 0; i < 8; i++) {
        const { y } = wanted.runSync({ x: x(i) });
        pinned.write(x(i));
        const feeds = { x: pinned.tensor('float32', [8, 64]) };
        await session.run(feeds, { outputs: { y: target } });
        answers.push(close(target.data, y.data));
        answers.push(close((await session.run(feeds)).y.data, y.data));
        const device = (await session.run({ x: x(i) }, { outputs: { y: 'device' } })).y;
        answers.push(close((await device.read()).data, y.data));
        device.close();
        const part = x(i).subarray(0, 64 * (1 + (i % 3)));
        answers.push(close((await session.run({ x: part })).y.data, y.data.subarray(0, 32 * (1 + (i % 3)))));
      }
      console.log(JSON.stringify(answers));
    `);
    expect(result).toEqual(new Array(32).fill(true));
  });
});
