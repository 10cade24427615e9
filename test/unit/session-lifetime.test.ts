// Session: aborted runs, deadlines, and what close() does to what runs and waits.

import { describe, expect, test } from 'vitest';
import { Session } from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { expectError } from '../helpers/expect-error.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';

const x = ramp(8 * 64);
const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];

describe('abort and deadline', () => {
  test('an aborted signal runs nothing', async () => {
    const session = await referenceSession('mlp');
    const reason = new Error('enough');
    const error = await expectError(
      () => session.run({ x }, { signal: AbortSignal.abort(reason) }),
      'ERR_TRT_ABORTED',
    );
    expect(error.name).toBe('AbortError');
    expect(error.cause).toBe(reason);
    expect(session.stats().completed).toBe(0);
  });

  test('a run that waits is removed at once, and those behind it go on', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=40');
    const controller = new AbortController();
    const first = session.run({ x });
    const second = session.run({ x }, { signal: controller.signal });
    const third = session.run({ x });
    const start = performance.now();
    controller.abort();
    await expectError(() => second, 'ERR_TRT_ABORTED');
    expect(performance.now() - start).toBeLessThan(20);
    expect(session.stats()).toMatchObject({ running: 1, queued: 1, abandoned: 1 });
    await Promise.all([first, third]);
    expect(session.stats()).toMatchObject({ completed: 2, abandoned: 1 });
  });

  test('of a run on a slot the promise rejects at once; the slot goes on when the device is done', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=60');
    const controller = new AbortController();
    const start = performance.now();
    const first = session.run({ x }, { signal: controller.signal });
    const second = session.run({ x });
    controller.abort();
    await expectError(() => first, 'ERR_TRT_ABORTED');
    expect(performance.now() - start).toBeLessThan(40);
    expect(session.stats().running).toBe(1);
    assertClose((await second).y!.data as Float32Array, firstRow, 1e-5, 'y');
    expect(performance.now() - start).toBeGreaterThan(110);
  });

  test('an abort after the end changes nothing', async () => {
    const session = await referenceSession('mlp');
    const controller = new AbortController();
    const { y } = await session.run({ x }, { signal: controller.signal, deadlineMs: 10_000 });
    controller.abort();
    expect(y!.shape).toEqual([8, 32]);
    expect(session.stats().abandoned).toBe(0);
  });

  test('deadlines count from the call, waiting included', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=60');
    const first = session.run({ x });
    const late = session.run({ x }, { deadlineMs: 20 });
    await expectError(() => late, 'ERR_TRT_DEADLINE_EXCEEDED', 'within 20 ms');
    const error = await expectError(
      () => session.run({ x }, { deadlineMs: 30 }),
      'ERR_TRT_DEADLINE_EXCEEDED',
    );
    expect(error.name).toBe('DeadlineError');
    await first;
  });

  test.each([0, -1, NaN, Infinity, 2 ** 31, '5'])(
    'deadlineMs %s is refused',
    async (deadlineMs) => {
      const session = await referenceSession('mlp');
      await expectError(
        () => session.run({ x }, { deadlineMs } as never),
        'ERR_TRT_INVALID_ARGUMENT',
        'deadlineMs',
      );
    },
  );

  test('loading can be aborted', async () => {
    const plan = await referencePlan('mlp');
    const controller = new AbortController();
    const loading = Session.load(plan, { ...reference, signal: controller.signal });
    controller.abort('no more');
    const error = await expectError(() => loading, 'ERR_TRT_ABORTED', 'Session.load');
    expect(error.cause).toBe('no more');
    await expectError(
      () => Session.load(plan, { ...reference, signal: AbortSignal.abort() }),
      'ERR_TRT_ABORTED',
    );
  });
});

describe('close', () => {
  test('waits for what runs, rejects what waits, and may be repeated', async () => {
    const session = await referenceSession('mlp');
    injectFaults('delay=40');
    const running = session.run({ x });
    const waiting = session.run({ x });
    const closing = session.close();
    expect(session.close()).toBe(closing);
    expect(session.closed).toBe(true);
    await expectError(() => waiting, 'ERR_TRT_CLOSED', 'closed while this run waited');
    await expectError(() => session.run({ x }), 'ERR_TRT_CLOSED', 'expected an open session');
    await expectError(() => session.runSync({ x }), 'ERR_TRT_CLOSED');
    await expectError(() => session.memory(), 'ERR_TRT_CLOSED');
    let settled = false;
    void running.then(() => (settled = true));
    await closing;
    expect(settled).toBe(true);
    assertClose((await running).y!.data as Float32Array, firstRow, 1e-5, 'y');
    await session.close();
    await session[Symbol.asyncDispose]();
  });

  test('await using', async () => {
    let kept: Session;
    {
      await using session = await Session.load(await referencePlan('mlp'), reference);
      kept = session;
      await session.run({ x });
    }
    expect(kept.closed).toBe(true);
  });
});
