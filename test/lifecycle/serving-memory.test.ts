// Memory does not grow: over 100 000 requests, and over 500 times loading and unloading.

import { expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';
import { repositoryFolder } from '../helpers/serving-repository.js';

interface Used {
  readonly rss: number;
  readonly heap: number;
  readonly external: number;
}

async function grown(scenario: string): Promise<Used> {
  const folder = await repositoryFolder({
    mlp: {
      fixture: 'mlp',
      config: 'max_batch_size: 32\ndynamic_batching { }\n',
    },
  });
  const { stdout, stderr, code } = await runChild('test/lifecycle/serving-memory.cjs', {
    nodeArgs: ['--expose-gc'],
    args: [scenario, folder],
    timeoutMs: 280_000,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { before, after } = JSON.parse(stdout) as { before: Used; after: Used };
  return {
    rss: after.rss - before.rss,
    heap: after.heap - before.heap,
    external: after.external - before.external,
  };
}

test('100 000 requests', { timeout: 300_000 }, async () => {
  const { rss, heap, external } = await grown('requests');
  expect(heap).toBeLessThan(8);
  expect(external).toBeLessThan(8);
  expect(rss).toBeLessThan(64);
});

test('500 times loading and unloading', { timeout: 300_000 }, async () => {
  const { rss, heap, external } = await grown('cycles');
  expect(heap).toBeLessThan(8);
  expect(external).toBeLessThan(8);
  expect(rss).toBeLessThan(64);
});
