// TensorRT's own builder on a real GPU: the fixture models become plans that give the known answers; what it refuses, and cancelling.
// Needs libnvinfer_builder_resource, which not every test machine has: TRT_NODE_TEST_BUILDER=1 says that it is there.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Session, build } from 'trt-node';
import { knownAnswer, knownAnswers } from '../helpers/known-answers.js';
import { codeOf, onnx, plan } from './support.js';

const skip = process.env.TRT_NODE_TEST_BUILDER === '1' ? false : 'TRT_NODE_TEST_BUILDER is not 1';
const quick = { builderOptimizationLevel: 1 };

for (const { name, build: options, check } of knownAnswers) {
  if (name === 'slow' || name === 'lane') continue; // their plans take long to build and are tested as fixtures
  test(`${name}.onnx`, { skip }, async () => {
    const steps = new Set<string>();
    const bytes = await build({
      ...options,
      ...quick,
      onnx: onnx(`${name}.onnx`),
      progress: ({ phase }) => steps.add(phase),
    });
    assert.ok(steps.size > 0, 'no progress was told');
    const session = await Session.load(bytes);
    await check(session);
    await session.close();
  });
}

test('a timing cache is written, and used', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trt-node-'));
  try {
    const timingCacheFile = join(folder, 'timing.cache');
    const options = { ...knownAnswer('mlp').build, onnx: onnx('mlp.onnx'), timingCacheFile };
    const saved = join(folder, 'mlp.plan');
    await build({ ...options, saveEngine: saved });
    const size = statSync(timingCacheFile).size;
    assert.ok(size > 0);
    await build(options);
    assert.ok(statSync(timingCacheFile).size >= size);
    assert.equal(readFileSync(saved).subarray(0, 4).toString(), 'ftrt');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test(
  'a model that is none, a profile that is missing, a build that is cancelled',
  { skip },
  async () => {
    const garbage = await codeOf(() => build({ onnx: plan('mlp.plan') }));
    assert.equal(garbage.code, 'ERR_TRT_PARSE', garbage.message);
    const missing = await codeOf(() => build({ onnx: onnx('mlp.onnx') }));
    assert.equal(missing.code, 'ERR_TRT_INVALID_ARGUMENT', missing.message);
    assert.match(missing.message, /'x'/);
    const controller = new AbortController();
    const cancelled = await codeOf(() =>
      build({
        ...knownAnswer('mlp').build,
        onnx: onnx('mlp.onnx'),
        signal: controller.signal,
        progress: () => {
          controller.abort();
        },
      }),
    );
    assert.equal(cancelled.code, 'ERR_TRT_ABORTED', cancelled.message);
  },
);
