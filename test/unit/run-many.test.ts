// Session.runMany: order, outputs, errors, and what else goes on in the session meanwhile.

import { setImmediate as turn } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type Feeds, Session, Tensor } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';

const inputs: { x: Float32Array }[] = [];
const answers: Float32Array[] = [];

beforeAll(async () => {
  const plain = await Session.load(await referencePlan('mlp'), { ...reference, cudaGraph: 'off' });
  for (let index = 0; index < 40; index++) {
    // One to three rows, and no two alike.
    const x = Float32Array.from({ length: 64 * (1 + (index % 3)) }, (_, i) =>
      Math.sin(index * 13 + i),
    );
    inputs.push({ x });
    answers.push(plain.runSync({ x }).y!.data as Float32Array);
  }
  await plain.close();
});

const dataOf = (results: readonly Record<string, Tensor>[]): unknown[] =>
  results.map(({ y }) => y!.data);

/** The session still answers, and nothing is left over. */
async function expectUsable(session: Session): Promise<void> {
  expect((await session.run(inputs[0]!)).y!.data).toEqual(answers[0]);
  expect(dataOf(await session.runMany(inputs.slice(0, 5)))).toEqual(answers.slice(0, 5));
  // A run that was given up stays on its slot until the device is done with it.
  await vi.waitFor(() => {
    expect(session.stats()).toMatchObject({ running: 0, queued: 0 });
  });
}

describe('results', () => {
  test.each([1, 2, 7, 64])('in order, with %i instances', async (instances) => {
    const session = await referenceSession('mlp', { instances });
    for (let round = 0; round < 3; round++) {
      expect(dataOf(await session.runMany(inputs))).toEqual(answers);
    }
    expect(session.stats()).toMatchObject({ completed: 120, failed: 0, running: 0, queued: 0 });
  });

  test('none, and one', async () => {
    const session = await referenceSession('mlp');
    expect(await session.runMany([])).toEqual([]);
    expect(await session.runMany([], { outputs: [] })).toEqual([]);
    expect(dataOf(await session.runMany(inputs.slice(0, 1)))).toEqual(answers.slice(0, 1));
  });

  test('as many at a time as there are instances', async () => {
    const session = await referenceSession('mlp', { instances: 3 });
    injectFaults('delay=30');
    const many = session.runMany(inputs.slice(0, 7));
    expect(session.stats()).toMatchObject({ running: 3, queued: 0 });
    expect(dataOf(await many)).toEqual(answers.slice(0, 7));
  });

  test('outputs by name, for all runs', async () => {
    const session = await referenceSession('two_inputs', { instances: 2 });
    const feeds = { a: new Float32Array(6), b: Float32Array.of(1, 2, 3) };
    const results = await session.runMany([feeds, feeds, feeds], { outputs: ['c'] });
    expect(results.map((result) => Object.keys(result))).toEqual([['c'], ['c'], ['c']]);
    expect(await session.runMany([feeds, feeds], { outputs: [] })).toEqual([{}, {}]);
  });

  test('targets for each run: arrays, tensors, the device', async () => {
    const session = await referenceSession('mlp', { instances: 2 });
    const array = new Float32Array(32);
    const tensor = new Tensor('float32', new Float32Array(64), [2, 32]);
    const results = await session.runMany(inputs.slice(0, 3), {
      outputs: [{ y: array }, { y: tensor }, { y: 'device' as const }],
    });
    expect((results[0]!.y as Tensor).data).toBe(array);
    expect(array).toEqual(answers[0]);
    expect(results[1]!.y).toBe(tensor);
    expect(tensor.data).toEqual(answers[1]);
    const onDevice = results[2]!.y as unknown as { readSync(): Tensor; close(): void };
    expect(onDevice.readSync().data).toEqual(answers[2]);
    onDevice.close();
  });

  test('whose size depends on the data', async () => {
    const session = await referenceSession('nonzero', { instances: 3 });
    const feeds = Array.from({ length: 12 }, (_, index) => ({
      x: Float32Array.from({ length: 8 }, (_unused, i) => (i < index % 9 ? 1 : 0)),
    }));
    const results = await session.runMany(feeds);
    for (const [index, { y }] of results.entries()) {
      expect(y!.shape).toEqual([2, index % 9]);
      const columns = Array.from({ length: index % 9 }, (_, i) => i);
      expect(Array.from(y!.data as BigInt64Array, Number)).toEqual([
        ...columns.map(() => 0),
        ...columns,
      ]);
    }
  });

  test('run and two runMany at the same time', async () => {
    const session = await referenceSession('mlp', { instances: 2 });
    const [first, second, ...runs] = await Promise.all([
      session.runMany(inputs),
      session.runMany(inputs.slice(20)),
      ...inputs.slice(0, 10).map((feeds) => session.run(feeds)),
    ]);
    expect(dataOf(first)).toEqual(answers);
    expect(dataOf(second)).toEqual(answers.slice(20));
    expect(dataOf(runs)).toEqual(answers.slice(0, 10));
    expect(session.stats()).toMatchObject({ completed: 70, failed: 0, running: 0, queued: 0 });
  });
});

