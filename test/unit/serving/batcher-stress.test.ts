// The batcher under everything at once: sizes, shapes, priorities, timeouts, cancelled requests, failing batches; each request settles once, with its own numbers.

import { expect, test } from 'vitest';
import { ServingError } from 'trt-node';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import type { Batch } from '../../../lib/serving/model/backend.js';
import type { PendingRequest } from '../../../lib/serving/request.js';
import { collectUntil } from '../../helpers/gc.js';
import { items, stubModel } from '../../helpers/stub-backend.js';

type Random = (below: number) => number;

/** Integers below a bound, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** After some turns of the event loop, or a moment. */
function later(random: Random, action: () => void): void {
  const turns = random(4);
  if (turns === 3) setTimeout(action, random(3));
  else if (turns === 0) process.nextTick(action);
  else setImmediate(action);
}

interface Seen {
  rows: number;
  /** Requests in the order in which they were sent to the backend. */
  readonly sent: PendingRequest[];
}

/** Ends each batch after a while, some of them by failing; sees that batches are as they have to be. */
function drive(
  backend: ReturnType<typeof stubModel>['backend'],
  random: Random,
  most: number,
): Seen {
  const seen: Seen = { rows: 0, sent: [] };
  const accept = backend.execute.bind(backend);
  backend.execute = (batch: Batch): void => {
    accept(batch);
    const sum = batch.requests.reduce((rows, { batchSize }) => rows + batchSize, 0);
    expect([batch.size, batch.requests.some(({ settled }) => settled)]).toEqual([sum, false]);
    expect(batch.size).toBeLessThanOrEqual(most);
    expect(new Set(batch.requests.map(({ inputs }) => inputs[0]?.shape[1])).size).toBe(1);
    expect(batch.requests.every(({ startedAt }) => startedAt !== undefined)).toBe(true);
    seen.rows += sum;
    seen.sent.push(...batch.requests);
    const fails = random(12) === 0;
    later(random, () => {
      const now = performance.now();
      backend.free++;
      const error = new Error('on purpose');
      for (const request of batch.requests) {
        if (fails) request.fail(error, 'BACKEND');
        else request.complete([request.inputs[0]]);
      }
      const timing = { start: now, computeStart: now, computeEnd: now, end: now };
      batch.ended(timing, fails ? error : undefined);
      backend.onFree?.();
    });
  };
  return seen;
}

const configs = [
  'max_batch_size: 8 dynamic_batching { }',
  'max_batch_size: 8 dynamic_batching { preserve_ordering: true max_queue_delay_microseconds: 800 }',
  'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 2, 4 ] max_queue_delay_microseconds: 1500 }',
  `max_batch_size: 6 dynamic_batching { preserve_ordering: true priority_levels: 3 default_priority_level: 2
     default_queue_policy { max_queue_size: 20 allow_timeout_override: true }
     priority_queue_policy { key: 3 value { timeout_action: DELAY default_timeout_microseconds: 900 allow_timeout_override: true } } }`,
  `max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 500
     default_queue_policy { default_timeout_microseconds: 1500 allow_timeout_override: true } }`,
  'max_batch_size: 8',
];

const cases = configs.flatMap((config, index) =>
  [1, 2, 3].map((instances) => [config, instances, index * 10 + instances] as const),
);

