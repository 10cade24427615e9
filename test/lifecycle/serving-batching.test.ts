// Batching for long: many callers with requests of all sizes, some given up at random; every answer is right, and nothing is left behind.

import { expect, test } from 'vitest';
import { ServingError, Tensor } from 'trt-node';
import { collectUntil } from '../helpers/gc.js';
import { servePlan } from '../helpers/served-model.js';

test('50 000 requests of 32 callers, some cancelled or too late: right answers, stable memory', async () => {
  const model = await servePlan(
    'mlp',
    `max_batch_size: 32 instance_group [ { count: 2 } ] dynamic_batching {
       max_queue_delay_microseconds: 100 default_queue_policy { allow_timeout_override: true } }`,
  );
  const inputs = Array.from({ length: 8 }, (_, index) => {
    const rows = 1 + (index % 4);
    return new Tensor('float32', new Float32Array(rows * 64).fill(index / 8), [rows, 64]);
  });
  const right: Float32Array[] = [];
  for (const x of inputs) {
    right.push((await model.infer({ x }, {})).outputs.y?.data as Float32Array);
  }
  let wrong = 0;
  let answered = 0;
  const refused = new Set<string>();
  const caller = async (count: number): Promise<void> => {
    for (let request = 0; request < count; request++) {
      const index = Math.floor(Math.random() * inputs.length);
      const luck = Math.random();
      const controller = luck < 0.02 ? new AbortController() : undefined;
      const answer = model.infer(
        { x: inputs[index] as Tensor },
        {
          signal: controller?.signal,
          timeoutMs: luck > 0.99 ? 0.01 : undefined,
        },
      );
      controller?.abort();
      try {
        const data = (await answer).outputs.y?.data as Float32Array;
        answered++;
        const expected = right[index] as Float32Array;
        if (
          data.length !== expected.length ||
          data.some((value, at) => Math.abs(value - (expected[at] ?? NaN)) > 1e-6)
        )
          wrong++;
      } catch (error) {
        refused.add(error instanceof ServingError ? error.code : String(error));
      }
    }
  };
  const load = (count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: 32 }, () => caller(count)));
  await load(400);
  await collectUntil(() => false, 5);
  const before = process.memoryUsage();
  await load(1200);
  await collectUntil(() => false, 5);
  const after = process.memoryUsage();
  expect(wrong).toBe(0);
  expect([...refused].sort()).toEqual(['ERR_TRT_REQUEST_CANCELLED', 'ERR_TRT_REQUEST_TIMEOUT']);
  expect(model.pending).toBe(0);
  const { failures, success } = model.statistics;
  expect(success.count).toBe(answered + inputs.length);
  expect(failures.CANCELED + failures.REJECTED + answered).toBe(32 * 1600);
  expect(after.heapUsed - before.heapUsed).toBeLessThan(8 * 2 ** 20);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 2 ** 20);
});
