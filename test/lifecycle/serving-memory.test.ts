// Memory does not grow over 100 000 requests.

import { expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';
import { repositoryFolder } from '../helpers/serving-repository.js';

interface Used {
  readonly rss: number;
  readonly heap: number;
  readonly external: number;
}

test('100 000 requests from 64 callers', { timeout: 300_000 }, async () => {
  const folder = await repositoryFolder({
    mlp: {
      fixture: 'mlp',
      config: 'max_batch_size: 32\ndynamic_batching { }\n',
    },
  });
  const { stdout, stderr, code } = await runChild('test/lifecycle/serving-memory.cjs', {
    nodeArgs: ['--expose-gc'],
    args: [folder],
    timeoutMs: 280_000,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { before, after } = JSON.parse(stdout) as { before: Used; after: Used };
  expect(after.heap - before.heap).toBeLessThan(8);
  expect(after.external - before.external).toBeLessThan(8);
  expect(after.rss - before.rss).toBeLessThan(64);
});
