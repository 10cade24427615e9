// What a repository leaves behind: 500 cycles of loading and unloading, 50 reloads under load, and the end of a process that never closed it.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot, runChild } from '../helpers/child.js';
import { referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

interface Figures {
  readonly rss: number;
  readonly heap: number;
  /** Native objects that are not closed. */
  readonly handles: number;
  readonly files: number;
  readonly threads: number;
}

/** Runs a scenario; what it printed last. */
async function run(scenario: string): Promise<string> {
  const folder = tempFolder();
  mkdirSync(path.join(folder, 'mlp', '1'), { recursive: true });
  writeFileSync(path.join(folder, 'mlp', '1', 'model.plan'), await referencePlan('mlp'));
  const program = path.join(repositoryRoot, 'test/lifecycle/serving-repository.cjs');
  const { code, stdout, stderr } = await runChild(program, {
    args: [scenario, folder],
    nodeArgs: ['--expose-gc'],
    timeoutMs: 150_000,
  });
  expect(code, stderr + stdout).toBe(0);
  return stdout.trim();
}

/** The allocator keeps some of what was freed, up to some 25 MB; a model that is not freed would cost several hundred kB a cycle. */
const slackBytes = 48 * 2 ** 20;

function expectNoGrowth(before: Figures, after: Figures): void {
  expect(after.rss - before.rss).toBeLessThan(slackBytes);
  expect(after.heap - before.heap).toBeLessThan(2 ** 20);
  expect(after.files).toBeLessThanOrEqual(before.files);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
}

test(
  '500 cycles of loading and unloading leave no memory, files or threads',
  { timeout: 180_000 },
  async () => {
    const { before, after } = JSON.parse(await run('cycles')) as {
      before: Figures;
      after: Figures;
    };
    expectNoGrowth(before, after);
    expect(after.handles).toBe(before.handles);
  },
);

test(
  '50 reloads under load lose no request and leave nothing behind',
  { timeout: 180_000 },
  async () => {
    const { before, after, answered } = JSON.parse(await run('reloads')) as {
      before: Figures;
      after: Figures;
      answered: number;
    };
    expect(answered).toBeGreaterThan(100);
    expectNoGrowth(before, after);
  },
);

test('an open repository does not keep a process alive', async () => {
  expect(await run('open-repository')).toBe('open');
});