test.each(cases)('%s, %i instances, seed %i', async (config, instances, seed) => {
  const random = randomNumbers(seed);
  const { model, backend } = stubModel(config, instances, '-1');
  const most = Number(/max_batch_size: (\d+)/.exec(config)?.[1]);
  const seen = drive(backend, random, most);
  const outcomes = { right: 0, wrong: 0, CANCELLED: 0, BACKEND: 0, REJECTED: 0 };
  let answeredRows = 0;
  const settled: number[] = [];
  const ask = async (id: number): Promise<void> => {
    const rows = 1 + random(most);
    const data = Int32Array.from({ length: rows * (1 + random(2)) }, (_, at) => id * 100 + at);
    const x = new InferTensor('INT32', data, [rows, data.length / rows]);
    const controller = random(8) === 0 ? new AbortController() : undefined;
    if (controller !== undefined) later(random, () => controller.abort());
    const timeoutMs = random(8) === 0 ? random(2) + 0.2 : undefined;
    try {
      const { outputs } = await model.infer(
        { x },
        { signal: controller?.signal, timeoutMs, priority: random(4) },
      );
      const { y } = outputs;
      const own = y?.shape[0] === rows && (y.data as Int32Array).every((n, at) => n === data[at]);
      outcomes[own ? 'right' : 'wrong']++;
      answeredRows += rows;
      settled.push(id);
    } catch (error) {
      if (!(error instanceof ServingError)) outcomes.BACKEND++;
      else outcomes[error.code === 'ERR_TRT_REQUEST_CANCELLED' ? 'CANCELLED' : 'REJECTED']++;
    }
  };
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let round = 0; round < 30; round++) {
      const burst = Array.from({ length: 1 + random(4) }, (_one, at) =>
        ask((caller * 30 + round) * 4 + at),
      );
      await Promise.all(burst);
      if (random(5) === 0) await new Promise((resolve) => setTimeout(resolve, random(3)));
    }
  });
  await Promise.all(callers);
  await model.drain();
  const { wrong, right, CANCELLED, BACKEND, REJECTED } = outcomes;
  const { success, failures, inferenceCount, fail } = model.statistics;
  expect([wrong, model.pending, backend.free]).toEqual([0, 0, instances]);
  expect([right, CANCELLED, BACKEND, REJECTED]).toEqual([
    success.count,
    failures.CANCELED,
    failures.BACKEND,
    failures.REJECTED,
  ]);
  expect(fail.count).toBe(CANCELLED + BACKEND + REJECTED);
  expect(right).toBeGreaterThan(50);
  // What was withdrawn before it was sent never got there: all rows that did are those of answers, failed batches, and cancelled in flight.
  const lost = seen.sent.filter(({ inputs }) => {
    const id = Math.floor((inputs[0]?.data[0] as number) / 100);
    return !settled.includes(id);
  });
  expect(lost.length).toBeGreaterThanOrEqual(BACKEND);
  expect(lost.length).toBeLessThanOrEqual(BACKEND + CANCELLED);
  const lostRows = lost.reduce((sum, { batchSize }) => sum + batchSize, 0);
  expect(seen.rows).toBe(answeredRows + lostRows);
  expect(inferenceCount).toBeLessThanOrEqual(seen.rows);
  if (config.includes('preserve_ordering')) {
    const order = seen.sent.map(({ inputs }) => Math.floor((inputs[0]?.data[0] as number) / 100));
    expect(settled).toEqual(order.filter((id) => settled.includes(id)));
  }
  await model.close();
});

test('a lone request is sent before the next turn of the event loop', async () => {
  const { model, backend } = stubModel('max_batch_size: 8 dynamic_batching { }');
  const answer = model.infer(items(1), {});
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(backend.sizes).toEqual([1]);
  backend.finish(0);
  await answer;
});

test('clients that come and go while the backend hangs do not fill the memory', async () => {
  const { model, backend } = stubModel('max_batch_size: 1 dynamic_batching { }');
  const first = model.infer(items(0), {});
  await new Promise((resolve) => setImmediate(resolve));
  expect(backend.sizes).toEqual([1]);
  const gone: WeakRef<InferTensor>[] = [];
  for (let round = 0; round < 5000; round++) {
    const controller = new AbortController();
    const { x } = items(round);
    const answer = model.infer({ x }, { signal: controller.signal });
    gone.push(new WeakRef(x));
    controller.abort();
    await answer.catch(() => undefined);
  }
  expect(model.pending).toBe(1);
  await collectUntil(() => false, 3);
  expect(gone.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(2500);
  backend.finish(0);
  await first;
  await model.drain();
});