describe('errors', () => {
  test('of an element in the middle: its error, no further run, a usable session', async () => {
    for (const instances of [1, 3]) {
      const session = await referenceSession('mlp', { instances });
      const bad: Feeds[] = inputs.slice(0, 9);
      bad[4] = { x: new Float32Array(63) };
      await expectError(() => session.runMany(bad), 'ERR_TRT_LENGTH_MISMATCH', "input 'x'");
      while (session.stats().running > 0) await turn();
      expect(session.stats().completed).toBeLessThanOrEqual(4);
      bad[4] = { z: inputs[0]!.x };
      await expectError(() => session.runMany(bad), 'ERR_TRT_UNKNOWN_TENSOR');
      bad[4] = undefined as never;
      await expectError(() => session.runMany(bad), 'ERR_TRT_INVALID_ARGUMENT');
      while (session.stats().running > 0) await turn();
      expect(session.stats().failed).toBe(0); // none got as far as the device
      await expectUsable(session);
    }
  });

  test('of the first and of the last element', async () => {
    const session = await referenceSession('mlp', { instances: 2 });
    const wrong = { x: new Float32Array(1) };
    const first = session.runMany([wrong, ...inputs]);
    expect(session.stats().running).toBe(0);
    await expectError(() => first, 'ERR_TRT_LENGTH_MISMATCH');
    await expectError(() => session.runMany([...inputs, wrong]), 'ERR_TRT_LENGTH_MISMATCH');
    await expectUsable(session);
  });

  test('of a run on the device', async () => {
    const session = await referenceSession('mlp', { instances: 2, cudaGraph: 'off' });
    injectFaults('enqueue@5');
    await expectError(() => session.runMany(inputs), 'ERR_TRT_EXECUTION');
    injectFaults('');
    while (session.stats().running > 0) await turn();
    expect(session.stats().failed).toBe(1);
    expect(session.stats().completed).toBeLessThan(8);
    await expectUsable(session);
  });

  test('a getter that throws, and one that runs the session', async () => {
    const session = await referenceSession('mlp');
    const inner: Promise<Record<string, Tensor>>[] = [];
    const throwing = {
      get x(): Float32Array {
        inner.push(session.run(inputs[1]!));
        throw new Error('on purpose');
      },
    };
    // The run that the getter started waits for the very slot that is at hand.
    await expect(session.runMany([throwing])).rejects.toThrow('on purpose');
    expect((await inner[0]!).y!.data).toEqual(answers[1]);
    const nesting = {
      get x(): Float32Array {
        inner.push(session.run(inputs[2]!));
        return inputs[0]!.x;
      },
    };
    expect(dataOf(await session.runMany([nesting, nesting]))).toEqual([answers[0], answers[0]]);
    for (const run of inner.slice(1)) expect((await run).y!.data).toEqual(answers[2]);
    await expectUsable(session);
  });

  test('bad arguments', async () => {
    const session = await referenceSession('mlp');
    const call =
      (feeds: unknown, options?: unknown): (() => unknown) =>
      () =>
        session.runMany(feeds as never, options as never);
    await expectError(call({ x: 1 }), 'ERR_TRT_INVALID_ARGUMENT', 'array');
    await expectError(call(undefined), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(call(inputs, { output: ['y'] }), 'ERR_TRT_INVALID_ARGUMENT', 'output');
    await expectError(call(inputs, { outputs: { y: 'host' } }), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(call(inputs, { outputs: [{}] }), 'ERR_TRT_INVALID_ARGUMENT', '40 runs');
    await expectError(call(inputs, { outputs: ['z'] }), 'ERR_TRT_UNKNOWN_TENSOR', 'z');
    await expectError(call(inputs, { profile: 9 }), 'ERR_TRT_INVALID_ARGUMENT', 'profile');
    await expectError(call(inputs, { signal: 1 }), 'ERR_TRT_INVALID_ARGUMENT', 'signal');
    await expectError(call(inputs, { deadlineMs: -1 }), 'ERR_TRT_INVALID_ARGUMENT', 'deadlineMs');
    await expectUsable(session);
  });
});

describe('the end', () => {
  test('aborted before and within', async () => {
    const session = await referenceSession('mlp', { instances: 2 });
    await expectError(
      () => session.runMany(inputs, { signal: AbortSignal.abort() }),
      'ERR_TRT_ABORTED',
    );
    expect(session.stats().completed).toBe(0);
    injectFaults('delay=20');
    const controller = new AbortController();
    const reason = new Error('enough');
    const many = session.runMany(inputs, { signal: controller.signal });
    controller.abort(reason);
    const error = await expectError(() => many, 'ERR_TRT_ABORTED', 'runMany');
    expect(error.cause).toBe(reason);
    expect(session.stats().running).toBe(2);
    injectFaults('');
    await expectUsable(session);
    expect(session.stats().completed).toBe(6);
  });

  test('an abort after the end changes nothing', async () => {
    const session = await referenceSession('mlp');
    const controller = new AbortController();
    const { signal } = controller;
    const results = await session.runMany(inputs, { signal, deadlineMs: 60_000 });
    controller.abort();
    expect(dataOf(results)).toEqual(answers);
  });

  test('a deadline', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=20');
    await expectError(
      () => session.runMany(inputs, { deadlineMs: 50 }),
      'ERR_TRT_DEADLINE_EXCEEDED',
      'within 50 ms',
    );
    injectFaults('');
    await expectUsable(session);
    expect(session.stats().completed).toBeLessThan(20);
  });

  test('close() within: what runs ends, the rest is not started', async () => {
    const session = await referenceSession('mlp', { instances: 2 });
    injectFaults('delay=20');
    const many = session.runMany(inputs);
    const run = session.run(inputs[0]!);
    const closing = session.close();
    await Promise.allSettled([many, run]);
    await expectError(() => many, 'ERR_TRT_CLOSED');
    await expectError(() => run, 'ERR_TRT_CLOSED');
    await closing;
    expect(session.stats()).toMatchObject({ running: 0, queued: 0 });
    expect(session.stats().completed).toBeLessThanOrEqual(2);
    await expectError(() => session.runMany(inputs), 'ERR_TRT_CLOSED');
    await expectError(() => session.runMany([]), 'ERR_TRT_CLOSED');
  });
});
