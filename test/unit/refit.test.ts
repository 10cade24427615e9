// Other weights for an engine: the low-level Refitter, Session.refit while runs are in flight, refit() with stripped plans, and what goes wrong.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type BuildOptions,
  Runtime,
  RefitError,
  Session,
  Tensor,
  build,
  refit,
  refittableWeights,
  writeNpy,
} from 'trt-node';
import { loadAddon } from '../../lib/load.js';
import { expectError, thrownBy } from '../helpers/expect-error.js';
import { knownAnswer, ramp } from '../helpers/known-answers.js';
import { float32Weights, mlp } from '../helpers/onnx-weights.js';
import { injectFaults, reference } from '../helpers/reference.js';
import { float32Safetensors } from '../helpers/safetensors.js';
import { tempFolder } from '../helpers/temp.js';

const onnx = 'test/fixtures/onnx/mlp.onnx';
const original = float32Weights(onnx).get('W')!;
const doubled = original.map((value) => value * 2);
const zeros = new Float32Array(original.length);
const x = ramp(8 * 64);
const feeds = { x: new Tensor('float32', x, [8, 64]) };

const plans = new Map<string, Promise<Uint8Array>>();
function planWith(options: Partial<BuildOptions>): Promise<Uint8Array> {
  const key = JSON.stringify(options);
  let plan = plans.get(key);
  if (plan === undefined) {
    plan = build({ ...reference, ...knownAnswer('mlp').build, onnx, ...options });
    plans.set(key, plan);
  }
  return plan;
}

function weightsOf(data: Float32Array): { weights: { W: Tensor } } {
  return { weights: { W: new Tensor('float32', data, [64, 32]) } };
}

async function loadMlp(
  options: Parameters<typeof Session.load>[1] = {},
  built: Partial<BuildOptions> = { refit: true },
): Promise<Session> {
  const session = await Session.load(await planWith(built), { ...reference, ...options });
  onTestFinished(() => session.close());
  return session;
}

function expectMlp(y: Tensor | undefined, weights: Float32Array): void {
  const expected = mlp(x, weights);
  const given = y!.data as Float32Array;
  expect(given.length).toBe(expected.length);
  expected.forEach((value, index) => {
    expect(Math.abs(value - (given[index] ?? NaN))).toBeLessThan(1e-5);
  });
}

async function runtimeWith(built: Partial<BuildOptions>): Promise<Runtime> {
  const runtime = new Runtime(reference);
  onTestFinished(() => {
    runtime.close();
  });
  await planWith(built);
  return runtime;
}

