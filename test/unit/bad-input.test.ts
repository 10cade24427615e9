// Bad input: each case has its exact code and a message that says what was expected, what was given and what to do.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Runtime, Session, Tensor } from 'trt-node';
import { ramp } from '../helpers/known-answers.js';
import { expectError } from '../helpers/expect-error.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const x = ramp(8 * 64);

describe('plans', () => {
  test('an empty file, and one that is no plan', async () => {
    const file = path.join(tempFolder(), 'empty.plan');
    writeFileSync(file, '');
    await expectError(() => Session.load(file, reference), 'ERR_TRT_INVALID_PLAN', /empty/i);
    await expectError(
      () => Session.load(Buffer.alloc(0), reference),
      'ERR_TRT_INVALID_PLAN',
      /empty/i,
    );
    await expectError(
      () => Session.load(Buffer.from('this is no plan at all, but text'), reference),
      'ERR_TRT_INVALID_PLAN',
    );
    await expectError(() => Session.load(new Uint8Array(4096), reference), 'ERR_TRT_INVALID_PLAN');
  });

  test('an ONNX model is named as such, where only plans are taken', async () => {
    using runtime = new Runtime(reference);
    await expectError(
      () => runtime.deserializeEngineAsync('test/fixtures/onnx/mlp.onnx'),
      'ERR_TRT_INVALID_PLAN',
      /ONNX/,
      /build/i,
    );
  });

  test('a truncated plan says both sizes', async () => {
    const plan = await referencePlan('mlp');
    for (const length of [9, 40, plan.length >> 1, plan.length - 1]) {
      await expectError(
        () => Session.load(plan.subarray(0, length), reference),
        'ERR_TRT_INVALID_PLAN',
        /truncated|short|incomplete/i,
        String(length),
      );
    }
  });

  test('a TensorRT plan given to the reference runtime', async () => {
    for (const name of ['mlp.plan', 'mlp-8.6.plan']) {
      await expectError(
        () => Session.load(`test/fixtures/plans/${name}`, reference),
        'ERR_TRT_PLAN_RUNTIME',
        /TensorRT/,
        /reference/,
      );
    }
  });

  test('no such file', async () => {
    const error = await expectError(
      () => Session.load('no/such.plan', reference),
      'ERR_TRT_FILE',
      'no/such.plan',
    );
    expect(error.name).toBe('FileError');
    await expectError(() => Session.load('test', reference), 'ERR_TRT_FILE', 'test');
  });

  test.each([[undefined], [5], [null], [{}], ['']])('%s as a plan', async (plan) => {
    await expectError(
      () => Session.load(plan as never, reference),
      'ERR_TRT_INVALID_ARGUMENT',
      'path',
    );
  });

  test('a remote URL', async () => {
    await expectError(
      () => Session.load(new URL('https://example.com/a.plan'), reference),
      'ERR_TRT_INVALID_ARGUMENT',
      'file: URL',
      'Download',
    );
  });

  test('a plan in detached or shared memory', async () => {
    const plan = new Uint8Array(await referencePlan('mlp'));
    const shared = new Uint8Array(new SharedArrayBuffer(plan.length));
    await expectError(() => Session.load(shared, reference), 'ERR_TRT_INVALID_BUFFER', 'Shared');
    const { buffer } = plan;
    structuredClone(buffer, { transfer: [buffer] });
    await expectError(() => Session.load(buffer, reference), 'ERR_TRT_INVALID_BUFFER', 'detached');
    await expectError(() => Session.load(plan, reference), 'ERR_TRT_INVALID_BUFFER', 'detached');
  });

  test('a plan that TensorRT refuses: its words are in the log', async () => {
    const plan = await referencePlan('mlp');
    injectFaults('deserialize');
    const error = await expectError(() => Session.load(plan, reference), 'ERR_TRT_DESERIALIZE');
    expect(error.log.join('\n')).toMatch(/\[E\]/);
  });
});

