// What the models of a repository share: the response cache, and the rate limiter's resources.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ModelRepository } from 'trt-node';
import { reference } from '../../helpers/reference.js';
import { type FolderModel, repositoryFolder } from '../../helpers/serving-repository.js';

const tensors = `max_batch_size: 4
  input [ { name: "x" data_type: TYPE_INT32 dims: [ 1 ] } ]
  output [ { name: "y" data_type: TYPE_INT32 dims: [ 1 ] } ]
  parameters { key: "execution" value { string_value: "process" } }`;

const times = (factor: number): string => `exports.execute = (requests) =>
  requests.map(({ inputs: { x } }) => ({ outputs: { y: x.data.map((value) => value * ${factor}) } }));`;

test('response_cache: hits and misses are counted once, only where it is enabled, and not across a reload', async () => {
  const model = (more: string): FolderModel => ({
    config: `backend: "js" ${tensors} ${more}`,
    files: { '1/model.cjs': times(2) },
  });
  const folder = await repositoryFolder({
    cached: model('response_cache { enable: true }'),
    plain: model(''),
  });
  const repository = await ModelRepository.open(folder, {
    ...reference,
    controlMode: 'explicit',
    loadModels: ['*'],
    cache: { sizeBytes: 1 << 20 },
  });
  onTestFinished(() => repository.close());
  const ask = async (name: string, value: number): Promise<unknown> =>
    (await repository.infer(name, { x: Int32Array.of(value) })).y?.data[0];
  for (const name of ['cached', 'plain']) {
    for (const value of [3, 3, 4, 3]) expect(await ask(name, value)).toBe(2 * value);
  }
  const { statistics } = repository.model('cached');
  expect([statistics.cacheHit.count, statistics.cacheMiss.count]).toEqual([2, 2]);
  expect([statistics.executionCount, statistics.inferenceCount]).toEqual([2, 2]);
  expect(statistics.success.count).toBe(4);
  expect(statistics.cacheMiss.ns).toBeGreaterThan(0);
  const plain = repository.model('plain').statistics;
  expect([plain.cacheHit.count, plain.cacheMiss.count, plain.executionCount]).toEqual([0, 0, 4]);
  writeFileSync(path.join(folder, 'cached/1/model.cjs'), `${times(10)} // another size`);
  await repository.load('cached');
  expect(await ask('cached', 3)).toBe(30);
  expect([statistics.cacheHit.count, statistics.cacheMiss.count]).toEqual([2, 3]);
});

test('rate limiter: two models that share a resource never execute at once, and take turns', async () => {
  const running = { now: 0, most: 0, order: [] as string[] };
  Object.assign(globalThis, { rateTest: running });
  onTestFinished(() => {
    Reflect.deleteProperty(globalThis, 'rateTest');
  });
  const model = (name: string): FolderModel => ({
    config: `backend: "js" ${tensors.replace('max_batch_size: 4', 'max_batch_size: 0')}
      instance_group [ { count: 2 kind: KIND_CPU rate_limiter { resources [ { name: "R" global: true count: 1 } ] } } ]`,
    files: {
      '1/model.cjs': `exports.execute = async (requests) => {
        const { rateTest } = globalThis;
        rateTest.order.push('${name}');
        rateTest.most = Math.max(rateTest.most, ++rateTest.now);
        await new Promise((resolve) => setImmediate(resolve));
        rateTest.now--;
        return requests.map(({ inputs: { x } }) => ({ outputs: { y: x } }));
      };`,
    },
  });
  const folder = await repositoryFolder({ a: model('a'), b: model('b') });
  const repository = await ModelRepository.open(folder, {
    ...reference,
    rateLimit: 'execution_count',
    rateLimitResources: [{ name: 'R', count: 1 }],
  });
  onTestFinished(() => repository.close());
  expect(repository.index(true)).toHaveLength(2);
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const name = index < 20 ? 'a' : 'b';
      return (await repository.infer(name, { x: Int32Array.of(index) })).y?.data[0];
    }),
  );
  expect(answers).toEqual(Array.from({ length: 40 }, (_, index) => index));
  expect(running.most).toBe(1);
  expect(running.order).toHaveLength(40);
  // Neither waits until the other has nothing left.
  const half = running.order.slice(0, 20).filter((name) => name === 'a').length;
  expect(half).toBeGreaterThanOrEqual(8);
  expect(half).toBeLessThanOrEqual(12);
});
