// examples/encrypted-plan: what it encrypts it runs; what was changed, or another key, it does not.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';
import { referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const example = (name: string): string => path.join('examples/encrypted-plan', name);

test('encrypt, run, and refuse what is not genuine', async () => {
  const folder = tempFolder();
  const plain = path.join(folder, 'mlp.plan');
  const file = path.join(folder, 'mlp.plan.enc');
  writeFileSync(plain, await referencePlan('mlp'));
  const env = { PLAN_KEY: '00'.repeat(31) + '2a', TRT_NODE_RUNTIME: 'reference' };
  const encrypted = await runChild(example('encrypt.mjs'), { args: [plain, file], env });
  expect(encrypted).toMatchObject({ code: 0, stderr: '' });
  const bytes = readFileSync(file);
  expect(bytes.length).toBe(readFileSync(plain).length + 36);
  expect(bytes.includes('TRTNREF1')).toBe(false);

  const run = await runChild(example('run.mjs'), { args: [file], env });
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  expect(run.stdout).toContain('y: float32');

  const otherKey = await runChild(example('run.mjs'), {
    args: [file],
    env: { ...env, PLAN_KEY: '11'.repeat(32) },
  });
  expect(otherKey.code).toBe(1);
  expect(otherKey.stderr).toContain('ERR_TRT_');

  // One bit of the tag: every byte of the plan is right, and it is refused all the same.
  const forged = Buffer.from(bytes);
  forged[forged.length - 1]! ^= 1;
  writeFileSync(file, forged);
  const refused = await runChild(example('run.mjs'), { args: [file], env });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('ERR_TRT_FILE');
  expect(refused.stderr).toMatch(/unable to authenticate data/i);
}, 60_000);
