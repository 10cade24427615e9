// How TensorRT's own builder works: calibration against FP32, Q/DQ models, progress, the timing cache, and what its parser says.
// TRT_NODE_TEST_BUILDER=1 says that a builder is there. Calibration is TensorRT 8's and 10's.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type CalibrationBatch,
  Runtime,
  Session,
  Tensor,
  build,
  checkModel,
  startBuild,
} from 'trt-node';
import { makeOnnx, quantizedModel, strangeModel } from '../helpers/onnx-maker.js';
import { codeOf, onnx } from './support.js';

const skip = process.env.TRT_NODE_TEST_BUILDER === '1' ? false : 'TRT_NODE_TEST_BUILDER is not 1';
const quick = { builderOptimizationLevel: 1 };

/** Deterministic numbers from -1 to 1. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** conv 8→16 3x3, relu, conv 16→8 3x3 on (4, 8, 16, 16). */
function convModel(): Buffer {
  const scaled = (count: number, seed: number): Float32Array =>
    numbers(count, seed).map((value) => value * 0.2);
  return makeOnnx({
    nodes: [
      { op: 'Conv', inputs: ['x', 'w1'], outputs: ['a'], name: 'conv1' },
      { op: 'Relu', inputs: ['a'], outputs: ['b'], name: 'relu' },
      { op: 'Conv', inputs: ['b', 'w2'], outputs: ['y'], name: 'conv2' },
    ],
    inputs: { x: [4, 8, 16, 16] },
    outputs: { y: [4, 8, 12, 12] },
    weights: [
      { name: 'w1', shape: [16, 8, 3, 3], data: scaled(16 * 8 * 9, 1) },
      { name: 'w2', shape: [8, 16, 3, 3], data: scaled(8 * 16 * 9, 2) },
    ],
  });
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  a.forEach((value, index) => {
    const other = b[index] ?? 0;
    dot += value * other;
    aa += value * value;
    bb += other * other;
  });
  return dot / Math.sqrt(aa * bb);
}

async function outputOf(plan: Uint8Array, x: Float32Array): Promise<Float32Array> {
  const session = await Session.load(plan);
  const { y } = await session.run({ x });
  const data = (y?.data as Float32Array).slice();
  await session.close();
  return data;
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'trt-node-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function major(): number {
  const runtime = new Runtime();
  const [number] = runtime.version.split('.');
  runtime.close();
  return Number(number);
}

test(
  'INT8 with calibration is near FP32, and the cache gives the same plan again',
  { skip },
  async (t) => {
    const model = convModel();
    if (major() >= 11) {
      const error = await codeOf(() =>
        build({ onnx: model, int8: true, calibration: { data: [] } }),
      );
      assert.equal(error.code, 'ERR_TRT_UNSUPPORTED', error.message);
      assert.match(error.message, /QuantizeLinear/);
      return;
    }
    await withFolder(async (folder) => {
      const cacheFile = join(folder, 'calibration.cache');
      async function* data(): AsyncGenerator<CalibrationBatch> {
        for (let index = 0; index < 8; index++) {
          await Promise.resolve();
          yield { x: new Tensor('float32', numbers(4 * 8 * 256, 100 + index), [4, 8, 16, 16]) };
        }
      }
      const options = { ...quick, onnx: model, int8: true };
      const x = numbers(4 * 8 * 256, 7);
      const exact = await outputOf(await build({ ...quick, onnx: model, tf32: false }), x);
      for (const algorithm of ['entropy2', 'minMax'] as const) {
        const own = `${cacheFile}.${algorithm}`;
        const calibration = { cacheFile: own, algorithm };
        const plan = await build({ ...options, calibration: { ...calibration, data: data() } });
        const text = readFileSync(own, 'utf8');
        assert.match(text, /^TRT-\d+-\w+Calibration2?\n/);
        assert.match(text, /^x: [0-9a-f]{8}$/m);
        const again = await build({ ...options, calibration }); // the cache alone
        assert.equal(readFileSync(own, 'utf8'), text);
        for (const made of [plan, again]) {
          const near = cosine(await outputOf(made, x), exact);
          t.diagnostic(`${algorithm}: cosine ${near}`);
          assert.ok(near > 0.99, `${algorithm}: cosine ${near}`);
        }
      }
    });
  },
);

test('a calibration that is cancelled or fails ends the build', { skip }, async () => {
  if (major() >= 11) return;
  const base = { ...quick, onnx: convModel(), int8: true };
  const controller = new AbortController();
  const never: AsyncIterable<CalibrationBatch> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        controller.abort();
        return new Promise(() => undefined);
      },
    }),
  };
  const aborted = await codeOf(() =>
    build({ ...base, calibration: { data: never }, signal: controller.signal }),
  );
  assert.equal(aborted.code, 'ERR_TRT_ABORTED', aborted.message);
  const wrong = { x: new Tensor('float32', new Float32Array(4), [1, 1, 2, 2]) };
  const refused = await codeOf(() => build({ ...base, calibration: { data: [wrong] } }));
  assert.equal(refused.code, 'ERR_TRT_INVALID_SHAPE', refused.message);
});