describe('options', () => {
  const badOptions: [object, ...string[]][] = [
    [{ instances: 0 }, 'instances: expected an integer from 1 to 1024, got 0'],
    [{ instances: 1.5 }, 'instances', 'got 1.5'],
    [{ device: -1 }, 'device: expected an integer of at least 0, got -1'],
    [{ device: 9 }, 'device: expected one of 1 device(s), got 9', 'CUDA_VISIBLE_DEVICES'],
    [{ runtime: 'cpu' }, "runtime: expected one of 'auto', 'tensorrt', 'reference', got \"cpu\""],
    [{ instance: 2 }, 'expected known options, got "instance"', "Did you mean 'instances'?"],
    [{ log: 'stderr' }, 'log: expected a function, got "stderr"'],
    [{ logSeverity: 'warn' }, 'logSeverity', "'warning'"],
    [{ pluginLibraries: 'a.so' }, 'pluginLibraries: expected an array', 'even of one'],
    [{ library: 'libnvinfer.so' }, "library: expected none with runtime 'reference'"],
    [{ profile: -1 }, 'profile'],
    [{ signal: {} }, 'signal: expected an AbortSignal, got an object'],
  ];
  test.each(badOptions)('%j', async (options, ...parts) => {
    const plan = await referencePlan('mlp');
    await expectError(
      () => Session.load(plan, { ...reference, ...options }),
      'ERR_TRT_INVALID_ARGUMENT',
      ...parts,
    );
  });

  test('unknown plugin library', async () => {
    const plan = await referencePlan('mlp');
    await expectError(
      () => Session.load(plan, { ...reference, pluginLibraries: ['/no/such/plugin.so'] }),
      'ERR_TRT_LIBRARY_NOT_FOUND',
      '/no/such/plugin.so',
    );
  });

  test('options of a run', async () => {
    const session = await referenceSession('mlp');
    const run = (options: unknown): Promise<unknown> => session.run({ x }, options as never);
    await expectError(
      () => run({ output: ['y'] }),
      'ERR_TRT_INVALID_ARGUMENT',
      "Did you mean 'outputs'?",
    );
    await expectError(() => run(5), 'ERR_TRT_INVALID_ARGUMENT', 'options object, got 5');
    await expectError(() => run({ outputs: 'y' }), 'ERR_TRT_INVALID_ARGUMENT', 'names or targets');
    await expectError(() => run({ outputs: ['z'] }), 'ERR_TRT_UNKNOWN_TENSOR', "('y')", '"z"');
    await expectError(() => run({ outputs: ['y', 'y'] }), 'ERR_TRT_INVALID_ARGUMENT', 'twice');
    await expectError(() => run({ outputs: { y: 'gpu' } }), 'ERR_TRT_INVALID_ARGUMENT', "'device'");
  });
});

