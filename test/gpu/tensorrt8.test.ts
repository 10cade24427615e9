// TensorRT 8.6 on a real GPU, and beside 10 in the same process. TRT_NODE_TEST_LIB8 names libnvinfer.so.8, TRT_NODE_TEST_PLANS8 the
// folder with mlp, mlp_refit, nonzero, slow and lane as .plan, built by that version on this kind of GPU.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Runtime, Session, type SessionOptions, Tensor } from 'trt-node';
import { assertClose, knownAnswer, ramp } from '../helpers/known-answers.js';
import { codeOf, plan, readPlan } from './support.js';

const library = process.env.TRT_NODE_TEST_LIB8 ?? '';
const folder = process.env.TRT_NODE_TEST_PLANS8 ?? '';
const missing =
  library === '' || folder === '' ? 'TRT_NODE_TEST_LIB8 or TRT_NODE_TEST_PLANS8 is not set' : false;
const plan8 = (name: string): string => join(folder, `${name}.plan`);
const load8 = (name: string, options: SessionOptions = {}): Promise<Session> =>
  Session.load(plan8(name), { library, ...options });
const test8 = (name: string, body: () => Promise<void>): void => {
  void test(name, { skip: missing, timeout: 60_000 }, body);
};

const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];
const row63 = [0.03000027, 0.03833454, 0.03029057, 0.03396379];
const x8 = ramp(8 * 64);
const x64 = Float32Array.from({ length: 64 * 64 }, (_, i) => x8[i % x8.length] ?? 0);
/** Another order of additions than 10.6's. */
const tolerance = 3e-5;

async function check(session: Session): Promise<void> {
  const { y } = await session.run({ x: x8 });
  assertClose(y?.data as Float32Array, firstRow, tolerance, `y of TensorRT ${session.version}`);
}

for (const name of ['mlp', 'nonzero', 'slow', 'lane']) {
  test8(`8.6: ${name}.plan`, async () => {
    const session = await load8(name);
    try {
      assert.equal(session.runtime, 'tensorrt');
      assert.match(session.version, /^8\.[56]\./);
      await knownAnswer(name).check(session);
      await knownAnswer(name).check(session); // the slot's cached shapes and buffers give the same again
    } finally {
      await session.close();
    }
  });
}

test8('8.6: mlp_refit.plan, loaded from bytes', async () => {
  const session = await Session.load(readFileSync(plan8('mlp_refit')), { library });
  assert.equal(session.engine.refittable, true);
  await check(session);
  await session.close();
});

test8('8.6: graphs, both profiles, run, runSync and runMany', async () => {
  const session = await load8('mlp', { cudaGraph: 'on' });
  for (let i = 0; i < 10; i++) {
    await check(session);
    const { y } = await session.run({ x: x64 });
    assertClose((y?.data as Float32Array).subarray(63 * 32), row63, tolerance, 'y[63]');
  }
  assertClose(session.runSync({ x: x8 }).y?.data as Float32Array, firstRow, tolerance, 'runSync');
  for (const { y } of await session.runMany(Array.from({ length: 50 }, () => ({ x: x8 })))) {
    assertClose(y?.data as Float32Array, firstRow, tolerance, 'runMany');
  }
  const { cudaGraph, completed } = session.stats();
  assert.equal(cudaGraph.fallbacks, 0, cudaGraph.fallbackReason);
  assert.ok(cudaGraph.captures >= 2, `${cudaGraph.captures} captures`);
  assert.ok(cudaGraph.hits > 50, `${cudaGraph.hits} hits of ${completed} runs`);
  assert.ok(session.memory().activationBytes >= session.engine.deviceMemoryBytes);
  await session.close();
});

test8('8.6: without graphs, and with tensors on the device', async () => {
  const session = await load8('mlp', { cudaGraph: 'off' });
  await check(session);
  const { y } = await session.run({ x: x8 }, { outputs: { y: 'device' } });
  assertClose((await y.read()).data as Float32Array, firstRow, tolerance, 'y');
  y.close();
  await session.close();
});

test8('8.6: the size of nonzero depends on the data', async () => {
  const session = await load8('nonzero');
  const { y } = await session.run({ x: Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3) });
  assert.equal(y?.dtype, 'int32'); // 8.6 has no int64
  assert.deepEqual(y.shape, [2, 3]);
  assert.match(session.stats().cudaGraph.fallbackReason ?? '', /depends on the data/);
  await session.close();
});

// Which of the two is for the plan to say: PreviewFeature::kPROFILE_SHARING_0806 lets contexts share a profile.
test8('8.6: two instances work, or say what to do', async () => {
  const { code, message } = await codeOf(async () => {
    const session = await load8('mlp', { instances: 2 });
    await Promise.all(Array.from({ length: 20 }, () => check(session)));
    await session.close();
  });
  if (code === 'no error') return;
  assert.equal(code, 'ERR_TRT_UNSUPPORTED', message);
  assert.match(message, /load the plan again/);
  const sessions = await Promise.all([load8('mlp'), load8('mlp')]);
  await Promise.all(Array.from({ length: 20 }, (_, i) => check(sessions[i % 2] as Session)));
  for (const session of sessions) await session.close();
});