test('a model with Q/DQ nodes', { skip }, async () => {
  const { model, weights, scales } = quantizedModel();
  const x = Float32Array.of(0.26, -1.02, 3, 100, -100, 0.5, 0.024, 0.026);
  const int8 = major() < 11;
  const y = await outputOf(await build({ ...quick, onnx: model, int8 }), x);
  const q = Array.from(x, (value) => Math.max(-128, Math.min(127, Math.round(value / scales[0]))));
  for (const row of [0, 1]) {
    for (const column of [0, 1]) {
      let sum = 0;
      for (const k of [0, 1, 2, 3]) sum += (q[row * 4 + k] ?? 0) * (weights[k * 2 + column] ?? 0);
      const wanted = sum * scales[0] * scales[1];
      const given = y[row * 2 + column] ?? NaN;
      assert.ok(
        Math.abs(given - wanted) < 1e-3 * Math.max(1, Math.abs(wanted)),
        `${given} ${wanted}`,
      );
    }
  }
});

test('progress as an async iterator', { skip }, async (t) => {
  const job = startBuild({ ...quick, onnx: convModel() });
  const phases = new Map<string, number>();
  let finished = 0;
  for await (const { phase, parent, depth, fraction, step, steps, finished: done } of job) {
    if (!phases.has(phase)) t.diagnostic(`${'  '.repeat(depth)}${phase} (${steps}) < '${parent}'`);
    assert.ok(fraction >= 0 && fraction <= 1, `${phase}: ${fraction}`);
    assert.ok(step >= 0, `${phase}: ${step}`);
    phases.set(phase, fraction);
    if (done) finished++;
  }
  assert.ok((await job.plan).length > 0);
  assert.ok(phases.size > 0 && finished > 0);
});

test(
  'the timing cache: merged, nothing missed in the second build, damage is no failure',
  { skip },
  async (t) => {
    await withFolder(async (folder) => {
      const caches = join(folder, 'caches/');
      const options = { onnx: convModel(), timingCacheFile: caches };
      const timed = async (): Promise<number> => {
        const start = performance.now();
        await build(options);
        return performance.now() - start;
      };
      const first = await timed();
      const [name] = readdirSync(caches).filter((file) => file.endsWith('.cache'));
      assert.match(name ?? '', /^tensorrt-\d+\.\d+\.\d+.*-sm\d+\.cache$/);
      const file = join(caches, name ?? '');
      const size = statSync(file).size;
      const second = await timed();
      t.diagnostic(
        `build ${first.toFixed(0)} ms, with its cache ${second.toFixed(0)} ms, ${size} bytes`,
      );
      assert.equal(statSync(file).size, size, 'the second build measured something anew');
      // Two at once on another file: both are in it.
      const shared = join(folder, 'shared.cache');
      const mlp = {
        onnx: onnx('mlp.onnx'),
        profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }],
        timingCacheFile: shared,
      };
      await Promise.all([build({ ...options, timingCacheFile: shared }), build(mlp)]);
      const both = statSync(shared).size;
      assert.ok(both > size, `${both} bytes, of one alone ${size}`);
      for (const bytes of [Buffer.from('no cache'), readFileSync(file).subarray(0, size >> 1)]) {
        writeFileSync(shared, bytes);
        const lines: string[] = [];
        await build({ ...mlp, log: (_severity, line) => lines.push(line) });
        // TensorRT 10.6 says so itself, and goes on with an empty cache.
        const words = /started anew|timing cache will not be used/;
        assert.ok(
          lines.some((line) => words.test(line)),
          lines.join('\n'),
        );
        const again: string[] = [];
        await build({ ...mlp, log: (_severity, line) => again.push(line) });
        assert.ok(!again.some((line) => words.test(line)), again.join('\n'));
      }
    });
  },
);

test('what the parser says of a model with unknown operators', { skip }, async (t) => {
  const model = makeOnnx(strangeModel);
  const capability = await checkModel(model);
  t.diagnostic(JSON.stringify(capability.subgraphs));
  t.diagnostic(JSON.stringify(capability.errors));
  assert.equal(capability.supported, false);
  const operators = capability.unsupported.map(({ operator, nodes }) => [operator, nodes.length]);
  assert.deepEqual(operators, [
    ['Strange', 2],
    ['Frobnicate', 1],
  ]);
  const working = capability.subgraphs.filter(({ supported }) => supported);
  assert.deepEqual(working.flatMap(({ nodes }) => [...nodes]).sort(), [0, 2]);
  const profiles = [{ x: { min: [1, 4], opt: [2, 4], max: [8, 4] } }];
  const failed = await codeOf(() => build({ onnx: model, profiles }));
  assert.equal(failed.code, 'ERR_TRT_PARSE', failed.message);
  assert.match(failed.message, /Strange/);
  const good = await checkModel(onnx('mlp.onnx'));
  assert.equal(good.supported, true);
});
