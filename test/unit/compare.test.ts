// compareTensors, compareOutputs and compareWithOnnxRuntime: the figures by hand, and plans of the reference runtime against ONNX Runtime.

import { describe, expect, test } from 'vitest';
import {
  Tensor,
  type Tolerances,
  compareOutputs,
  compareTensors,
  compareWithOnnxRuntime,
} from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { ramp } from '../helpers/known-answers.js';
import { referenceSession } from '../helpers/reference.js';

const f32 = (values: number[], shape = [values.length]): Tensor =>
  new Tensor('float32', Float32Array.from(values), shape);

describe('compareTensors', () => {
  test('the figures, by hand', () => {
    const expected = new Tensor('float64', Float64Array.of(1, 2, 0, -4), [2, 2]);
    const actual = new Tensor('float64', Float64Array.of(1, 2.5, 0, -5), [2, 2]);
    const result = compareTensors('y', expected, actual, { errorQuantile: 0.5 });
    expect(result).toMatchObject({
      name: 'y',
      passed: false,
      elements: 4,
      absolute: { max: 1, mean: 0.375, median: 0.5, quantile: 0.5 },
      relative: { max: 0.25, mean: 0.125, median: 0.25 },
      worst: { index: [1, 1], expected: -4, actual: -5, absolute: 1, relative: 0.25 },
      mismatches: 2,
      l2: Math.sqrt(1.25),
      rmse: Math.sqrt(1.25 / 4),
      range: [-4, 2],
      nan: { expected: 0, actual: 0 },
    });
    expect(result.cosine).toBeCloseTo(26 / Math.sqrt(21 * 32.25), 12);
    expect(result.psnr).toBeCloseTo(20 * Math.log10(6 / Math.sqrt(1.25 / 4)), 12);
    expect(result.reason).toBe(
      '2 of 4 elements (50.0 %) are beyond both atol=0.00001 and rtol=0.00001',
    );
  });

  test.each<[string, Tolerances, boolean]>([
    ['absolute alone', { atol: 1, rtol: 0 }, true],
    ['relative alone', { atol: 0, rtol: 0.25 }, true],
    ['each within one of the two', { atol: 0.5, rtol: 0.25 }, true],
    ['neither', { atol: 0.9, rtol: 0.24 }, false],
    ['the mean', { errorStatistic: 'mean', atol: 0.375, rtol: 0 }, true],
    ['a mean that is too large', { errorStatistic: 'mean', atol: 0.37, rtol: 0.12 }, false],
    ['the median, by its relative error', { errorStatistic: 'median', atol: 0, rtol: 0.25 }, true],
    ['the largest', { errorStatistic: 'max', atol: 0.99, rtol: 0.2 }, false],
    ['a quantile', { errorStatistic: 'quantile', errorQuantile: 0.5, atol: 0.5, rtol: 0 }, true],
  ])('tolerances: %s', (_, tolerances, passed) => {
    const result = compareTensors('y', f32([1, 2, 0, -4]), f32([1, 2.5, 0, -5]), tolerances);
    expect(result.passed).toBe(passed);
    expect(result.reason === '').toBe(passed);
  });

  test('NaN and infinities must agree, place by place', () => {
    const expected = f32([NaN, 1, Infinity, -Infinity]);
    expect(compareTensors('y', expected, f32([NaN, 1, Infinity, -Infinity])).passed).toBe(true);
    const moved = compareTensors('y', expected, f32([1, NaN, Infinity, -Infinity]));
    expect(moved).toMatchObject({ passed: false, mismatches: 2, nan: { expected: 1, actual: 1 } });
    expect(moved.reason).toContain('NaN or infinities do not agree');
    expect(compareTensors('y', expected, f32([NaN, 1, Infinity, Infinity])).passed).toBe(false);
    const overflow = compareTensors('y', f32([70000]), f32([Infinity]), { errorStatistic: 'mean' });
    expect(overflow).toMatchObject({ passed: false, infinite: { expected: 0, actual: 1 } });
    const strict = compareTensors('y', f32([NaN, 1]), f32([NaN, 1]), { validate: true });
    expect(strict.reason).toContain('not finite (NaN: 1, expected 1');
  });

  test('other types: halves against floats, large integers exactly, shapes that differ', () => {
    const half = new Tensor('float16', Uint16Array.of(0x3c00, 0xc000), [2]);
    expect(compareTensors('y', f32([1, -2]), half).passed).toBe(true);
    const big = (value: bigint): Tensor => new Tensor('int64', BigInt64Array.of(value), [1]);
    const near = compareTensors('y', big(2n ** 60n), big(2n ** 60n + 1n), { atol: 0, rtol: 0 });
    expect(near).toMatchObject({ passed: false, absolute: { max: 1 } });
    const shapes = compareTensors('y', f32([1, 2], [2, 1]), f32([1, 2], [1, 2]));
    expect(shapes).toMatchObject({ passed: false, elements: 0, cosine: undefined });
    expect(shapes.reason).toBe('the shapes differ: [1, 2], expected [2, 1]');
    const fp8 = new Tensor('fp8', Uint8Array.of(1), [1]);
    expect(compareTensors('y', f32([1]), fp8).reason).toBe('fp8 has no numbers to compare');
  });

  test('nothing to divide by', () => {
    expect(compareTensors('y', f32([0, 0]), f32([0, 0]))).toMatchObject({
      passed: true,
      cosine: undefined,
      psnr: undefined,
      relative: { max: 0 },
    });
    const result = compareTensors('y', f32([0]), f32([1]));
    expect(result).toMatchObject({ passed: false, relative: { max: Infinity } });
    expect(compareTensors('y', f32([1, 2]), f32([1, 2])).psnr).toBe(Infinity);
    expect(compareTensors('y', f32([], [0, 3]), f32([], [0, 3]))).toMatchObject({
      passed: true,
      elements: 0,
      absolute: undefined,
    });
  });

  test.each([
    [{ atol: -1 }, 'atol'],
    [{ rtol: NaN }, 'rtol'],
    [{ errorQuantile: 2 }, 'errorQuantile'],
    [{ errorStatistic: 'mode' as 'mean' }, 'errorStatistic'],
  ])('wrong tolerances: %j', async (tolerances, what) => {
    await expectError(
      () => compareTensors('y', f32([1]), f32([1]), tolerances),
      'ERR_TRT_INVALID_ARGUMENT',
      what,
    );
  });
});

