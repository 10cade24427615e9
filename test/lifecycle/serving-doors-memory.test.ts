// Memory does not grow over 30 000 requests through HTTP and gRPC: answered, refused, and given up by their clients.

import { expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';
import { repositoryFolder } from '../helpers/serving-repository.js';

interface Used {
  readonly heap: number;
  readonly external: number;
}

test(
  '30 000 requests of 32 clients, a fifth of them wrong or given up',
  {
    timeout: 300_000,
  },
  async () => {
    const folder = await repositoryFolder({
      mlp: { fixture: 'mlp', config: 'max_batch_size: 32\ndynamic_batching { }\n' },
    });
    const { stdout, stderr, code } = await runChild('test/lifecycle/serving-doors-memory.cjs', {
      nodeArgs: ['--expose-gc'],
      args: [folder],
      timeoutMs: 280_000,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { before, after, statuses, pending } = JSON.parse(stdout) as {
      before: Used;
      after: Used;
      statuses: Record<string, number>;
      pending: number;
    };
    expect(after.heap - before.heap).toBeLessThan(8);
    expect(after.external - before.external).toBeLessThan(8);
    expect(pending).toBe(0);
    // Each kind of request is there: of ten by HTTP seven are right; of ten by gRPC nine, of which some are given up.
    expect(statuses['200']).toBeGreaterThanOrEqual(18_000 * 1.5);
    expect(statuses['400']).toBeGreaterThanOrEqual(1_800);
    expect(statuses['404']).toBe(1_800);
    expect(statuses['0']).toBeGreaterThan(0);
  },
);
