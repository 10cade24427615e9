// Processes that end, or lose a worker, while the GPU works: each in a child process that must exit by itself.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('lifecycle.child.mjs', import.meta.url));

function run(scenario: string): { status: number | null; signal: string | null; output: string } {
  const result = spawnSync(process.execPath, ['--expose-gc', child, scenario], {
    timeout: 60_000,
    encoding: 'utf8',
  });
  return { status: result.status, signal: result.signal, output: result.stdout + result.stderr };
}

for (const scenario of [
  'exit-in-flight',
  'natural-exit',
  'terminate-worker',
  'forgotten-handles',
  'throw-in-flight',
]) {
  test(scenario, { timeout: 90_000 }, () => {
    const { status, signal, output } = run(scenario);
    assert.equal(signal, null, output);
    assert.equal(status, scenario === 'throw-in-flight' ? 1 : 0, output);
    assert.match(output, /reached the end/);
  });
}
