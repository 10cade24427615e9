// Workers that end at any moment, the addon in none but them: nothing crashes, hangs or is left behind.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot, runChild } from '../helpers/child.js';
import { referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

test('workers are terminated at random moments, and the process exits while others are busy', async () => {
  const plan = path.join(tempFolder(), 'mlp.plan');
  writeFileSync(plan, await referencePlan('mlp'));
  const onnx = path.join(repositoryRoot, 'test/fixtures/onnx/mlp.onnx');
  const result = await runChild(path.join(repositoryRoot, 'test/lifecycle/worker-storm.cjs'), {
    args: [plan, onnx],
  });
  expect(result).toEqual({ code: 0, signal: null, stdout: 'end\n', stderr: '' });
});
