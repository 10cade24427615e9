// Debug tensors: marked in the build, watched in runs and contexts.

import { describe, expect, onTestFinished, test } from 'vitest';
import { type DebugTensor, Runtime, Session, type SessionOptions, build } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { knownAnswer, ramp } from '../helpers/known-answers.js';
import { injectFaults, reference, referencePlan } from '../helpers/reference.js';

const x = ramp(8 * 64);
const onnx = 'test/fixtures/onnx/mlp.onnx';

let plan: Promise<Uint8Array> | undefined;
function markedPlan(): Promise<Uint8Array> {
  plan ??= build({ ...reference, ...knownAnswer('mlp').build, onnx, markDebug: ['r', 'y'] });
  return plan;
}

async function marked(options: SessionOptions = {}): Promise<Session> {
  const session = await Session.load(await markedPlan(), { ...reference, ...options });
  onTestFinished(() => session.close());
  return session;
}

describe('session.run', () => {
  test('gives them among the results, and only then', async () => {
    const session = await marked();
    const plain = await session.run({ x });
    expect(Object.keys(plain)).toEqual(['y']);
    const results = await session.run({ x }, { debug: ['r'] });
    expect(Object.keys(results)).toEqual(['y', 'r']);
    const hidden = results.r!;
    expect(hidden.dtype).toBe('float32');
    expect(hidden.shape[0]).toBe(8);
    expect(hidden.data.length).toBe(hidden.shape.reduce((a, b) => a * b, 1));
    expect([...(hidden.data as Float32Array)].some((value) => value !== 0)).toBe(true);
    expect(results.y!.data).toEqual(plain.y!.data);
    expect(Object.keys(await session.run({ x }))).toEqual(['y']);
    expect(Object.keys(session.runSync({ x }, { debug: true }))).toEqual(['y', 'r']);
  });

  test('tells a listener, in order, instead', async () => {
    const session = await marked();
    const seen: DebugTensor[] = [];
    const results = await session.run(
      { x },
      { debug: true, onDebugTensor: (tensor) => seen.push(tensor) },
    );
    expect(Object.keys(results)).toEqual(['y']);
    expect(seen.map((tensor) => tensor.name)).toEqual(['r', 'y']);
    expect(seen[1]!.data).toEqual(results.y!.data);
    expect(seen[1]!.shape).toEqual(results.y!.shape);
    const mine = new Error('mine');
    await expect(
      session.run(
        { x },
        {
          debug: true,
          onDebugTensor: () => {
            throw mine;
          },
        },
      ),
    ).rejects.toBe(mine);
    expect((await session.run({ x })).y!.data).toEqual(results.y!.data);
  });

  test('uses no CUDA graph for such runs, and says why', async () => {
    const session = await marked({ cudaGraph: 'on' });
    for (let run = 0; run < 4; run++) await session.run({ x });
    const { hits, captures, fallbacks } = session.stats().cudaGraph;
    expect(captures).toBeGreaterThan(0);
    expect(fallbacks).toBe(0);
    await session.run({ x }, { debug: true });
    expect(session.stats().cudaGraph).toMatchObject({
      hits,
      captures,
      fallbacks: 1,
      fallbackReason: 'debug tensors were watched',
    });
    await session.run({ x });
    expect(session.stats().cudaGraph.hits).toBeGreaterThan(hits);
  });

  test('many at once, watched and not', async () => {
    const session = await marked({ instances: 3 });
    const expected = (await session.run({ x }, { debug: true })).r!.data;
    injectFaults('delay=2');
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, run) =>
        session.run({ x }, run % 2 === 0 ? { debug: ['r'] } : {}),
      ),
    );
    results.forEach((result, run) => {
      expect('r' in result).toBe(run % 2 === 0);
      if (run % 2 === 0) expect(result.r!.data).toEqual(expected);
    });
  });

  test('wrong names and options', async () => {
    const session = await marked();
    await expectError(
      () => session.run({ x }, { debug: ['x'] }),
      'ERR_TRT_UNKNOWN_TENSOR',
      'markDebug',
    );
    await expectError(
      () => session.run({ x }, { debug: 'r' as never }),
      'ERR_TRT_INVALID_ARGUMENT',
    );
    await expectError(
      () => session.run({ x }, { onDebugTensor: () => undefined }),
      'ERR_TRT_INVALID_ARGUMENT',
      'debug',
    );
    await expectError(
      () => session.run({ x }, { debug: true, onDebugTensor: 1 as never }),
      'ERR_TRT_INVALID_ARGUMENT',
    );
    await expectError(
      () => session.runMany([{ x }], { debug: true } as never),
      'ERR_TRT_INVALID_ARGUMENT',
    );
    await using unmarked = await Session.load(await referencePlan('mlp'), reference);
    expect(Object.keys(await unmarked.run({ x }, { debug: true }))).toEqual(['y']);
    await expectError(
      () => build({ ...reference, ...knownAnswer('mlp').build, onnx, markDebug: ['nothing'] }),
      'ERR_TRT_UNKNOWN_TENSOR',
      "names 'nothing', which no tensor of the network is called",
    );
    await expectError(
      () => build({ ...reference, ...knownAnswer('mlp').build, onnx, markDebug: 'h' as never }),
      'ERR_TRT_INVALID_ARGUMENT',
      'markDebug',
    );
  });
});

test('the low level: listener, states, later and in order', async () => {
  using runtime = new Runtime(reference);
  const engine = runtime.deserializeEngine(await markedPlan());
  expect(engine.isDebugTensor('r')).toBe(true);
  expect(engine.isDebugTensor('x')).toBe(false);
  expect(engine.tensor('y').isDebugTensor).toBe(true);
  const context = engine.createExecutionContext();
  const stream = runtime.createStream();
  const input = runtime.createDeviceBuffer(256 * 64 * 4);
  const output = runtime.createDeviceBuffer(256 * 32 * 4);
  input.writeSync(x);
  context.setInputShape('x', [8, 64]);
  context.setTensorAddress('x', input);
  context.setTensorAddress('y', output);
  const seen: DebugTensor[] = [];
  context.setDebugListener((tensor) => seen.push(tensor));
  context.enqueue(stream);
  expect(context.debugState('r')).toBe(false);
  context.setTensorDebugState('r', true);
  expect(context.debugState('r')).toBe(true);
  context.enqueue(stream);
  expect(seen).toEqual([]); // not within the call
  await stream.synchronize();
  await expect.poll(() => seen.map((tensor) => tensor.name)).toEqual(['r']);
  context.setAllTensorsDebugState(true);
  context.enqueue(stream);
  context.setDebugListener(null);
  context.enqueue(stream);
  await expect.poll(() => seen.map((tensor) => tensor.name)).toEqual(['r', 'r', 'y']);
  expect(seen[1]!.data).toEqual(seen[0]!.data);
  await expectError(
    () => context.setTensorDebugState('x', true),
    'ERR_TRT_UNKNOWN_TENSOR',
    'markDebug',
  );
  await expectError(() => context.setDebugListener(1 as never), 'ERR_TRT_INVALID_ARGUMENT');
  context.setDebugListener(() => undefined);
  stream.beginCapture();
  await expectError(() => context.enqueue(stream), 'ERR_TRT_EXECUTION');
});
