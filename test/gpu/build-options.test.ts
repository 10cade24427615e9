// Build options on TensorRT's own builder: what the engine and its inspector tell afterwards, and that the numbers stay right.
// Needs libnvinfer_builder_resource: TRT_NODE_TEST_BUILDER=1 says that it is there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BuildOptions,
  type PlanEngineInfo,
  type PlanInfo,
  Session,
  build,
  inspect,
} from 'trt-node';
import { knownAnswer } from '../helpers/known-answers.js';
import { codeOf, onnx } from './support.js';

const skip = process.env.TRT_NODE_TEST_BUILDER === '1' ? false : 'TRT_NODE_TEST_BUILDER is not 1';
const mlp = knownAnswer('mlp');
const base = { ...mlp.build, onnx: onnx('mlp.onnx'), builderOptimizationLevel: 0 };

const make = (options: Partial<BuildOptions>): Promise<Uint8Array> =>
  build({ ...base, ...options });

async function told(plan: Uint8Array): Promise<PlanInfo> {
  const info = await inspect(plan, { layers: true });
  assert.ok(info.kind === 'plan');
  return info;
}

async function engineOf(options: Partial<BuildOptions>): Promise<PlanEngineInfo> {
  const { engine } = await told(await make(options));
  assert.ok(engine, 'the plan was not deserialized');
  return engine;
}

async function answers(plan: Uint8Array): Promise<void> {
  const session = await Session.load(plan);
  await mlp.check(session);
  await session.close();
}

/** The running TensorRT's major, as the inspector names it. */
async function major(): Promise<number> {
  const { runtimeVersion } = await told(await make({}));
  return Number.parseInt(runtimeVersion ?? '', 10);
}

test('hardware compatibility', { skip }, async () => {
  const engine = await engineOf({ hardwareCompatibilityLevel: 'amperePlus' });
  assert.equal(engine.hardwareCompatibilityLevel, 'amperePlus');
});

test('refit, and stripped weights', { skip }, async () => {
  assert.equal((await engineOf({})).refittable, false);
  const whole = await make({ refit: true });
  assert.equal((await told(whole)).engine?.refittable, true);
  await answers(whole);
  const stripped = await make({ refit: true, stripWeights: true });
  assert.ok(stripped.length < whole.length, `${stripped.length} of ${whole.length} bytes`);
});

test('weight streaming', { skip }, async () => {
  const engine = await engineOf({ weightStreaming: true, stronglyTyped: true });
  assert.ok(engine.streamableWeightsBytes > 0);
});

test('a version-compatible plan without its lean runtime', { skip }, async () => {
  const plan = await make({ versionCompatible: true, excludeLeanRuntime: true });
  assert.equal(Buffer.from(plan.subarray(0, 4)).toString(), 'ftrt');
});

test('two profiles', { skip }, async () => {
  const x = [4, 64];
  const engine = await engineOf({ profiles: [...(mlp.build.profiles ?? []), { x }] });
  assert.equal(engine.numOptimizationProfiles, (mlp.build.profiles?.length ?? 0) + 1);
});

test('types and formats of inputs and outputs', { skip }, async () => {
  const half = { dtype: 'float16', formats: ['linear'] } as const;
  const formats = { inputFormats: { x: half }, outputFormats: { '*': half } };
  if ((await major()) >= 11) {
    const { code, message } = await codeOf(() => make(formats));
    assert.equal(code, 'ERR_TRT_INVALID_ARGUMENT', message);
    return;
  }
  const { tensors } = await engineOf({ ...formats, fp16: true });
  assert.deepEqual(
    tensors.map(({ name, dtype }) => [name, dtype]),
    [
      ['x', 'float16'],
      ['y', 'float16'],
    ],
  );
});

test('what the inspector shows of layers', { skip }, async () => {
  const engine = await engineOf({
    profilingVerbosity: 'detailed',
    layerMetadata: { '*': 'of the trt-node test' },
  });
  assert.equal(engine.profilingVerbosity, 'detailed');
  assert.match(JSON.stringify(engine.layers), /of the trt-node test/);
});

test('limits, sources and caches leave the numbers right', { skip }, async () => {
  const plan = await make({
    memoryPools: { workspace: 64 << 20, tacticSharedMemory: 48 << 10 },
    tacticSources: { jitConvolutions: false },
    previewFeatures: { aliasedPluginIO1003: true },
    sparsity: 'enable',
    avgTimingIterations: 2,
    maxTactics: 2,
    maxAuxStreams: 0,
    tf32: false,
    disableTimingCache: true,
    disableCompilationCache: true,
  });
  await answers(plan);
});

test('types of layers, and best', { skip }, async () => {
  if ((await major()) >= 11) {
    for (const options of [{ best: true }, { fp16: true }]) {
      const { code, message } = await codeOf(() => make(options));
      assert.equal(code, 'ERR_TRT_UNSUPPORTED', message);
      assert.match(message, /strongly typed/);
    }
    return;
  }
  const plan = await make({
    fp16: true,
    tf32: false,
    precisionConstraints: 'obey',
    layerPrecisions: { '*': 'float16' },
    layerOutputTypes: { '*': 'float16' },
    profilingVerbosity: 'detailed',
  });
  // Without the constraints TensorRT takes float32 kernels for all of this small model.
  const { engine } = (await inspect(plan, { layers: true })) as PlanInfo;
  const types = (engine?.layers ?? []).flatMap(({ outputs }) => outputs.map(({ dtype }) => dtype));
  assert.ok(types.includes('float16'), types.join());
  assert.ok((await make({ best: true })).length > 0);
});

test('what this machine or version has not got', { skip }, async () => {
  const dla = await codeOf(() => make({ dlaCore: 7, fp16: true }));
  assert.ok(['ERR_TRT_INVALID_ARGUMENT', 'ERR_TRT_UNSUPPORTED'].includes(dla.code), dla.message);
  const layer = await codeOf(() => make({ layerMetadata: { 'nothing/*': 't' } }));
  assert.equal(layer.code, 'ERR_TRT_INVALID_ARGUMENT', layer.message);
  const tensor = await codeOf(() => make({ inputFormats: { z: {} } }));
  assert.equal(tensor.code, 'ERR_TRT_UNKNOWN_TENSOR', tensor.message);
});