describe('Refitter', () => {
  test('lists, takes and exchanges weights', async () => {
    const runtime = await runtimeWith({ refit: true });
    const engine = runtime.deserializeEngine(await planWith({ refit: true }));
    expect(engine.refittable).toBe(true);
    const refitter = engine.createRefitter();
    expect(refitter.getAllWeights()).toEqual(['W']);
    expect(refitter.getMissingWeights()).toEqual([]);
    expect(refitter.getWeightsPrototype('W')).toEqual({ dtype: 'float32', count: 2048 });
    expect(refitter.getWeightsPrototype('V')).toBeUndefined();
    expect(refitter.getNamedWeights('W')).toBeUndefined();
    expect(refitter.weightsValidation).toBe(true);
    refitter.weightsValidation = false;
    expect(refitter.weightsValidation).toBe(false);
    refitter.maxThreads = 3;
    expect(refitter.maxThreads).toBe(3);
    const data = doubled.slice();
    refitter.setNamedWeights('W', new Tensor('float32', data, [64, 32]));
    data.fill(0); // it was copied
    expect(refitter.getNamedWeights('W')).toEqual({ dtype: 'float32', count: 2048 });
    await refitter.refitCudaEngine();
    const y = await Session.load(engine.serialize(), reference);
    onTestFinished(() => y.close());
    expectMlp((await y.run(feeds)).y, doubled);
    refitter.unsetNamedWeights('W');
    expect(refitter.getNamedWeights('W')).toBeUndefined();
    await expectError(
      () => {
        refitter.unsetNamedWeights('W');
      },
      'ERR_TRT_INVALID_ARGUMENT',
      "'W'",
    );
  });

  test('weights in pinned and device memory are kept until they are read', async () => {
    const runtime = await runtimeWith({ refit: true });
    const engine = runtime.deserializeEngine(await planWith({ refit: true }));
    const refitter = engine.createRefitter();
    for (const [buffer, data] of [
      [runtime.createPinnedBuffer(doubled.byteLength), doubled],
      [runtime.createDeviceBuffer(zeros.byteLength), zeros],
    ] as const) {
      if ('write' in buffer) buffer.write(data);
      else buffer.writeSync(data);
      refitter.setNamedWeights('W', { buffer, dtype: 'float32', count: 2048 });
      await expectError(
        () => {
          refitter.setNamedWeights('W', { buffer, dtype: 'float32', count: 2048, byteOffset: 4 });
        },
        'ERR_TRT_LENGTH_MISMATCH',
        '2048',
      );
      buffer.close();
      refitter.refitCudaEngineSync();
      const session = await Session.load(await engine.serializeAsync(), reference);
      onTestFinished(() => session.close());
      expectMlp((await session.run(feeds)).y, data);
    }
  });

  test('in a stream, in order with inferences', async () => {
    const runtime = await runtimeWith({ refit: true });
    const engine = runtime.deserializeEngine(await planWith({ refit: true }));
    const context = engine.createExecutionContext();
    const stream = runtime.createStream();
    const [input, output] = [x.byteLength, 8 * 32 * 4].map((n) => runtime.createDeviceBuffer(n));
    input!.writeSync(x);
    context.setInputShape('x', [8, 64]);
    context.setTensorAddress('x', input!);
    context.setTensorAddress('y', output!);
    const refitter = engine.createRefitter();
    refitter.setNamedWeights('W', weightsOf(zeros).weights.W);
    refitter.refitCudaEngineAsync(stream);
    refitter.close(); // the stream keeps what it needs
    context.enqueue(stream);
    await stream.synchronize();
    const y = new Float32Array(8 * 32);
    output!.readSync(y);
    expectMlp(new Tensor('float32', y, [8, 32]), zeros);
  });

  test('from an ONNX file and its bytes', async () => {
    const runtime = await runtimeWith({ refit: true });
    const engine = runtime.deserializeEngine(await planWith({ refit: true }));
    const refitter = engine.createRefitter();
    await refitter.refitFromFile(onnx);
    expect(refitter.getNamedWeights('W')).toBeDefined();
    await expectError(
      () => refitter.refitFromBytes(Buffer.from('no model')),
      'ERR_TRT_REFIT',
      'ONNX',
    );
    await expectError(() => refitter.refitFromFile('/nowhere.onnx'), 'ERR_TRT_REFIT', 'open');
  });

  test('one call at a time, and none after close', async () => {
    const runtime = await runtimeWith({ refit: true });
    const engine = runtime.deserializeEngine(await planWith({ refit: true }));
    const refitter = engine.createRefitter();
    refitter.setNamedWeights('W', weightsOf(doubled).weights.W);
    const pending = refitter.refitCudaEngine();
    await expectError(() => refitter.getAllWeights(), 'ERR_TRT_BUSY');
    await pending;
    const last = refitter.refitCudaEngine();
    engine.close();
    await last; // what was begun ends well
    await expectError(() => refitter.getAllWeights(), 'ERR_TRT_CLOSED', 'Refitter');
  });

  test('an engine that is not refittable', async () => {
    const runtime = await runtimeWith({});
    const engine = runtime.deserializeEngine(await planWith({}));
    expect(engine.refittable).toBe(false);
    await expectError(() => engine.createRefitter(), 'ERR_TRT_UNSUPPORTED', '--refit');
  });

  test.each<[string, string, Tensor, string]>([
    ['an unknown name', 'V', new Tensor('float32', doubled), "'V'"],
    ['another type', 'W', new Tensor('float16', new Uint16Array(2048)), "'W'"],
    ['a type of no engine', 'W', new Tensor('float64', new Float64Array(2048)), 'float64'],
    ['another count', 'W', new Tensor('float32', [1, 2]), '2 elements'],
  ])('%s is refused in TensorRT’s words', async (_, name, tensor, message) => {
    const runtime = await runtimeWith({ refit: true });
    const refitter = runtime.deserializeEngine(await planWith({ refit: true })).createRefitter();
    const error = await thrownBy(() => {
      refitter.setNamedWeights(name, tensor);
    });
    expect((error as Error).message).toContain(message);
  });
});

