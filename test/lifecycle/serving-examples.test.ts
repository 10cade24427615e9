// examples/serving without a server: each repository is made ready, and its few lines answer. Python's clients are in test/clients/test_examples.py.

import { expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';
import { tempFolder } from '../helpers/temp.js';

const env = { TRT_NODE_RUNTIME: 'reference' };

/** What `run.mjs` of an example prints. */
async function run(example: string): Promise<string[]> {
  const folder = tempFolder();
  const prepared = await runChild('examples/serving/prepare.mjs', { args: [example, folder], env });
  expect(prepared).toMatchObject({ code: 0, stderr: '' });
  const { code, stdout, stderr } = await runChild(`examples/serving/${example}/run.mjs`, {
    args: [folder],
    env,
  });
  expect(code, stderr).toBe(0);
  return stdout.trim().split('\n');
}

test('S2: the five best classes, the best first', async () => {
  const [line = ''] = await run('resnet50');
  const scores = line.split(' ').map((one) => Number(one.split(':')[0]));
  expect(scores).toHaveLength(5);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  expect(scores[0]).toBeGreaterThan(0.1);
});

test('S5: ONNX and the plan agree', async () => {
  const [onnx = '', plan = ''] = await run('wide_resnet');
  expect(onnx).toMatch(/^onnx_model (\d+) class \1 /);
  expect(plan.replace('trt_model', 'onnx_model')).toBe(onnx);
});
