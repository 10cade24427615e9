// The rate limiter: resources that models share, and who goes first. Triton's L0_rate_limiter.

import { describe, expect, test } from 'vitest';
import type { ModelConfig } from '../../../lib/serving/config/model-config.js';
import type { Backend } from '../../../lib/serving/model/backend.js';
import { ModelStatistics } from '../../../lib/serving/model/statistics.js';
import { Batcher } from '../../../lib/serving/scheduler/batcher.js';
import { createRateLimiter } from '../../../lib/serving/scheduler/rate-limiter.js';
import { expectError } from '../../helpers/expect-error.js';
import { FakeBackend, turns } from '../../helpers/fake-backend.js';
import {
  TestRequest,
  fp32,
  instances,
  modelConfig,
  runBatch,
} from '../../helpers/serving-models.js';

interface Resource {
  name: string;
  global: boolean;
  count: number;
}

function needs(...resources: [string, number, 'global'?][]): Resource[] {
  return resources.map(([name, count, global]) => ({ name, count, global: global === 'global' }));
}

function config(
  name: string,
  resources: Resource[],
  { count = 1, priority = 0, gpus = [] as number[] } = {},
): ModelConfig {
  return modelConfig({
    name,
    instance_group: [instances(count, { gpus, rate_limiter: { resources, priority } })],
  });
}

function backend(capacity = 8): FakeBackend {
  return new FakeBackend(({ inputs }) => [[inputs[0]]], capacity, true);
}

/** A model behind the limiter, fed by a batcher. */
function model(limited: Backend, given: ModelConfig) {
  const statistics = new ModelStatistics();
  const batcher = new Batcher({
    config: given,
    backend: limited,
    statistics,
    maxQueueSize: 1000,
    fits: () => true,
  });
  return {
    send: (count = 1): TestRequest[] =>
      Array.from({ length: count }, () => {
        const request = new TestRequest([fp32([1], [1])]);
        batcher.enqueue(request);
        return request;
      }),
  };
}

describe('resources', () => {
  test('of one model bound how many of its instances execute', async () => {
    const limiter = createRateLimiter([{ name: 'R', count: 2 }]);
    const inner = backend();
    const given = config('a', needs(['R', 1]), { count: 3 });
    const { send } = model(limiter.limit(inner, 'a', given), given);
    const requests = send(3);
    await turns();
    expect(inner.batches).toHaveLength(2);
    inner.end();
    await turns();
    expect(inner.batches).toHaveLength(3);
    inner.end();
    inner.end();
    await Promise.all(requests.map(({ answer }) => answer));
  });

  test('are as many as the instance that needs most wants, where nothing is said', async () => {
    const limiter = createRateLimiter();
    const [a, b] = [backend(), backend()];
    const [first, second] = [
      config('a', needs(['R', 4])),
      config('b', needs(['R', 2]), { count: 3 }),
    ];
    const modelA = model(limiter.limit(a, 'a', first), first);
    const modelB = model(limiter.limit(b, 'b', second), second);
    modelB.send(3);
    await turns();
    expect(b.batches).toHaveLength(2);
    modelA.send();
    await turns();
    expect(a.batches).toHaveLength(0);
    b.end();
    b.end();
    await turns();
    expect(a.batches.length + b.batches.length).toBe(3);
  });

  test('of different devices do not get into each other’s way, global ones do', async () => {
    const run = async (resource: Resource[]): Promise<number> => {
      const limiter = createRateLimiter();
      const [a, b] = [backend(), backend()];
      const first = config('a', resource, { gpus: [0] });
      const second = config('b', resource, { gpus: [1] });
      model(limiter.limit(a, 'a', first), first).send();
      model(limiter.limit(b, 'b', second), second).send();
      await turns();
      return a.batches.length + b.batches.length;
    };
    expect(await run(needs(['R', 1]))).toBe(2);
    expect(await run(needs(['R', 1, 'global']))).toBe(1);
  });

  test('that a model does not ask for do not hold it up', () => {
    const inner = backend();
    const plain = modelConfig({ name: 'p', instance_group: [instances(2)] });
    expect(createRateLimiter().limit(inner, 'p', plain)).toBe(inner);
  });

  test('are given back when a model is unloaded', async () => {
    const limiter = createRateLimiter();
    const big = config('a', needs(['R', 10]));
    const limited = limiter.limit(backend(), 'a', big);
    const small = config('b', needs(['R', 6]), { count: 2 });
    const inner = backend();
    const { send } = model(limiter.limit(inner, 'b', small), small);
    await limited.close();
    send(2);
    await turns();
    expect(inner.batches).toHaveLength(1); // 6 there are, no longer 10
  });

  test.each<[{ name: string; count: number; device?: number }[], Resource[], string, string]>([
    [
      [{ name: 'R', count: 3 }],
      needs(['R', 4]),
      'Resource count for "R" is limited to 3',
      'minimum required count is 4',
    ],
    [[{ name: 'R', count: 9, device: 1 }], needs(['R', 4]), 'limited to 0', 'count is 4'],
    [[{ name: 'S', count: 9 }], needs(['R', 1]), 'limited to 0', 'count is 1'],
    [
      [],
      needs(['R', 1], ['R', 1, 'global']),
      'Resource "R" is present as both global and device-specific resource in the model configuration',
      '',
    ],
  ])('that can never be there fail the load: %j', async (limits, resources, ...message) => {
    const limiter = createRateLimiter(limits);
    await expectError(
      () => limiter.limit(backend(), 'a', config('a', resources)),
      'ERR_TRT_MODEL_CONFIG',
      ...message,
    );
  });
});