describe('Session.refit', () => {
  test('exchanges the weights between runs, with graphs captured, and back again', async () => {
    const session = await loadMlp({ instances: 2, cudaGraph: 'on' });
    for (let round = 0; round < 5; round++) expectMlp((await session.run(feeds)).y, original);
    expect(session.stats().cudaGraph.hits).toBeGreaterThan(0);
    for (const weights of [doubled, zeros, original]) {
      const { captures } = session.stats().cudaGraph;
      const result = await session.refit(weightsOf(weights));
      expect(result).toEqual({ refitted: ['W'], ignored: [] });
      for (let round = 0; round < 4; round++) expectMlp((await session.run(feeds)).y, weights);
      expectMlp(session.runSync(feeds).y, weights);
      expect(session.stats().cudaGraph.captures).toBeGreaterThan(captures); // the old ones are gone
    }
    expect(loadAddon().addon.liveHandles().Refitter).toBe(0);
  });

  test('waits for runs in flight, and holds back those that come meanwhile', async () => {
    const session = await loadMlp({ instances: 2 });
    injectFaults('delay=20');
    const before = [0, 1].map(() => session.run(feeds));
    const refitted = session.refit(weightsOf(zeros));
    // Its files are read first; from then on no run starts.
    await Promise.all(
      before.map(async (run) => {
        expectMlp((await run).y, original);
      }),
    );
    await refitted;
    const after = [0, 1, 2, 3].map(() => session.run(feeds));
    const again = session.refit(weightsOf(doubled));
    const many = session.runMany([feeds, feeds, feeds]);
    for (const { y } of await Promise.all(after)) {
      const given = (y!.data as Float32Array)[0]!;
      expect([mlp(x, zeros)[0], mlp(x, doubled)[0]].some((v) => Math.abs(v! - given) < 1e-5)).toBe(
        true,
      );
    }
    await again;
    expect(await many).toHaveLength(3);
    expectMlp((await session.run(feeds)).y, doubled);
    expect(session.stats()).toMatchObject({ running: 0, queued: 0, failed: 0 });
  });

  test('two at a time: one after the other', async () => {
    const session = await loadMlp();
    await Promise.all([session.refit(weightsOf(zeros)), session.refit(weightsOf(doubled))]);
    const y = (await session.run(feeds)).y!;
    const first = (y.data as Float32Array)[0]!;
    expect([mlp(x, zeros)[0], mlp(x, doubled)[0]].some((v) => Math.abs(v! - first) < 1e-5)).toBe(
      true,
    );
  });

  test('from a folder of .npy, from safetensors, from ONNX; the later of them counts', async () => {
    const session = await loadMlp();
    const folder = tempFolder();
    await mkdir(path.join(folder, 'deep'));
    await writeNpy(path.join(folder, 'deep', 'kernel.npy'), weightsOf(doubled).weights.W);
    await writeNpy(path.join(folder, 'unused.npy'), weightsOf(doubled).weights.W);
    const mapName = (name: string): string | undefined => (name === 'deep/kernel' ? 'W' : name);
    expect(await session.refit({ npy: folder, mapName })).toEqual({
      refitted: ['W'],
      ignored: ['unused'],
    });
    expectMlp((await session.run(feeds)).y, doubled);
    const file = path.join(folder, 'w.safetensors');
    await writeFile(
      file,
      float32Safetensors({
        W: { shape: [64, 32], data: zeros },
        other: { shape: [1], data: Float32Array.of(1) },
      }),
    );
    expect((await session.refit({ safetensors: file })).ignored).toEqual(['other']);
    expectMlp((await session.run(feeds)).y, zeros);
    await session.refit({ onnx, safetensors: file });
    expectMlp((await session.run(feeds)).y, zeros);
    await session.refit({ onnx });
    expectMlp((await session.run(feeds)).y, original);
  });

  test('wrong weights change nothing', async () => {
    const session = await loadMlp();
    const refusals: [unknown, string, ...string[]][] = [
      [undefined, 'ERR_TRT_INVALID_ARGUMENT', 'weights'],
      [{}, 'ERR_TRT_INVALID_ARGUMENT', 'onnx, safetensors, npy or weights'],
      [{ weight: {} }, 'ERR_TRT_INVALID_ARGUMENT', "'weights'"],
      [{ weights: { W: doubled } }, 'ERR_TRT_INVALID_ARGUMENT', 'Tensor'],
      [{ weights: {} }, 'ERR_TRT_INVALID_ARGUMENT', "'W'"],
      [
        { weights: { w: weightsOf(doubled).weights.W } },
        'ERR_TRT_UNKNOWN_TENSOR',
        "Did you mean 'W'?",
      ],
      [
        { weights: { W: new Tensor('float64', new Float64Array(2048)) } },
        'ERR_TRT_DTYPE_MISMATCH',
        '2048 elements of float32',
        'float64',
      ],
      [
        { weights: { W: new Tensor('float32', [1]) } },
        'ERR_TRT_LENGTH_MISMATCH',
        '2048 elements',
        'got 1',
      ],
      [{ npy: '/nowhere' }, 'ERR_TRT_FILE', '/nowhere'],
      [{ safetensors: '/nowhere' }, 'ERR_TRT_FILE', '/nowhere'],
      [{ onnx: '/nowhere.onnx' }, 'ERR_TRT_FILE', '/nowhere.onnx'],
      [{ onnx: Buffer.from('garbage') }, 'ERR_TRT_REFIT', 'ONNX'],
      [{ npy: tempFolder() }, 'ERR_TRT_INVALID_ARGUMENT', "'W'"],
      [{ mapName: 1, npy: '.' }, 'ERR_TRT_INVALID_ARGUMENT', 'mapName'],
    ];
    for (const [options, code, ...parts] of refusals) {
      await expectError(() => session.refit(options as never), code as never, ...parts);
      expectMlp((await session.run(feeds)).y, original);
    }
    const fixed = await loadMlp({}, {});
    await expectError(() => fixed.refit({ onnx }), 'ERR_TRT_UNSUPPORTED', 'refittable');
  });

  test('a failure in the middle: runs are refused until a refit succeeds', async () => {
    const session = await loadMlp();
    injectFaults('delay=20');
    const running = session.run(feeds);
    injectFaults('refit');
    const failing = session.refit(weightsOf(doubled));
    const error = await expectError(() => failing, 'ERR_TRT_REFIT', 'Injected fault: refit');
    expect(error).toBeInstanceOf(RefitError);
    expect((error as RefitError).missingWeights).toEqual([]);
    await running;
    await expectError(() => session.run(feeds), 'ERR_TRT_REFIT', 'middle');
    await expectError(() => session.runSync(feeds), 'ERR_TRT_REFIT', 'middle');
    await expectError(() => session.runMany([feeds]), 'ERR_TRT_REFIT', 'middle');
    injectFaults('');
    await session.refit(weightsOf(doubled));
    expectMlp((await session.run(feeds)).y, doubled);
  });

  test('closing: what is under way ends, what comes after is refused', async () => {
    const session = await loadMlp();
    injectFaults('delay=20');
    const running = session.run(feeds);
    const refitting = session.refit(weightsOf(doubled)).catch((error: unknown) => error);
    await session.close();
    expectMlp((await running).y, original);
    expect(await refitting).toMatchObject({ code: 'ERR_TRT_CLOSED' });
    await expectError(() => session.refit({ onnx }), 'ERR_TRT_CLOSED');
  });
});

