// How the end of runs is noticed: the cases of completion.test.ts and completion-spinning.test.ts, which differ in whether threads may spin.

import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Session, type SessionOptions } from 'trt-node';
import { expectError } from './expect-error.js';
import { injectFaults, referenceSession } from './reference.js';

const modes = ['adaptive', 'spin', 'block'] as const;

/** mlp's answers to inputs that differ from each other. */
interface Answer {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

async function makeAnswers(count: number): Promise<Answer[]> {
  const plain = await referenceSession('mlp', { cudaGraph: 'off' });
  return Array.from({ length: count }, (_, index) => {
    const x = Float32Array.from({ length: 64 }, (_unused, i) => Math.sin(index * 17 + i));
    return { x, y: plain.runSync({ x }).y!.data as Float32Array };
  });
}

async function check(session: Session, { x, y }: Answer): Promise<void> {
  expect((await session.run({ x })).y!.data).toEqual(y);
}

/** Blocks this thread, as code of a user's may. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

function load(options: SessionOptions): Promise<Session> {
  return referenceSession('mlp', options);
}

/** Registers all cases. */
export function completionCases(): void {
  describe.each(modes)('%s', (completion) => {
    test.each([
      [1, 1],
      [1, 4],
      [1, 16],
      [4, 1],
      [4, 4],
      [4, 16],
    ])('%i instances, %i in flight: right results, in order', async (instances, inFlight) => {
      const answers = await makeAnswers(inFlight);
      const session = await load({ completion, instances });
      const rounds = 60;
      for (let round = 0; round < rounds; round++) {
        const settled: number[] = [];
        await Promise.all(
          answers.map(async (answer, index) => {
            await check(session, answer);
            settled.push(index);
          }),
        );
        expect(settled).toHaveLength(inFlight);
        // One slot serves in the order of the calls.
        if (instances === 1) expect(settled).toEqual(answers.map((_, index) => index));
      }
      const stats = session.stats();
      expect(stats).toMatchObject({ completed: rounds * inFlight, failed: 0, abandoned: 0 });
      expect(stats).toMatchObject({ running: 0, queued: 0 });
      expect(stats.launches.onEventLoop + stats.launches.onThread).toBe(rounds * inFlight);
      const { hits, fallbacks } = stats.cudaGraph;
      expect(fallbacks).toBe(0);
      expect(hits).toBeGreaterThan((rounds - 10) * Math.min(inFlight, instances) - 10);
    });

    test('a failing run among good ones', async () => {
      const answers = await makeAnswers(12);
      for (const cudaGraph of ['auto', 'off'] as const) {
        const session = await load({ completion, instances: 4, cudaGraph });
        await Promise.all(answers.map((answer) => check(session, answer)));
        injectFaults('delay=2,copy@7');
        const results = await Promise.allSettled(answers.map((answer) => check(session, answer)));
        injectFaults('');
        const failed = results.filter(({ status }) => status === 'rejected');
        // A graph copies by itself: then the fault meets nobody.
        expect(failed.length).toBeLessThanOrEqual(1);
        if (cudaGraph === 'off') expect(failed).toHaveLength(1);
        for (const { reason } of failed as PromiseRejectedResult[]) {
          expect(reason).toMatchObject({ code: 'ERR_TRT_CUDA' });
        }
        await Promise.all(answers.map((answer) => check(session, answer)));
        expect(session.stats()).toMatchObject({ failed: failed.length, running: 0, queued: 0 });
      }
    });

    test('a run that takes a hundred times what was expected', async () => {
      const [answer] = (await makeAnswers(1)) as [Answer];
      const session = await load({ completion });
      for (const [usual, long] of [
        [0, 30],
        [1, 150],
      ]) {
        injectFaults(`delay=${usual}`);
        for (let run = 0; run < 30; run++) await check(session, answer);
        injectFaults(`delay=${long}`);
        await check(session, answer);
      }
      expect(session.stats()).toMatchObject({ completed: 62, running: 0 });
    });

    test('runs end while the event loop is held up', async () => {
      const answers = await makeAnswers(4);
      const session = await load({ completion, instances: 4 });
      for (let round = 0; round < 4; round++) {
        injectFaults(`delay=${round * 5}`);
        const runs = answers.map((answer) => check(session, answer));
        block(50);
        await Promise.all(runs);
      }
      expect(session.stats()).toMatchObject({ completed: 16, running: 0 });
    });

    test('runs are started from everywhere in a turn of the loop', async () => {
      const answers = await makeAnswers(8);
      const session = await load({ completion, instances: 2 });
      const at = (index: number): Promise<void> => check(session, answers[index % 8] as Answer);
      for (let round = 0; round < 10; round++) {
        await Promise.all([
          new Promise((resolve) => setImmediate(() => resolve(at(1)))),
          new Promise((resolve) => process.nextTick(() => resolve(at(2)))),
          new Promise((resolve) => queueMicrotask(() => resolve(at(3)))),
          new Promise((resolve) => setTimeout(() => resolve(at(4)), 1)),
          Promise.resolve().then(() => at(5)),
          at(6)
            .then(() => at(7))
            .then(() => at(8)),
        ]);
      }
      expect(session.stats()).toMatchObject({ completed: 80, running: 0, queued: 0 });
    });

    test('timers and setImmediate are served while runs are in flight', async () => {
      const [answer] = (await makeAnswers(1)) as [Answer];
      const session = await load({ completion });
      await check(session, answer);
      injectFaults('delay=200');
      let settled = false;
      const run = check(session, answer).then(() => (settled = true));
      let timers = 0;
      let immediates = 0;
      const interval = setInterval(() => timers++, 5);
      while (timers < 3 || immediates < 20) {
        await turn();
        immediates++;
      }
      expect(settled).toBe(false);
      clearInterval(interval);
      await run;
    });

    test('close() lets what runs end, and rejects what waits', async () => {
      const answers = await makeAnswers(6);
      for (let round = 0; round < 5; round++) {
        const session = await load({ completion, instances: 3 });
        if (round > 0) for (const answer of answers) await check(session, answer);
        injectFaults(`delay=${round * 3}`);
        const runs = answers.map((answer) => check(session, answer));
        const closing = session.close();
        const results = await Promise.allSettled(runs);
        await closing;
        expect(results.map(({ status }) => status)).toEqual([
          ...['fulfilled', 'fulfilled', 'fulfilled'],
          ...['rejected', 'rejected', 'rejected'],
        ]);
        for (const run of runs.slice(3)) await expectError(() => run, 'ERR_TRT_CLOSED');
        expect(session.stats()).toMatchObject({ running: 0, queued: 0 });
      }
    });

    test('data-dependent outputs, which wait where they are launched', async () => {
      const session = await referenceSession('nonzero', { completion, instances: 3 });
      const runs = Array.from({ length: 24 }, async (_, index) => {
        const x = new Float32Array(8);
        x[index % 8] = 1;
        const { y } = await session.run({ x });
        expect(Array.from(y!.data as BigInt64Array, Number)).toEqual([0, index % 8]);
      });
      await Promise.all(runs);
      expect(session.stats()).toMatchObject({ completed: 24, running: 0 });
    });

    test('runSync between asynchronous runs', async () => {
      const answers = await makeAnswers(3);
      const session = await load({ completion, instances: 2 });
      for (let round = 0; round < 50; round++) {
        const run = check(session, answers[0] as Answer);
        const { x, y } = answers[1 + (round % 2)] as Answer;
        expect(session.runSync({ x }).y!.data).toEqual(y);
        await run;
      }
    });
  });

  test('sessions of different modes at the same time', async () => {
    const answers = await makeAnswers(6);
    const sessions = await Promise.all(
      modes.map((completion, index) => load({ completion, instances: index + 1 })),
    );
    for (let round = 0; round < 30; round++) {
      await Promise.all(
        sessions.flatMap((session) => answers.map((answer) => check(session, answer))),
      );
    }
    for (const session of sessions) {
      expect(session.stats()).toMatchObject({ completed: 180, failed: 0, running: 0 });
    }
  });

  test('what has ended costs nothing afterwards', async () => {
    const [answer] = (await makeAnswers(1)) as [Answer];
    for (const completion of modes) {
      const session = await load({ completion });
      for (let run = 0; run < 4000; run++) await session.run({ x: answer.x });
    }
    await sleep(100);
    const before = process.cpuUsage();
    await sleep(1000);
    const { user, system } = process.cpuUsage(before);
    // Nothing watches: 0.5 ms of a second, where what was left behind took 10 ms and more.
    expect(user + system).toBeLessThan(8_000);
  });
}
