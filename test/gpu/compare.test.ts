// Plans against ONNX Runtime, and layer profiles, on the device. Skipped where onnxruntime-node is not there.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { Session, Tensor, build, compareWithOnnxRuntime } from 'trt-node';
import { ramp } from '../helpers/known-answers.js';
import { onnx, plan } from './support.js';

const builder = process.env.TRT_NODE_TEST_BUILDER === '1';

function hasOnnxRuntime(): boolean {
  try {
    createRequire(import.meta.url).resolve('onnxruntime-node');
    return true;
  } catch {
    return false;
  }
}

test('mlp agrees with ONNX Runtime in both profiles', { skip: !hasOnnxRuntime() }, async () => {
  await using session = await Session.load(plan('mlp.plan'));
  for (const rows of [8, 64]) {
    const feeds = { x: new Tensor('float32', ramp(rows * 64), [rows, 64]) };
    const tolerances = { atol: 1e-3, rtol: 1e-3 };
    const report = await compareWithOnnxRuntime(session, onnx('mlp.onnx'), feeds, tolerances);
    assert.ok(report.passed, report.outputs.map(({ reason }) => reason).join());
    assert.ok((report.outputs[0]?.cosine ?? 0) > 0.99999);
  }
});

test(
  'FP32 without TF32 passes with small tolerances',
  { skip: !builder || !hasOnnxRuntime() },
  async () => {
    const bytes = await build({
      onnx: onnx('mlp.onnx'),
      tf32: false,
      builderOptimizationLevel: 0,
      profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }],
    });
    await using session = await Session.load(bytes);
    const feeds = { x: new Tensor('float32', ramp(8 * 64), [8, 64]) };
    const report = await compareWithOnnxRuntime(session, onnx('mlp.onnx'), feeds, {
      atol: 1e-6,
      rtol: 1e-5,
    });
    assert.ok(report.passed, report.outputs.map(({ reason }) => reason).join());
  },
);

test('layers are profiled while the session runs', async () => {
  await using session = await Session.load(plan('lane.plan'));
  const input = new Tensor('float32', ramp(3 * 360 * 640), [1, 3, 360, 640]);
  const [profile] = await Promise.all([
    session.profile({ input }, { iterations: 10, warmUpMs: 50 }),
    session.run({ input }),
  ]);
  assert.equal(profile.count, 10);
  assert.ok(profile.layers.length > 3);
  const total = profile.layers.reduce((sum, layer) => sum + layer.averageMs, 0);
  assert.ok(total > 0.01 && total < 10, `${total} ms`);
  const trace = JSON.parse(profile.toChromeTrace()) as {
    traceEvents: { ph: string; tid: number }[];
  };
  const spans = trace.traceEvents.filter(({ ph, tid }) => ph === 'X' && tid === 1);
  assert.equal(spans.length, profile.count * profile.layers.length);
});