test8('8.6: shapes outside the profiles are refused', async () => {
  const session = await load8('mlp');
  const { code } = await codeOf(() => session.run({ x: new Float32Array(300 * 64) }));
  assert.equal(code, 'ERR_TRT_SHAPE_OUT_OF_RANGE');
  await check(session);
  await session.close();
});

for (const strategy of ['static', 'userManaged'] as const) {
  test8(`8.6: the low level, ${strategy}`, async () => {
    using runtime = new Runtime({ library });
    assert.match(runtime.version, /^8\./);
    assert.ok(runtime.maxThreads >= 1);
    const engine = runtime.deserializeEngine(readFileSync(plan8('mlp')));
    assert.deepEqual(
      engine.tensors.map((t) => [t.name, t.mode, t.dtype, t.shape, t.location]),
      [
        ['x', 'input', 'float32', [-1, 64], 'device'],
        ['y', 'output', 'float32', [-1, 32], 'device'],
      ],
    );
    assert.deepEqual(
      engine.tensor('x').profiles.map(({ min, opt, max }) => [min[0], opt[0], max[0]]),
      [
        [1, 8, 32],
        [33, 64, 256],
      ],
    );
    assert.match(engine.tensor('x').layouts[0]?.formatDescription ?? '', /linear FP32/i);
    assert.ok(engine.numLayers >= 1);
    assert.ok(engine.numAuxStreams >= 0);
    assert.equal(engine.hardwareCompatibilityLevel, 'none');
    const context = engine.createExecutionContext(strategy);
    assert.equal(context.optimizationProfile, 0);
    const bytes = context.updateDeviceMemorySizeForShapes();
    assert.equal(bytes, engine.deviceMemoryBytes);
    if (strategy === 'userManaged' && bytes > 0) {
      context.setDeviceMemory(runtime.createDeviceBuffer(bytes));
    }
    const stream = runtime.createStream();
    const x = runtime.createDeviceBuffer(64 * 64 * 4);
    const y = runtime.createDeviceBuffer(64 * 32 * 4);
    context.setTensorAddress('x', x);
    context.setTensorAddress('y', y);
    context.setInputShape('x', [8, 64]);
    assert.deepEqual(context.inferShapes(), []);
    assert.deepEqual(context.tensorShape('y'), [8, 32]);
    assert.deepEqual(context.tensorStrides('y'), [32, 1]);
    x.writeSync(x8);
    context.enqueue(stream);
    await stream.synchronize();
    const out = new Float32Array(64 * 32);
    y.readSync(out);
    assertClose(out, firstRow, tolerance, 'y');
    x.writeSync(x64);
    context.setOptimizationProfile(1, stream);
    context.setInputShape('x', [64, 64]);
    context.enqueue(stream);
    await stream.synchronize();
    y.readSync(out);
    assertClose(out.subarray(63 * 32), row63, tolerance, 'y[63]');
    const never = await codeOf(() => {
      context.setInputShape('x', [300, 64]);
    });
    assert.match(never.code, /^ERR_TRT_(SHAPE_OUT_OF_RANGE|EXECUTION)$/);
    assert.notEqual(never.log.length, 0);
  });
}

test8('8.6: inspector, profiler, settings, serializing', async () => {
  using runtime = new Runtime({ library, maxThreads: 2, temporaryDirectory: '/tmp' });
  assert.equal(runtime.temporaryDirectory, '/tmp');
  const engine = runtime.deserializeEngine(readFileSync(plan8('mlp_refit')));
  const inspector = engine.createInspector();
  const info = JSON.parse(inspector.engineInformation('json')) as { Layers: unknown[] };
  assert.ok(info.Layers.length >= 1);
  assert.ok(inspector.layerInformation(0, 'oneline').length > 0);
  const context = engine.createExecutionContext();
  const stream = runtime.createStream();
  const x = runtime.createDeviceBuffer(8 * 64 * 4);
  const y = runtime.createDeviceBuffer(8 * 32 * 4);
  x.writeSync(x8);
  context.setTensorAddress('x', x);
  context.setTensorAddress('y', y);
  context.setInputShape('x', [8, 64]);
  context.setProfiling(true);
  context.enqueue(stream);
  await stream.synchronize();
  const times = context.takeLayerTimes();
  assert.ok(times.length >= 1);
  for (const { name, milliseconds } of times) assert.ok(name.length > 0 && milliseconds >= 0);
  context.setProfiling(false);
  context.persistentCacheLimit = 0;
  context.setAuxStreams([]);
  using again = runtime.deserializeEngine(engine.serialize());
  assert.equal(again.refittable, true);
});