describe('stripped plans', () => {
  test('are small, do not run, and become complete again', async () => {
    const whole = await planWith({ refit: true });
    const stripped = await planWith({ stripWeights: true });
    expect(stripped.length).toBeLessThan(whole.length / 4);
    const bare = await Session.load(stripped, reference);
    onTestFinished(() => bare.close());
    await expectError(() => bare.run(feeds), 'ERR_TRT_EXECUTION', 'stripped');
    await bare.refit({ onnx });
    expectMlp((await bare.run(feeds)).y, original);

    const again = await refit(stripped, { ...reference, onnx });
    const session = await Session.load(again, reference);
    onTestFinished(() => session.close());
    expectMlp((await session.run(feeds)).y, original);

    const restripped = await refit(again, {
      ...reference,
      ...weightsOf(doubled),
      excludeWeights: true,
    });
    expect(restripped.length).toBeLessThan(whole.length / 4);
    const loaded = await Session.load(restripped, { ...reference, refitFrom: weightsOf(zeros) });
    onTestFinished(() => loaded.close());
    expectMlp((await loaded.run(feeds)).y, zeros);
  });

  test('the weights that are missing are listed', async () => {
    const stripped = await planWith({ stripWeights: true });
    expect(await refittableWeights(stripped, reference)).toEqual([
      { name: 'W', dtype: 'float32', count: 2048, missing: true },
    ]);
    const runtime = await runtimeWith({});
    const refitter = runtime.deserializeEngine(stripped).createRefitter();
    const error = await expectError(
      () => refitter.refitCudaEngine(),
      'ERR_TRT_REFIT',
      "'W'",
      'nothing was changed',
    );
    expect((error as RefitError).missingWeights).toEqual(['W']);
  });

  test('flags that this TensorRT has not got', async () => {
    const runtime = await runtimeWith({ refit: true });
    const engine = runtime.deserializeEngine(await planWith({ refit: true }));
    await expectError(
      () => engine.serialize({ wrong: true } as never),
      'ERR_TRT_INVALID_ARGUMENT',
      'wrong',
    );
    const fixed = runtime.deserializeEngine(await planWith({}));
    await expectError(
      () => fixed.serialize({ excludeWeights: true }),
      'ERR_TRT_EXECUTION',
      'refittable',
    );
    expect(fixed.serialize({ excludeLeanRuntime: true }).byteLength).toBeGreaterThan(8000);
  });
});