describe('compareOutputs', () => {
  test('missing outputs fail, further ones do not count, tolerances by output', () => {
    const report = compareOutputs(
      { a: f32([1]), b: f32([1]) },
      { a: f32([1.1]), c: f32([1]) },
      {
        byOutput: { a: { atol: 0.2 } },
      },
    );
    expect(report).toMatchObject({
      passed: false,
      outputs: [{ name: 'a', passed: true }],
      missing: ['b'],
      unexpected: ['c'],
    });
    expect(compareOutputs({}, { a: f32([1]) }).passed).toBe(false);
    expect(compareOutputs({ a: f32([1]) }, { a: f32([1]) }).passed).toBe(true);
  });
});

describe('compareWithOnnxRuntime', () => {
  test.each(['mlp', 'two_inputs'])('%s agrees', async (name) => {
    const session = await referenceSession(name);
    const feeds = Object.fromEntries(
      session.inputs.map(({ name: input, shape }) => {
        const full = shape.map((extent) => (extent < 0 ? 8 : extent));
        return [input, f32([...ramp(full.reduce((a, b) => a * b, 1))], full)];
      }),
    );
    const model = `test/fixtures/onnx/${name}.onnx`;
    const report = await compareWithOnnxRuntime(session, model, feeds);
    expect(report).toMatchObject({ passed: true, missing: [], unexpected: [] });
    expect(report.outputs.length).toBeGreaterThan(0);
    expect(report.outputs[0]?.elements).toBeGreaterThan(0);
  });

  test('another model than the plan is made from does not pass', async () => {
    const session = await referenceSession('mlp');
    const feeds = { x: f32([...ramp(64)], [1, 64]) };
    await expect(
      compareWithOnnxRuntime(session, 'test/fixtures/onnx/nonzero.onnx', feeds),
    ).rejects.toMatchObject({ code: 'ERR_TRT_EXECUTION' });
    await expect(
      compareWithOnnxRuntime(session, 'test/fixtures/onnx/two_inputs.onnx', feeds),
    ).rejects.toMatchObject({ code: 'ERR_TRT_UNKNOWN_TENSOR' });
    await expect(compareWithOnnxRuntime(session, 'package.json', feeds)).rejects.toMatchObject({
      code: 'ERR_TRT_PARSE',
    });
  });
});