describe('feeds', () => {
  test('no object', async () => {
    const session = await referenceSession('mlp');
    for (const feeds of [undefined, null, 5, 'x', x]) {
      await expectError(
        () => session.run(feeds as never),
        'ERR_TRT_INVALID_ARGUMENT',
        'expected the inputs by name',
        '{ "x": tensor }',
      );
    }
  });

  test('an unknown name, with the nearest', async () => {
    const session = await referenceSession('two_inputs');
    const b = ramp(3);
    await expectError(
      () => session.run({ A: ramp(3), b }),
      'ERR_TRT_UNKNOWN_TENSOR',
      "expected the name of an input of this engine ('a', 'b'), got \"A\"",
      "Did you mean 'a'?",
    );
    await expectError(
      () => session.run({ a: b, b, pixels: b }),
      'ERR_TRT_UNKNOWN_TENSOR',
      '"pixels"',
    );
    expect(() => session.runSync({ a: b, b, pixels: b })).toThrow('pixels');
  });

  test('a missing input', async () => {
    const session = await referenceSession('two_inputs');
    await expectError(
      () => session.run({ a: ramp(3) }),
      'ERR_TRT_MISSING_INPUT',
      "input 'b' is missing: expected 'a', 'b', got 'a'",
      "Feed 'b' with float32 of shape [-1, 3]",
    );
    await expectError(() => session.run({}), 'ERR_TRT_MISSING_INPUT', 'got no input');
    await expectError(
      () => session.run({ a: ramp(3), b: undefined } as never),
      'ERR_TRT_MISSING_INPUT',
      "'b' undefined or null",
    );
    const inherited = Object.create({ b: ramp(3) }) as Record<string, Float32Array>;
    inherited.a = ramp(3);
    await expectError(() => session.run(inherited), 'ERR_TRT_MISSING_INPUT', "input 'b'");
  });

  test('a wrong type', async () => {
    const session = await referenceSession('mlp');
    await expectError(
      () => session.run({ x: new Float64Array(64) }),
      'ERR_TRT_DTYPE_MISMATCH',
      "input 'x': expected Float32Array for float32, got Float64Array(64)",
      'new Float32Array(array)',
    );
    await expectError(
      () => session.run({ x: new Tensor('int32', new Int32Array(64), [1, 64]) }),
      'ERR_TRT_DTYPE_MISMATCH',
      "input 'x': expected float32, got a int32 tensor",
      "new Tensor('float32'",
    );
    await expectError(() => session.run({ x: [1, 2] }), 'ERR_TRT_DTYPE_MISMATCH', 'an array of 2');
    await expectError(
      () => session.run({ x: 'text' } as never),
      'ERR_TRT_DTYPE_MISMATCH',
      '"text"',
    );
    const target = new Float64Array(1000);
    await expectError(
      () => session.run({ x }, { outputs: { y: target } }),
      'ERR_TRT_DTYPE_MISMATCH',
      "output 'y'",
      'Float64Array(1000)',
    );
  });

  test('a wrong length', async () => {
    const session = await referenceSession('mlp');
    await expectError(
      () => session.run({ x: new Float32Array(65) }),
      'ERR_TRT_LENGTH_MISMATCH',
      "input 'x': expected a multiple of 64 elements for shape [-1, 64], got Float32Array(65)",
    );
    await expectError(
      () => session.run({ x }, { outputs: { y: new Float32Array(10) } }),
      'ERR_TRT_LENGTH_MISMATCH',
      "output 'y': expected room for 256 elements of shape [8, 32], got 10",
    );
  });

  test('a shape that an array alone does not determine', async () => {
    const session = await referenceSession('slow');
    await expectError(
      () => session.run({ x: new Float32Array(64 * 64) }),
      'ERR_TRT_INVALID_ARGUMENT',
      'expected a Tensor with its shape, as [-1, -1] has 2 dynamic dimensions',
      "new Tensor('float32', array, […, …])",
    );
  });

  test('a wrong rank', async () => {
    const session = await referenceSession('mlp');
    await expectError(
      () => session.run({ x: new Tensor('float32', x, [8, 8, 8]) }),
      'ERR_TRT_RANK_MISMATCH',
      "input 'x': expected 2 dimensions [-1, 64], got 3: [8, 8, 8]",
    );
    await expectError(
      () => session.run({ x: new Tensor('float32', ramp(64), [64]) }),
      'ERR_TRT_RANK_MISMATCH',
      'leading 1',
    );
  });

  test('a dimension outside every profile: all are told, and why they refuse', async () => {
    const session = await referenceSession('mlp');
    await expectError(
      () => session.run({ x: new Float32Array(257 * 64) }),
      'ERR_TRT_SHAPE_OUT_OF_RANGE',
      "expected shapes that an optimization profile takes, got 'x' [257, 64]",
      "profile 0: 'x' takes min [1, 64], opt [8, 64], max [32, 64]: 257 at axis 0 is more than 32",
      "profile 1: 'x' takes min [33, 64], opt [64, 64], max [256, 64]: 257 at axis 0 is more than 256",
      '--maxShapes',
    );
    await expectError(
      () => session.run({ x: new Tensor('float32', new Float32Array(65), [1, 65]) }),
      'ERR_TRT_SHAPE_OUT_OF_RANGE',
      '65 at axis 1 is not 64',
    );
    await expectError(
      () => session.run({ x: new Float32Array(0) }),
      'ERR_TRT_SHAPE_OUT_OF_RANGE',
      '0 at axis 0 is less than 1',
    );
  });

  test('values of a shape tensor outside the profile', async () => {
    const session = await referenceSession('reshape_by_input');
    const tensor = new Tensor('float32', ramp(12), [3, 4]);
    await expectError(
      () => session.run({ x: tensor, shape: [100, 1] }),
      'ERR_TRT_SHAPE_OUT_OF_RANGE',
      "'shape' values [100, 1]",
      'values min [1, 1], opt [4, 4], max [64, 64]',
      '100 as value 0 is more than 64',
    );
    await expectError(
      () => session.run({ x: tensor, shape: [2, 3, 2] }),
      'ERR_TRT_LENGTH_MISMATCH',
      "input 'shape'",
    );
    await expectError(
      () => session.run({ x: tensor, shape: [2.5, 1] }),
      'ERR_TRT_INVALID_ARGUMENT',
      "input 'shape'",
      '2.5 at index 0',
    );
  });

  test.each([
    [-8, '-8 at axis 0'],
    [2.5, '2.5 at axis 0'],
    [NaN, 'NaN at axis 0'],
    [2 ** 31, '2147483648 at axis 0'],
    [2 ** 60, 'axis 0'],
  ])('a dimension of %s', async (extent, part) => {
    const session = await referenceSession('mlp');
    const like = { dtype: 'float32', data: x, shape: [extent, 64] } as unknown as Tensor;
    await expectError(() => session.run({ x: like }), 'ERR_TRT_INVALID_SHAPE', part);
    using runtime = new Runtime(reference);
    const engine = runtime.deserializeEngine(await referencePlan('mlp'));
    const context = engine.createExecutionContext();
    await expectError(
      () => context.setInputShape('x', [extent, 64]),
      'ERR_TRT_INVALID_SHAPE',
      part,
    );
    await expectError(() => runtime.createDeviceTensor('int8', [extent]), 'ERR_TRT_INVALID_SHAPE');
  });

  test('memory that was detached after the tensor was made, is resizable or shared', async () => {
    const session = await referenceSession('mlp');
    const data = x.slice();
    const tensor = new Tensor('float32', data, [8, 64]);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    await expectError(
      () => session.run({ x: tensor }),
      'ERR_TRT_INVALID_BUFFER',
      "input 'x'",
      'detached',
    );
    await expectError(
      () => session.run({ x: data }),
      'ERR_TRT_INVALID_BUFFER',
      "input 'x'",
      'detached',
    );
    const shared = new Float32Array(new SharedArrayBuffer(64 * 4));
    await expectError(() => session.run({ x: shared }), 'ERR_TRT_INVALID_BUFFER', 'Shared');
    const resizable = new (
      ArrayBuffer as unknown as new (
        bytes: number,
        options: { maxByteLength: number },
      ) => ArrayBuffer
    )(64 * 4, { maxByteLength: 1024 });
    await expectError(
      () => session.run({ x: new Float32Array(resizable) }),
      'ERR_TRT_INVALID_BUFFER',
      'resizable',
    );
    await expectError(
      () => session.run({ x }, { outputs: { y: new Float32Array(resizable) } }),
      'ERR_TRT_INVALID_BUFFER',
      "output 'y'",
      'resizable',
    );
  });
});
