// Refitting and weight streaming on a real GPU: the numbers change as the weights say, also in captured graphs, and back again.
// With the full builder (TRT_NODE_TEST_BUILDER=1): stripped plans, and streamed weights. With TensorRT 8.6 (TRT_NODE_TEST_LIB8: its libnvinfer.so.8,
// TRT_NODE_TEST_PLANS8: a folder with mlp_refit.plan of that version): named weights there.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  Runtime,
  Session,
  type SessionOptions,
  Tensor,
  build,
  refit,
  refittableWeights,
  writeNpy,
} from 'trt-node';
import { assertClose, knownAnswer, ramp } from '../helpers/known-answers.js';
import { float32Weights, mlp } from '../helpers/onnx-weights.js';
import { codeOf, onnx, plan } from './support.js';

const skip = process.env.TRT_NODE_TEST_BUILDER === '1' ? false : 'TRT_NODE_TEST_BUILDER is not 1';
const model = onnx('mlp.onnx');
const x = ramp(8 * 64);
/** TF32 and the order of sums; the weights below differ by far more. */
const tolerance = 1e-3;

function originalWeights(): { name: string; data: Float32Array } {
  const [[name, data] = ['', new Float32Array()], ...others] = float32Weights(model);
  assert.equal(others.length, 0);
  assert.equal(data.length, 64 * 32);
  return { name, data };
}

const original = originalWeights();
const doubled = original.data.map((value) => value * 2);
const zeros = new Float32Array(doubled.length);
const tensor = (data: Float32Array): Tensor => new Tensor('float32', data, [64, 32]);

async function checkRun(session: Session, weights: Float32Array, what: string): Promise<void> {
  const { y } = await session.run({ x });
  assertClose(y?.data as Float32Array, mlp(x, weights), tolerance, what);
}

/** Several runs, so that graphs are captured and launched. */
async function checkRuns(session: Session, weights: Float32Array, what: string): Promise<void> {
  const { hits } = session.stats().cudaGraph;
  for (let round = 0; round < 6; round++)
    await checkRun(session, weights, `${what}, round ${round}`);
  assert.ok(session.stats().cudaGraph.hits > hits, `${what}: no graph was launched`);
}

/** The plan's own name for the only weights, whatever the parser called them. */
async function weightsName(path: string, options: SessionOptions = {}): Promise<string> {
  const { library } = options;
  const list = await refittableWeights(path, { library });
  assert.equal(list.length, 1, JSON.stringify(list));
  return list[0]?.name ?? '';
}

async function namedWeights(path: string, options: SessionOptions): Promise<void> {
  const name = await weightsName(path, options);
  const session = await Session.load(path, { instances: 2, ...options, cudaGraph: 'on' });
  try {
    await checkRuns(session, original.data, 'original');
    const before = (await session.run({ x })).y?.data;
    for (const [what, data] of [
      ['doubled', doubled],
      ['zeros', zeros],
    ] as const) {
      const { refitted } = await session.refit({ weights: { [name]: tensor(data) } });
      assert.deepEqual(refitted, [name]);
      await checkRuns(session, data, what);
    }
    // While runs are in flight.
    const flying = Array.from({ length: 16 }, () => session.run({ x }));
    await session.refit({ weights: { [name]: tensor(original.data) } });
    await Promise.all(flying);
    await checkRuns(session, original.data, 'original again');
    assert.deepEqual((await session.run({ x })).y?.data, before);
    const unknown = await codeOf(() => session.refit({ weights: { nobody: tensor(zeros) } }));
    assert.equal(unknown.code, 'ERR_TRT_UNKNOWN_TENSOR', unknown.message);
    if (options.library === undefined) {
      const short = await codeOf(() =>
        session.refit({ weights: { [name]: new Tensor('float32', [1, 2, 3]) } }),
      );
      assert.ok(
        ['ERR_TRT_LENGTH_MISMATCH', 'ERR_TRT_INVALID_ARGUMENT'].includes(short.code),
        short.message,
      );
    } // TensorRT 8 has no prototypes: it finds out in the middle of the refit
    await checkRun(session, original.data, 'after refusals');
  } finally {
    await session.close();
  }
}

test('named weights change the numbers, and back', async () => {
  await namedWeights(plan('mlp_refit.plan'), {});
});

const library8 = process.env.TRT_NODE_TEST_LIB8;
const plans8 = process.env.TRT_NODE_TEST_PLANS8;
const skip8 =
  library8 && plans8 ? false : 'TRT_NODE_TEST_LIB8 and TRT_NODE_TEST_PLANS8 are not set';

