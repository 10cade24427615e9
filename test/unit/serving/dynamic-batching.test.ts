// What the batcher sends, when and why; as Triton's L0_batcher.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { items, stubModel } from '../../helpers/stub-backend.js';

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
};

test('callers of the same turn of the event loop join one batch', async () => {
  const { model, backend } = stubModel('max_batch_size: 8 dynamic_batching { }');
  const answers = [1, 2, 3].map((value) => model.infer(items(value)));
  expect(backend.batches).toEqual([]);
  await turns();
  expect(backend.sizes).toEqual([3]);
  backend.finish(0);
  expect((await Promise.all(answers)).map(({ outputs }) => outputs.y?.data)).toEqual(
    [1, 2, 3].map((value) => Int32Array.of(value)),
  );
  expect([...model.statistics.dispatches]).toEqual([['immediate', 1]]);
});

test('while all instances are busy the queue grows, and as many as fit go next', async () => {
  const { model, backend } = stubModel('max_batch_size: 4 dynamic_batching { }');
  const answers = [model.infer(items(0))];
  await turns();
  for (let value = 1; value <= 6; value++) answers.push(model.infer(items(value)));
  await turns();
  expect(backend.sizes).toEqual([1]);
  expect(model.pending).toBe(7);
  for (let batch = 0; batch < 3; batch++) backend.finish(batch);
  expect(backend.sizes).toEqual([1, 4, 2]);
  await Promise.all(answers);
  expect(model.pending).toBe(0);
  expect(model.statistics.dispatches.get('full')).toBe(1);
});

test('many requests are shared among the instances that are free', async () => {
  const { model, backend } = stubModel('max_batch_size: 64 dynamic_batching { }', 2);
  const answers = Array.from({ length: 64 }, (_, value) => model.infer(items(value)));
  await turns();
  expect(backend.sizes).toEqual([32, 32]);
  backend.finish(0);
  backend.finish(1);
  await Promise.all(answers);
});

test('a request is not split, nor a batch made larger than max_batch_size', async () => {
  const { model, backend } = stubModel('max_batch_size: 8 dynamic_batching { }', 3);
  void model.infer(items(1, 2, 3, 4, 5));
  void model.infer(items(1, 2, 3, 4));
  void model.infer(items(1, 2, 3, 4));
  await turns();
  expect(backend.sizes).toEqual([5, 8]);
});

test('preferred sizes go at once, the rest waits for the delay', async () => {
  const { model, backend } = stubModel(
    'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 2, 4 ] max_queue_delay_microseconds: 20000 }',
    4,
  );
  for (let value = 0; value < 3; value++) void model.infer(items(value));
  await turns();
  expect(backend.sizes).toEqual([2]);
  await sleep(40);
  expect(backend.sizes).toEqual([2, 1]);
  expect(Object.fromEntries(model.statistics.dispatches)).toEqual({ preferred: 1, delay: 1 });
});

test('with a delay a batch goes as soon as it has the preferred size', async () => {
  const { model, backend } = stubModel(
    'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 60000000 }',
  );
  for (let value = 0; value < 3; value++) void model.infer(items(value));
  await turns();
  expect(backend.sizes).toEqual([]);
  void model.infer(items(3));
  await turns();
  expect(backend.sizes).toEqual([4]);
});

test('a request that does not fit sends those before it, whatever the delay', async () => {
  const { model, backend } = stubModel(
    'max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 60000000 }',
    1,
    '-1',
  );
  void model.infer({ x: new InferTensor('INT32', new Int32Array(2), [1, 2]) });
  await turns();
  expect(backend.sizes).toEqual([]);
  void model.infer({ x: new InferTensor('INT32', new Int32Array(3), [1, 3]) });
  await turns();
  expect(backend.sizes).toEqual([1]);
});

test('draining does not wait for the delay', async () => {
  const { model, backend } = stubModel(
    'max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 60000000 }',
  );
  const answer = model.infer(items(1));
  await turns();
  expect(backend.sizes).toEqual([]);
  const drained = model.drain();
  expect(backend.sizes).toEqual([1]);
  backend.finish(0);
  await drained;
  expect((await answer).outputs.y?.data).toEqual(Int32Array.of(1));
  expect(Object.fromEntries(model.statistics.dispatches)).toEqual({ drain: 1 });
});

test('items of different shapes are in different batches', async () => {
  const { model, backend } = stubModel('max_batch_size: 8 dynamic_batching { }', 3, '-1');
  const item = (length: number): { x: InferTensor } => ({
    x: new InferTensor('INT32', new Int32Array(length), [1, length]),
  });
  void model.infer(item(2));
  void model.infer(item(2));
  void model.infer(item(3));
  void model.infer(item(2));
  await turns();
  expect(backend.sizes).toEqual([2, 1, 1]);
});

test('without dynamic_batching each request is a batch, in order', async () => {
  const { model, backend } = stubModel('max_batch_size: 8');
  const answers = [1, 2, 3].map((value) => model.infer(items(value)));
  await turns();
  expect(backend.sizes).toEqual([1]);
  for (let batch = 0; batch < 3; batch++) backend.finish(batch);
  expect(backend.sizes).toEqual([1, 1, 1]);
  expect((await Promise.all(answers)).map(({ outputs }) => outputs.y?.data[0])).toEqual([1, 2, 3]);
});

test('preserve_ordering: answers leave in the order of their requests, whichever batch ends first', async () => {
  const { model, backend } = stubModel(
    'max_batch_size: 1 dynamic_batching { preserve_ordering: true }',
    3,
  );
  const order: number[] = [];
  const controller = new AbortController();
  const answers = [0, 1, 2].map((value) =>
    model.infer(items(value), { signal: value === 0 ? controller.signal : undefined }).then(
      () => order.push(value),
      () => order.push(-1),
    ),
  );
  await turns();
  expect(backend.sizes).toEqual([1, 1, 1]);
  backend.finish(2);
  backend.finish(1);
  await turns();
  expect(order).toEqual([]);
  // Nobody waits for one that was given up.
  controller.abort();
  await Promise.all(answers);
  expect(order).toEqual([-1, 1, 2]);
});
