// build(): options, profiles, progress, abort, and models that cannot be built.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BuildOptions, type BuildProgress, Session, build, inspect } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, reference } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const onnx = 'test/fixtures/onnx/mlp.onnx';
const profiles = [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }];

describe('what it takes', () => {
  test('a path, a Buffer or an ArrayBuffer; the plan comes back and is written', async () => {
    const bytes = readFileSync(onnx);
    const saveEngine = path.join(tempFolder(), 'mlp.plan');
    const plan = await build({ ...reference, onnx, profiles, saveEngine });
    expect(readFileSync(saveEngine)).toEqual(Buffer.from(plan));
    for (const model of [bytes, new Uint8Array(bytes).buffer]) {
      expect(await build({ ...reference, onnx: model, profiles })).toEqual(plan);
    }
  });

  test('one array stands for min, opt and max', async () => {
    const plan = await build({ ...reference, onnx, profiles: [{ x: [4, 64] }] });
    await using session = await Session.load(plan, reference);
    expect(session.inputs[0]?.profiles).toEqual([{ min: [4, 64], opt: [4, 64], max: [4, 64] }]);
    expect((await session.run({ x: ramp(4 * 64) })).y?.shape).toEqual([4, 32]);
  });

  test('the options are told to TensorRT', async () => {
    const lines: string[] = [];
    const plan = await build({
      ...reference,
      onnx,
      profiles,
      profilingVerbosity: 'detailed',
      workspaceBytes: 1 << 20,
      builderOptimizationLevel: 1,
      maxAuxStreams: 0,
      log: (_severity, message) => lines.push(message),
      logSeverity: 'verbose',
    });
    const info = await inspect(plan, reference);
    expect(info).toMatchObject({
      kind: 'plan',
      runtime: 'reference',
      engine: { profilingVerbosity: 'detailed' },
    });
    expect(lines.length).toBeGreaterThan(0);
  });

  test('progress', async () => {
    const seen: BuildProgress[] = [];
    await build({ ...reference, onnx, profiles, progress: (progress) => seen.push(progress) });
    expect(seen.length).toBeGreaterThan(0);
    for (const { phase, step, steps } of seen) {
      expect(phase).not.toBe('');
      expect(step).toBeLessThanOrEqual(steps);
    }
  });
});

describe('what it refuses', () => {
  const refused: [Partial<Record<keyof BuildOptions | 'fp61', unknown>>, string, ...string[]][] = [
    [{ onnx: 5 }, 'ERR_TRT_INVALID_ARGUMENT', 'build: onnx', 'got 5'],
    [{ onnx: 'no/such.onnx' }, 'ERR_TRT_FILE', "cannot read 'no/such.onnx'"],
    [{ fp61: true }, 'ERR_TRT_INVALID_ARGUMENT', '"fp61"', "Did you mean 'fp16'?"],
    [{ fp16: 'yes' }, 'ERR_TRT_INVALID_ARGUMENT', 'fp16: expected true or false, got "yes"'],
    [{ builderOptimizationLevel: 6 }, 'ERR_TRT_INVALID_ARGUMENT', 'from 0 to 5, got 6'],
    [{ profilingVerbosity: 'all' }, 'ERR_TRT_INVALID_ARGUMENT', "'detailed'"],
    [{ profiles: {} }, 'ERR_TRT_INVALID_ARGUMENT', 'profiles: expected an array, got an object'],
    [{ profiles: [null] }, 'ERR_TRT_INVALID_ARGUMENT', 'profiles[0]', 'got null'],
    [{ profiles: [{ x: { mim: [1] } }] }, 'ERR_TRT_INVALID_ARGUMENT', "Did you mean 'min'?"],
    [{ profiles: [{ x: { min: [1, 64] } }] }, 'ERR_TRT_INVALID_SHAPE', "profiles[0] 'x': opt"],
    [{ profiles: [{ x: [1, -64] }] }, 'ERR_TRT_INVALID_SHAPE', '-64 at axis 1'],
    [
      { profiles: [{ x: { min: [8, 64], opt: [4, 64], max: [8, 64] } }] },
      'ERR_TRT_INVALID_SHAPE',
      'min ≤ opt ≤ max',
      '[8, 64], [4, 64], [8, 64]',
    ],
    [
      { profiles: [{ x: { minValues: [1.5], optValues: [2], maxValues: [3] } }] },
      'ERR_TRT_INVALID_ARGUMENT',
      'array of integers',
    ],
  ];
  test.each(refused)('%j', async (options, code, ...parts) => {
    const all = { ...reference, onnx, profiles, ...options } as unknown as BuildOptions;
    await expectError(() => build(all), code as 'ERR_TRT_FILE', ...parts);
  });

  test('what is no ONNX model: the parser’s words are in the log', async () => {
    const error = await expectError(
      () => build({ ...reference, onnx: Buffer.from('this is no model') }),
      'ERR_TRT_PARSE',
    );
    expect(error.name).toBe('BuildError');
    expect(error.log.length).toBeGreaterThan(0);
  });

  test('a profile for an input that the model has not, or of another rank', async () => {
    await expectError(
      () => build({ ...reference, onnx, profiles: [{ y: [1, 64] }] }),
      'ERR_TRT_UNKNOWN_TENSOR',
      'y',
    );
    await expectError(
      () => build({ ...reference, onnx, profiles: [{ x: [1, 64, 1] }] }),
      'ERR_TRT_RANK_MISMATCH',
      'x',
    );
  });

  test('dynamic shapes without a profile', async () => {
    const error = await expectError(
      () => build({ ...reference, onnx }),
      'ERR_TRT_INVALID_ARGUMENT',
    );
    expect(error.message).toContain('x');
  });

  test('a folder that does not exist: no plan, no rest', async () => {
    const folder = tempFolder();
    const saveEngine = path.join(folder, 'no', 'mlp.plan');
    await expectError(
      () => build({ ...reference, onnx, profiles, saveEngine }),
      'ERR_TRT_FILE',
      'cannot write',
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a builder that fails', async () => {
    injectFaults('build');
    const error = await expectError(() => build({ ...reference, onnx, profiles }), 'ERR_TRT_BUILD');
    expect(error.log.join('\n')).toContain('[E]');
  });
});

describe('abort', () => {
  test('before', async () => {
    const signal = AbortSignal.abort('no');
    const error = await expectError(
      () => build({ ...reference, onnx, profiles, signal }),
      'ERR_TRT_ABORTED',
    );
    expect(error.cause).toBe('no');
  });

  test('while the model is read', async () => {
    const controller = new AbortController();
    const building = build({ ...reference, onnx, profiles, signal: controller.signal });
    controller.abort();
    await expectError(() => building, 'ERR_TRT_ABORTED');
  });

  test('while it builds, and afterwards', async () => {
    const controller = new AbortController();
    const progress = (): void => controller.abort(new Error('enough'));
    const building = build({
      ...reference,
      onnx: 'test/fixtures/onnx/lane.onnx',
      profiles: [{ input: [1, 3, 360, 640] }],
      signal: controller.signal,
      progress,
    });
    const error = await expectError(() => building, 'ERR_TRT_ABORTED', 'build');
    expect(error.cause).toMatchObject({ message: 'enough' });
    const late = new AbortController();
    const plan = await build({ ...reference, onnx, profiles, signal: late.signal });
    late.abort();
    expect(plan.length).toBeGreaterThan(0);
  });
});