test('named weights with TensorRT 8.6', { skip: skip8 }, async () => {
  const path = join(plans8 ?? '', 'mlp_refit.plan');
  await namedWeights(path, { library: library8, instances: 1 }); // there a profile belongs to one context
  const session = await Session.load(path, { library: library8 });
  const fromOnnx = await codeOf(() => session.refit({ onnx: model }));
  assert.equal(fromOnnx.code, 'ERR_TRT_UNSUPPORTED', fromOnnx.message);
  await session.close();
});

test('the low level: device memory, a stream, prototypes, serialized again', async () => {
  const runtime = new Runtime();
  const engine = await runtime.deserializeEngineAsync(plan('mlp_refit.plan'));
  const refitter = engine.createRefitter();
  const [name = ''] = refitter.getAllWeights();
  assert.deepEqual(refitter.getWeightsPrototype(name), { dtype: 'float32', count: 2048 });
  assert.equal(refitter.getWeightsPrototype('nobody'), undefined);
  const buffer = runtime.createDeviceBuffer(doubled.byteLength);
  buffer.writeSync(doubled);
  refitter.setNamedWeights(name, { buffer, dtype: 'float32', count: 2048 });
  const stream = runtime.createStream();
  refitter.refitCudaEngineAsync(stream);
  await stream.synchronize();
  const session = await Session.load(await engine.serializeAsync());
  await checkRun(session, doubled, 'serialized again');
  await session.close();
  refitter.unsetNamedWeights(name);
  runtime.close();
});

test('a plan that is not refittable says so', async () => {
  const error = await codeOf(() => refittableWeights(plan('mlp.plan')));
  assert.equal(error.code, 'ERR_TRT_UNSUPPORTED', error.message);
});

test(
  'stripped and refitted: from ONNX and .npy, serialized with and without weights',
  { skip },
  async () => {
    const options = { ...knownAnswer('mlp').build, onnx: model, builderOptimizationLevel: 1 };
    const stripped = await build({ ...options, refit: true, stripWeights: true });
    const list = await refittableWeights(stripped);
    // TensorRT 10.6 does not call the weights of a stripped plan missing before others are set.
    assert.equal(list.length, 1);

    const again = await refit(stripped, { onnx: model });
    const session = await Session.load(again, { cudaGraph: 'on' });
    await checkRuns(session, original.data, 'refitted from ONNX');
    await session.close();

    const folder = mkdtempSync(join(tmpdir(), 'trt-node-'));
    try {
      const name = list[0]?.name ?? '';
      await writeNpy(join(folder, 'kernel.npy'), tensor(doubled));
      const mapName = (): string => name;
      const without = await refit(stripped, { npy: folder, mapName, excludeWeights: true });
      assert.ok(without.length < again.length, `${without.length} of ${again.length} bytes`);
      const loaded = await Session.load(without, { refitFrom: { npy: folder, mapName } });
      await checkRun(loaded, doubled, 'stripped again, and refitted at loading');
      await loaded.refit({ onnx: model });
      await checkRun(loaded, original.data, 'refitted from ONNX while it lives');
      await loaded.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test('streamed weights: no budget, TensorRT’s own, a share, all', { skip }, async () => {
  const bytes = await build({
    ...knownAnswer('mlp').build,
    onnx: model,
    builderOptimizationLevel: 1,
    stronglyTyped: true,
    weightStreaming: true,
  });
  const runtime = new Runtime();
  const engine = runtime.deserializeEngine(bytes);
  const { streamableWeightsBytes } = engine;
  const context = engine.createExecutionContext();
  if (streamableWeightsBytes > 0) {
    const late = await codeOf(() => {
      engine.setWeightStreamingBudget(0);
    });
    assert.notEqual(late.code, 'no error'); // there is a context
  }
  context.close();
  runtime.close();
  assert.ok(streamableWeightsBytes > 0, 'nothing can be streamed');
  for (const weightStreamingBudget of [0, 'auto', '50%', 'off'] as const) {
    const session = await Session.load(bytes, { weightStreamingBudget, instances: 2 });
    for (let round = 0; round < 6; round++) {
      await checkRun(session, original.data, `budget ${weightStreamingBudget}, round ${round}`);
    }
    await session.close();
  }
});

test('contexts with activation memory of their own', async () => {
  for (const strategy of ['static', 'onProfileChange'] as const) {
    const session = await Session.load(plan('mlp.plan'), {
      executionContextAllocationStrategy: strategy,
      instances: 2,
      cudaGraph: 'on',
    });
    await knownAnswer('mlp').check(session);
    await checkRuns(session, original.data, strategy);
    await session.close();
  }
});