test8('8.6: the output allocator of the low level', async () => {
  using runtime = new Runtime({ library });
  const engine = runtime.deserializeEngine(readFileSync(plan8('nonzero')));
  const context = engine.createExecutionContext();
  const stream = runtime.createStream();
  const x = runtime.createDeviceBuffer(8 * 4);
  x.writeSync(Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3));
  context.setTensorAddress('x', x);
  context.setInputShape('x', [1, 8]);
  assert.equal(context.tensorShape('y')[1], -1);
  const allocator = runtime.createOutputAllocator();
  context.setOutputAllocator('y', allocator);
  context.enqueue(stream);
  await stream.synchronize();
  assert.deepEqual(allocator.shape, [2, 3]);
  const y = new Int32Array(6);
  allocator.readSync(y);
  assert.deepEqual(Array.from(y), [0, 0, 0, 1, 3, 7]);
});

test8('8.6 refuses a plan of 10.6, and 10.6 one of 8.6', async () => {
  const newer = await codeOf(() => Session.load(plan('mlp.plan'), { library }));
  assert.equal(newer.code, 'ERR_TRT_PLAN_VERSION', newer.message);
  assert.match(newer.message, /10\.6\.0.*8\.6\.1/s);
  const older = await codeOf(() => Session.load(plan8('mlp')));
  assert.equal(older.code, 'ERR_TRT_PLAN_VERSION', older.message);
  const session = await load8('mlp');
  await check(session);
  await session.close();
});

for (const first of [8, 10] as const) {
  test8(`two majors: runs between each other, ${first} closed first`, async () => {
    const both = { 8: await load8('mlp'), 10: await Session.load(plan('mlp.plan')) };
    assert.match(both[8].version, /^8\./);
    assert.match(both[10].version, /^1\d\./);
    const runs = Array.from({ length: 400 }, (_, i) => check(i % 2 === 0 ? both[8] : both[10]));
    await Promise.all(runs);
    const last = first === 8 ? 10 : 8;
    await both[first].close();
    for (let i = 0; i < 20; i++) await check(both[last]);
    await both[last].close();
  });
}

test8('two majors: what one leaves on the device the other takes', async () => {
  const slow8 = await load8('slow');
  const mlp10 = await Session.load(plan('mlp.plan'));
  const x = new Tensor('float32', ramp(64 * 64), [64, 64]);
  const host = await slow8.run({ x });
  const expected = await mlp10.run({ x: host.y as Tensor });
  const { y } = await slow8.run({ x }, { outputs: { y: 'device' } });
  const actual = await mlp10.run({ x: y });
  assertClose(
    actual.y?.data as Float32Array,
    expected.y?.data as Float32Array,
    1e-6,
    'mlp of slow',
  );
  y.close();
  await slow8.close();
  await mlp10.close();
});

test8('two majors: in workers that come and go', async () => {
  const mine = await load8('mlp');
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(workerData.package).then(async ({ Session }) => {
      for (const [plan, options] of workerData.loads) {
        const session = await Session.load(plan, options);
        for (let i = 0; i < 50; i++) await session.run({ x: workerData.x });
        const { y } = await session.run({ x: workerData.x });
        parentPort.postMessage([session.version, y.data[0]]);
        await session.close();
      }
    });`;
  const eight = [plan8('mlp'), { library }];
  const ten = [plan('mlp.plan'), {}];
  const heard = await Promise.all(
    [[eight, ten], [ten, eight], [eight], [ten]].map(
      (loads) =>
        new Promise<[string, number][]>((resolve, reject) => {
          const messages: [string, number][] = [];
          const worker = new Worker(source, {
            eval: true,
            workerData: { loads, x: x8, package: import.meta.resolve('trt-node') },
          });
          worker.on('message', (message: [string, number]) => messages.push(message));
          worker.on('error', reject);
          worker.on('exit', () => {
            resolve(messages);
          });
        }),
    ),
  );
  assert.deepEqual(
    heard.map((messages) => messages.map(([version]) => version.split('.')[0])),
    [['8', '10'], ['10', '8'], ['8'], ['10']],
  );
  for (const [version, value] of heard.flat()) {
    assertClose([value], firstRow.slice(0, 1), tolerance, `y of ${version}`);
  }
  await check(mine);
  await mine.close();
});

test8('8.6: 100 loads and closes beside 10.6 leave memory flat', async () => {
  using runtime = new Runtime();
  const bytes = readPlan('mlp.plan');
  const once = async (): Promise<void> => {
    const [eight, ten] = await Promise.all([load8('mlp'), Session.load(bytes)]);
    await Promise.all([check(eight), check(ten)]);
    await Promise.all([eight.close(), ten.close()]);
  };
  for (let i = 0; i < 10; i++) await once();
  const before = runtime.memoryInfo().freeBytes;
  for (let i = 0; i < 100; i++) await once();
  const after = runtime.memoryInfo().freeBytes;
  assert.ok(before - after < 32 * 2 ** 20, `${before - after} bytes are gone`);
});
