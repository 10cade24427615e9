// Queue policies, priorities, timeouts, cancelling; as Triton's L0_model_queue and L0_request_cancellation.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ServingError } from 'trt-node';
import { items, stubModel } from '../../helpers/stub-backend.js';

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
};

/** What a request came to: the value that it gave, or the message and status of its error. */
const outcome = (
  answer: Promise<{ outputs: Record<string, { data: unknown }> }>,
): Promise<unknown> =>
  answer.then(
    ({ outputs }) => (outputs.y?.data as Int32Array)[0],
    (error: unknown) =>
      error instanceof ServingError ? `${error.status}: ${error.reason}` : error,
  );

test('a full queue refuses at once', async () => {
  const { model, backend } = stubModel(
    'max_batch_size: 1 dynamic_batching { default_queue_policy { max_queue_size: 2 } }',
  );
  const first = model.infer(items(0));
  await turns();
  const rest = [1, 2, 3].map((value) => outcome(model.infer(items(value))));
  expect(await rest[2]).toBe('UNAVAILABLE: Exceeds maximum queue size');
  expect(model.statistics.failures.REJECTED).toBe(1);
  for (let batch = 0; batch < 3; batch++) backend.finish(batch);
  expect([await outcome(first), await rest[0], await rest[1]]).toEqual([0, 1, 2]);
});

test('where no policy bounds the queue, the server does', async () => {
  const { model } = stubModel('max_batch_size: 1', 1, '1', 1);
  void model.infer(items(0));
  await turns();
  void model.infer(items(1));
  expect(await outcome(model.infer(items(2)))).toBe('UNAVAILABLE: Exceeds maximum queue size');
});

test('REJECT: what has waited too long never reaches the backend', async () => {
  const { model, backend } = stubModel(
    'max_batch_size: 1 dynamic_batching { default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 5000 } }',
  );
  const first = outcome(model.infer(items(0)));
  await turns();
  expect(await outcome(model.infer(items(1)))).toBe('UNAVAILABLE: Request timeout expired');
  expect(model.pending).toBe(1);
  backend.finish(0);
  expect(await first).toBe(0);
  await turns();
  expect(backend.sizes).toEqual([1]);
});

test('DELAY: what has waited too long goes after the others', async () => {
  const { model, backend } = stubModel(
    'max_batch_size: 1 dynamic_batching { default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 60000000 allow_timeout_override: true } }',
  );
  const order: unknown[] = [];
  const send = (value: number, timeoutMs?: number): Promise<unknown> =>
    model.infer(items(value), { timeoutMs }).then(() => order.push(value));
  const answers = [send(0)];
  await turns();
  answers.push(send(1, 2), send(2));
  await sleep(20);
  for (let batch = 0; batch < 3; batch++) backend.finish(batch);
  await Promise.all(answers);
  expect(order).toEqual([0, 2, 1]);
});

test("a request's own timeout counts only where the policy allows it, and only shortens", async () => {
  const policy = (allow: boolean): string =>
    `max_batch_size: 1 dynamic_batching { default_queue_policy { default_timeout_microseconds: 60000000 allow_timeout_override: ${allow} } }`;
  for (const allowed of [true, false]) {
    const { model, backend } = stubModel(policy(allowed));
    const first = outcome(model.infer(items(0)));
    await turns();
    const second = outcome(model.infer(items(1), { timeoutMs: 2 }));
    await sleep(20);
    backend.finish(0);
    await first;
    if (!allowed) backend.finish(1);
    expect(await second).toBe(allowed ? 'UNAVAILABLE: Request timeout expired' : 1);
  }
});

test('a timeout that is later than the queue delay does not put the batch off', async () => {
  const { model, backend } = stubModel(
    `max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 5000
       default_queue_policy { default_timeout_microseconds: 60000000 } }`,
  );
  const first = outcome(model.infer(items(0)));
  await turns();
  const second = outcome(model.infer(items(1)));
  await sleep(30);
  expect(backend.sizes).toEqual([2]);
  backend.finish(0);
  expect([await first, await second]).toEqual([0, 1]);
});

test('a timeout that is earlier than the queue delay rejects while an instance is free', async () => {
  const { model, backend } = stubModel(
    `max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 60000000
       default_queue_policy { default_timeout_microseconds: 5000 } }`,
  );
  expect(await outcome(model.infer(items(0)))).toBe('UNAVAILABLE: Request timeout expired');
  expect(backend.sizes).toEqual([]);
});

test('lower levels are more urgent; each level has its own policy', async () => {
  const { model, backend } = stubModel(
    `max_batch_size: 1 dynamic_batching { priority_levels: 3 default_priority_level: 2
       priority_queue_policy { key: 3 value { max_queue_size: 1 } } }`,
  );
  const order: number[] = [];
  const send = (value: number, priority?: number): Promise<unknown> =>
    outcome(model.infer(items(value), { priority })).then((result) => {
      order.push(value);
      return result;
    });
  const first = send(0);
  await turns();
  const answers = [send(30, 3), send(20), send(10, 1), send(21, 9)];
  expect(await send(31, 3)).toBe('UNAVAILABLE: Exceeds maximum queue size');
  for (let batch = 0; batch < 5; batch++) backend.finish(batch);
  await Promise.all([first, ...answers]);
  expect(order).toEqual([31, 0, 10, 20, 21, 30]);
});

test('a request whose signal aborts while it waits never reaches the backend', async () => {
  const { model, backend } = stubModel('max_batch_size: 4 dynamic_batching { }');
  const controller = new AbortController();
  const first = outcome(model.infer(items(0)));
  await turns();
  const cancelled = outcome(model.infer(items(1), { signal: controller.signal }));
  const last = outcome(model.infer(items(2)));
  controller.abort(new Error('gone'));
  expect(await cancelled).toBe('CANCELLED: Request cancelled');
  expect(model.pending).toBe(2);
  backend.finish(0);
  expect(backend.sizes).toEqual([1, 1]);
  backend.finish(1);
  expect([await first, await last]).toEqual([0, 2]);
  expect(model.statistics.failures.CANCELED).toBe(1);
});

test('aborted before it is sent, or while it runs: it fails at once, and the batch goes on', async () => {
  const { model, backend } = stubModel('max_batch_size: 4 dynamic_batching { }');
  expect(await outcome(model.infer(items(9), { signal: AbortSignal.abort() }))).toBe(
    'CANCELLED: Request cancelled',
  );
  const controller = new AbortController();
  const running = outcome(model.infer(items(1), { signal: controller.signal }));
  const beside = outcome(model.infer(items(2)));
  await turns();
  controller.abort();
  expect(await running).toBe('CANCELLED: Request cancelled');
  backend.finish(0);
  expect(await beside).toBe(2);
  await model.drain();
  expect(model.pending).toBe(0);
});

test('closing fails what waits', async () => {
  const { model } = stubModel('max_batch_size: 1');
  void model.infer(items(0));
  await turns();
  const waiting = outcome(model.infer(items(1)));
  await model.close();
  expect(await waiting).toMatch(/^UNAVAILABLE: the model was unloaded/);
  expect(await outcome(model.infer(items(2)))).toMatch(/^UNAVAILABLE/);
});