describe('order', () => {
  test('models that share a resource take turns', async () => {
    const limiter = createRateLimiter();
    const order: string[] = [];
    const made = ['a', 'b'].map((name) => {
      const given = config(name, needs(['R', 1]));
      const inner = new FakeBackend(({ inputs }) => {
        order.push(name);
        return [[inputs[0]]];
      }, 8);
      return model(limiter.limit(inner, name, given), given);
    });
    const requests = made.flatMap(({ send }) => send(6));
    await Promise.all(requests.map(({ answer }) => answer));
    expect(order.join('').slice(0, 8)).toMatch(/^(ab){4}$|^(ba){4}$/);
  });

  test('an instance of priority 2 executes half as often as one of priority 1', async () => {
    const limiter = createRateLimiter();
    const order: string[] = [];
    const made = [1, 2].map((priority) => {
      const name = String(priority);
      const given = config(name, needs(['R', 1]), { priority });
      const inner = new FakeBackend(({ inputs }) => {
        order.push(name);
        return [[inputs[0]]];
      }, 8);
      return model(limiter.limit(inner, name, given), given);
    });
    const requests = made.flatMap(({ send }) => send(30));
    await Promise.all(requests.map(({ answer }) => answer));
    const first = order.slice(0, 30).filter((name) => name === '1').length;
    expect(first).toBeGreaterThanOrEqual(19);
    expect(first).toBeLessThanOrEqual(21);
  });

  test('a model that needs much is not overtaken forever by such as need little', async () => {
    const limiter = createRateLimiter([{ name: 'R', count: 2 }]);
    const small = config('small', needs(['R', 1]), { count: 2 });
    const large = config('large', needs(['R', 2]));
    const [a, b] = [backend(), backend()];
    const little = model(limiter.limit(a, 'small', small), small);
    const much = model(limiter.limit(b, 'large', large), large);
    little.send(10);
    await turns();
    expect(a.batches).toHaveLength(2);
    much.send();
    await turns();
    a.end();
    await turns();
    a.end();
    await turns();
    if (b.batches.length === 0) {
      // Small ones may have had one more each, but not all ten.
      a.end();
      await turns();
      a.end();
      await turns();
    }
    expect(b.batches).toHaveLength(1);
    expect(a.batches.length).toBeLessThan(10);
  });

  test('a batch that comes without asking waits for its resources', async () => {
    const limiter = createRateLimiter();
    const [a, b] = [backend(), backend()];
    const first = limiter.limit(a, 'a', config('a', needs(['R', 1])));
    const second = limiter.limit(b, 'b', config('b', needs(['R', 1])));
    const requests = [new TestRequest([fp32([1], [1])]), new TestRequest([fp32([2], [1])])];
    const runs = [runBatch(first, [requests[0]!]), runBatch(second, [requests[1]!])];
    expect([a.batches.length, b.batches.length]).toEqual([1, 0]);
    a.end();
    expect(b.batches).toHaveLength(1);
    b.end();
    await Promise.all(runs);
    expect(requests.map(({ settled }) => settled)).toEqual([true, true]);
  });
});
