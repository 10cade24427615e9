// Dynamic batching on plans: numbers of gathered batches, sizes, order, delays; as Triton's L0_batcher.

import { expect, test } from 'vitest';
import { Tensor } from 'trt-node';
import { expectError } from '../../helpers/expect-error.js';
import { referenceSession } from '../../helpers/reference.js';
import { servePlan } from '../../helpers/served-model.js';

const batched = 'max_batch_size: 32 dynamic_batching { }';

test('a request is answered with the numbers of a run by itself', async () => {
  const model = await servePlan('mlp', undefined);
  const session = await referenceSession('mlp');
  const x = Float32Array.from({ length: 64 }, (_, index) => index / 64);
  const { outputs, modelName, modelVersion } = await model.infer({ x }, {});
  const { y } = await session.run({ x });
  expect([modelName, modelVersion]).toEqual(['mlp', '1']);
  expect(outputs.y?.shape).toEqual([1, 32]);
  expect(outputs.y?.data).toEqual(y?.data);
});

test('concurrent requests of random sizes share batches, and each gets its own rows', async () => {
  const model = await servePlan('mlp', `${batched} instance_group [ { count: 2 } ]`);
  const session = await referenceSession('mlp');
  const requests = Array.from({ length: 100 }, (_, index) => {
    const rows = 1 + ((index * 7) % 5);
    const data = Float32Array.from({ length: rows * 64 }, () => Math.random() - 0.5);
    return new Tensor('float32', data, [rows, 64]);
  });
  const answers = await Promise.all(requests.map((x) => model.infer({ x }, {})));
  for (const [index, x] of requests.entries()) {
    const { y } = await session.run({ x });
    expect(answers[index]?.outputs.y?.shape).toEqual(y?.shape);
    const got = answers[index]?.outputs.y?.data as Float32Array;
    for (const [at, value] of (y?.data as Float32Array).entries()) {
      expect(Math.abs((got[at] ?? NaN) - value)).toBeLessThan(1e-6);
    }
  }
  expect(model.statistics.inferenceCount).toBe(
    requests.reduce((sum, x) => sum + (x.shape[0] ?? 0), 0),
  );
  expect(model.statistics.executionCount).toBeLessThan(30);
  expect(Math.max(...model.statistics.batches.keys())).toBeLessThanOrEqual(32);
});

test('an array that is transferred while its request waits fails that request, and no other of the batch', async () => {
  const model = await servePlan('mlp', batched);
  const rows = [0, 1, 2].map((index) => new Float32Array(64).fill(index / 4));
  const alone = await Promise.all(rows.map((x) => model.infer({ x: x.slice() }, {})));
  const answers = rows.map((x) => model.infer({ x }, {}));
  const settled = Promise.allSettled(answers);
  structuredClone(rows[1], { transfer: [rows[1]?.buffer as ArrayBuffer] });
  const [first, second, third] = await settled;
  expect(first).toMatchObject({ status: 'fulfilled' });
  await expectError(() => answers[1], 'ERR_TRT_REQUEST', "input 'x' was taken away");
  expect(second?.status).toBe('rejected');
  const got = third?.status === 'fulfilled' ? third.value.outputs.y?.data : undefined;
  expect(got).toEqual(alone[2]?.outputs.y?.data);
});
