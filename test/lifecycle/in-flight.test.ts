// How processes and workers end with runs in flight, however a session waits for them: each in a process of its own.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { repositoryRoot, runChild } from '../helpers/child.js';
import { referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const program = path.join(repositoryRoot, 'test/lifecycle/in-flight.cjs');
let bytes: Uint8Array;

beforeAll(async () => {
  bytes = await referencePlan('mlp');
});

const ways = ['adaptive', 'spin', 'block'].flatMap((completion) =>
  ['0', '1'].map((spin) => [completion, spin] as const),
);

describe.each(ways)('completion %s, TRT_NODE_SPIN=%s', (completion, spin) => {
  /** What a scenario prints, and its status; it must end by itself and in time. */
  async function run(scenario: string, faults: string, seconds = 5): Promise<[string, number]> {
    const plan = path.join(tempFolder(), 'mlp.plan');
    writeFileSync(plan, bytes);
    const { stdout, stderr, code, signal } = await runChild(program, {
      args: [scenario, plan, completion],
      env: { TRT_NODE_REFERENCE_FAULTS: faults, TRT_NODE_SPIN: spin },
      timeoutMs: seconds * 1000,
    });
    expect({ signal, stderr }, stdout).toEqual({ signal: null, stderr: '' });
    return [stdout, code ?? -1];
  }

  test('a process waits for its runs, and ends by itself', async () => {
    expect(await run('ends-by-itself', 'delay=50')).toEqual(['done 6\n', 0]);
    expect(await run('ends-by-itself', '')).toEqual(['done 6\n', 0]);
  });

  test.each(['exit', 'really-exit', 'exit-in-callback', 'exit-in-runMany'])(
    '%s',
    async (scenario) => {
      expect(await run(scenario, 'delay=30')).toEqual(['exit\n', 3]);
      expect(await run(scenario, '')).toEqual(['exit\n', 3]);
    },
  );

  test('a worker that exits', async () => {
    expect(await run('worker-exits', 'delay=30')).toEqual(['exit\nworker 3\n', 0]);
  });

  test('twenty workers that are terminated', async () => {
    expect(await run('terminate-workers', 'delay=2', 40)).toEqual(['still works 8x32\n', 0]);
  });
});
