// SessionOptions.onTiming: once for each successful run, with times in the order in which things happen.

import { describe, expect, test, vi } from 'vitest';
import type { Tensor } from 'trt-node';
import { type RunTiming, type Session, type SessionOptions } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, referenceSession } from '../helpers/reference.js';

const x = ramp(8 * 64);
/** Between the host's clock and the device's events, in milliseconds. */
const placement = 1;

let timings: RunTiming[] = [];

async function timed(options: SessionOptions = {}, model = 'mlp'): Promise<Session> {
  timings = [];
  return referenceSession(model, { onTiming: (timing) => timings.push(timing), ...options });
}

function expectOrder(timing: RunTiming): void {
  const { submit, launched, h2dStart, computeStart, computeEnd, d2hEnd, completed, settled } =
    timing;
  const text = JSON.stringify(timing);
  for (const time of Object.values(timing)) expect(Number.isFinite(time), text).toBe(true);
  expect(submit, text).toBeGreaterThanOrEqual(-0.01); // two clocks that count alike
  expect(launched, text).toBeGreaterThanOrEqual(submit);
  expect(completed, text).toBeGreaterThanOrEqual(launched);
  expect(settled, text).toBeGreaterThanOrEqual(completed - 0.01);
  expect(h2dStart, text).toBeGreaterThanOrEqual(submit - placement);
  expect(computeStart, text).toBeGreaterThanOrEqual(h2dStart);
  expect(computeEnd, text).toBeGreaterThanOrEqual(computeStart);
  expect(d2hEnd, text).toBeGreaterThanOrEqual(computeEnd);
  expect(completed, text).toBeGreaterThanOrEqual(d2hEnd - placement);
}

describe('times', () => {
  test.each(['off', 'auto', 'on'] as const)('of run, graphs %s', async (cudaGraph) => {
    for (const completion of ['adaptive', 'spin', 'block'] as const) {
      const session = await timed({ cudaGraph, completion, instances: 2 });
      for (let round = 0; round < 10; round++) {
        await Promise.all([1, 2, 3, 4].map(() => session.run({ x })));
        expect(timings).toHaveLength(4 * (round + 1));
      }
      timings.forEach(expectOrder);
      const { hits } = session.stats().cudaGraph;
      if (cudaGraph === 'off') expect(hits).toBe(0);
      else expect(hits).toBeGreaterThan(20);
    }
  });

  test('of runSync', async () => {
    const session = await timed();
    for (let run = 1; run <= 5; run++) {
      session.runSync({ x });
      expect(timings).toHaveLength(run);
    }
    timings.forEach(expectOrder);
  });

  test('of the runs of runMany, all from its call on', async () => {
    const session = await timed({ instances: 2 });
    await session.runMany(Array.from({ length: 9 }, () => ({ x })));
    expect(timings).toHaveLength(9);
    timings.forEach(expectOrder);
    const ends = timings.map(({ settled }) => settled);
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
  });

  test('of data-dependent outputs, and of runs that wait', async () => {
    const session = await timed({}, 'nonzero');
    await Promise.all([1, 2, 3].map(() => session.run({ x: new Float32Array(8).fill(1) })));
    expect(timings).toHaveLength(3);
    timings.forEach(expectOrder);
  });

  test('what the device does is measured: a run that takes 20 ms longer', async () => {
    for (const cudaGraph of ['off', 'on'] as const) {
      const session = await timed({ cudaGraph });
      await session.run({ x });
      await session.run({ x });
      injectFaults('delay=20');
      await session.run({ x });
      const { computeStart, computeEnd } = timings[2]!;
      expect(computeEnd - computeStart).toBeGreaterThan(19);
      injectFaults('');
      await session.run({ x });
      timings.forEach(expectOrder);
    }
  });

  test('the second of two runs on one slot is submitted when the first has ended', async () => {
    const session = await timed();
    await session.run({ x });
    timings = [];
    injectFaults('delay=20');
    await Promise.all([session.run({ x }), session.run({ x })]);
    const [first, second] = timings as [RunTiming, RunTiming];
    // Each counts from its own call; between the calls lies the first's submission.
    expect(second.submit).toBeGreaterThan(first.submit + 5);
  });

  test('each slot has its own, also after many runs', async () => {
    const session = await timed({ instances: 4, cudaGraph: 'on' });
    await Promise.all(Array.from({ length: 200 }, () => session.run({ x })));
    expect(timings).toHaveLength(200);
    timings.forEach(expectOrder);
    expect(new Set(timings.map(({ computeStart }) => computeStart)).size).toBe(200);
  });
});

describe('the callback', () => {
  test('is called right before the promise resolves', async () => {
    const order: string[] = [];
    const session = await timed({ onTiming: () => order.push('timing') });
    await session.run({ x }).then(() => order.push('run'));
    await session.run({ x }).then(() => order.push('run'));
    expect(order).toEqual(['timing', 'run', 'timing', 'run']);
  });

  test('is not called for runs that failed, were refused, or given up', async () => {
    const session = await timed({ cudaGraph: 'off' });
    injectFaults('enqueue');
    await expectError(() => session.run({ x }), 'ERR_TRT_EXECUTION');
    await expectError(() => session.runSync({ x }), 'ERR_TRT_EXECUTION');
    await expectError(() => session.runMany([{ x }, { x }]), 'ERR_TRT_EXECUTION');
    injectFaults('');
    await expectError(() => session.run({ x: x.subarray(1) }), 'ERR_TRT_LENGTH_MISMATCH');
    injectFaults('delay=20');
    const controller = new AbortController();
    const given = session.run({ x }, { signal: controller.signal });
    controller.abort();
    await expectError(() => given, 'ERR_TRT_ABORTED');
    await session.run({ x });
    expect(timings).toHaveLength(1);
  });

  test('may run the session: also within runSync, when its slot is not free yet', async () => {
    const inner: Promise<Record<string, Tensor>>[] = [];
    const session: Session = await timed({
      onTiming: () => {
        if (inner.length < 3) inner.push(session.run({ x }));
      },
    });
    const { y } = session.runSync({ x });
    for (let run = 0; run < 3; run++) expect((await inner[run]!).y!.data).toEqual(y!.data);
    expect(session.stats()).toMatchObject({ completed: 4, running: 0, queued: 0 });
  });

  test('what it throws is an uncaught exception, and no run suffers', async () => {
    const session = await timed({
      onTiming: () => {
        throw new Error('on purpose');
      },
    });
    const uncaught: unknown[] = [];
    const listeners = process.rawListeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      const { y } = await session.run({ x });
      expect(session.runSync({ x }).y!.data).toEqual(y!.data);
      const many = await session.runMany([{ x }, { x }, { x }]);
      expect(many.map((result) => result.y!.data)).toEqual([y!.data, y!.data, y!.data]);
      await vi.waitUntil(() => uncaught.length === 5);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener as () => void);
    }
    for (const error of uncaught) expect((error as Error).message).toBe('on purpose');
    expect(session.stats()).toMatchObject({ completed: 5, failed: 0, running: 0, queued: 0 });
    await session.close();
  });

  test.each([1, 'now', {}, null])('%s is no callback', async (onTiming) => {
    await expectError(
      () => referenceSession('mlp', { onTiming: onTiming as never }),
      'ERR_TRT_INVALID_ARGUMENT',
      'onTiming',
    );
  });
});
