// Right answers of the fixture models, for plans built by TensorRT on a GPU and for plans of the reference runtime alike.
// Where the numbers come from: TensorRT 10.6's own Python API on an H200 (mlp, nonzero, slow, dtypes), PyTorch in FP32 (lane), and
// arithmetic (scalar, two_inputs, reshape_by_input).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type BuildOptions,
  type Session,
  Tensor,
  float32ToBfloat16,
  float32ToFloat16,
} from 'trt-node';

/** Where test/fixtures lies; the bundled GPU tests set it. */
const fixtures = process.env.TRT_NODE_TEST_FIXTURES ?? path.join(process.cwd(), 'test/fixtures');

/** x[i] = ((i * 7919) mod 1000) / 1000 + offset over the flat index: the input of most known answers. */
export function ramp(length: number, offset = -0.5): Float32Array {
  return Float32Array.from({ length }, (_, index) => ((index * 7919) % 1000) / 1000 + offset);
}

/** Fails unless every number of `expected` is met within `tolerance` by the element at the same index. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  for (let index = 0; index < expected.length; index++) {
    const given = actual[index] ?? NaN;
    const wanted = expected[index] ?? NaN;
    assert.ok(
      Math.abs(given - wanted) <= tolerance,
      `${what}[${index}]: expected ${wanted} within ${tolerance}, got ${given}`,
    );
  }
}

/** The output called `name`, which must be a tensor of `shape`. */
function output(
  outputs: Readonly<Record<string, Tensor>>,
  name: string,
  shape: readonly number[],
): Tensor {
  const tensor = outputs[name];
  assert.ok(tensor, `no output '${name}'`);
  assert.deepEqual([...tensor.shape], [...shape], name);
  return tensor;
}

function numbers(tensor: Tensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** A fixture model: how it is built, and what must come out of it. */
export interface KnownAnswer {
  /** Of test/fixtures/onnx/NAME.onnx and test/fixtures/plans/NAME.plan. */
  readonly name: string;
  /** As the plans in test/fixtures/plans were built. */
  readonly build: Omit<BuildOptions, 'onnx'>;
  /** Fails unless the session answers rightly. */
  check(session: Session): Promise<void>;
}

const mlpRow0 = [0.04531991, 0.02752637, 0.028437, 0.02752637];
const mlpRow63 = [0.03000027, 0.03833454, 0.03029057, 0.03396379];

async function checkMlp(session: Session): Promise<void> {
  const x = ramp(8 * 64);
  const y = output(await session.run({ x }), 'y', [8, 32]);
  assertClose(y.data as Float32Array, mlpRow0, 1e-5, 'y');
  for (let row = 0; row < 8; row++) {
    const sum = (y.data as Float32Array).subarray(row * 32, row * 32 + 32).reduce((a, b) => a + b);
    assert.ok(Math.abs(sum - 1) < 1e-4, `softmax of row ${row} sums to ${sum}`);
  }
}

async function checkMlpProfiles(session: Session): Promise<void> {
  await checkMlp(session);
  const x = ramp(8 * 64);
  const rows = Float32Array.from({ length: 64 * 64 }, (_, index) => x[index % x.length] ?? 0);
  assert.equal(session.profileFor({ x: [8, 64] }), 0);
  assert.equal(session.profileFor({ x: [64, 64] }), 1);
  const y = output(await session.run({ x: rows }), 'y', [64, 32]);
  assertClose(y.data as Float32Array, mlpRow0, 1e-5, 'y');
  assertClose((y.data as Float32Array).subarray(63 * 32), mlpRow63, 1e-5, 'y[63]');
}

async function checkDtypes(session: Session): Promise<void> {
  const shape = [2, 4];
  const values = [0, 1, -1, 2.5, -7, 100, 0.5, 3];
  const f32 = Float32Array.from(values);
  const integers = [0, 1, -1, 2, -7, 100, 2 ** 29, -(2 ** 30)];
  const longs = BigInt64Array.of(0n, 1n, -1n, 2n ** 40n, -(2n ** 40n), 5n, 7n, -9n);
  const outputs = await session.run({
    f32: new Tensor('float32', f32, shape),
    f16: new Tensor('float16', float32ToFloat16(f32), shape),
    i32: new Tensor('int32', Int32Array.from(integers), shape),
    i64: new Tensor('int64', longs, shape),
    b: new Tensor('bool', [true, false, false, true, true, true, false, false], shape),
    u8: new Tensor('uint8', [0, 1, 2, 3, 127, 128, 254, 255], shape),
    bf16: new Tensor('bfloat16', float32ToBfloat16(f32), shape),
  });
  const doubled = values.map((value) => value * 2);
  assert.deepEqual(numbers(output(outputs, 'o_f32', shape)), doubled);
  assert.equal(outputs.o_f16?.dtype, 'float16');
  assert.deepEqual(Array.from(output(outputs, 'o_f16', shape).toFloat32()), doubled);
  assert.deepEqual(
    numbers(output(outputs, 'o_i32', shape)),
    integers.map((value) => value * 2),
  );
  assert.deepEqual(
    Array.from(output(outputs, 'o_i64', shape).data as BigInt64Array),
    Array.from(longs, (value) => value * 2n),
  );
  assert.equal(outputs.o_b?.dtype, 'bool');
  assert.deepEqual(numbers(output(outputs, 'o_b', shape)), [0, 1, 1, 0, 0, 0, 1, 1]);
  assert.deepEqual(numbers(output(outputs, 'o_u8f', shape)), [0, 1, 2, 3, 127, 128, 254, 255]);
  assert.deepEqual(numbers(output(outputs, 'o_bf16f', shape)), values);
}

async function checkNonzero(session: Session): Promise<void> {
  const x = Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0);
  const y = output(await session.run({ x }), 'y', [2, 3]);
  assert.deepEqual(numbers(y), [0, 0, 0, 1, 3, 7]);
  const none = output(await session.run({ x: new Float32Array(16) }), 'y', [2, 0]);
  assert.equal(none.data.length, 0);
  const all = output(await session.run({ x: new Float32Array(8).fill(1) }), 'y', [2, 8]);
  assert.deepEqual(numbers(all), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]);
}

async function checkSlow(session: Session): Promise<void> {
  const n = 64;
  const x = Float32Array.from({ length: n * n }, (_, index) => (index % (n + 1) === 0 ? 0.5 : 0));
  const y = output(await session.run({ x: new Tensor('float32', x, [n, n]) }), 'y', [n, n]);
  const expected = x.map((value) => (value === 0 ? 0 : 0.00011879));
  assertClose(y.data as Float32Array, expected, 2e-7, 'y');
}

async function checkLane(session: Session): Promise<void> {
  const input = ramp(3 * 360 * 640, 0);
  const y = output(await session.run({ input }), 'output', [1, 2784, 77]);
  const bytes = readFileSync(path.join(fixtures, 'plans/lane.expected_first8.f32'));
  const expected = new Float32Array(new Uint8Array(bytes).buffer);
  assert.equal(expected.length, 8 * 77);
  // FP16 kernels were 5.6e-5 off at a scale of 0.115; 8.6's and other GPUs' may be a little more.
  assertClose(y.data as Float32Array, expected, 3e-4, 'output');
}

async function checkScalar(session: Session): Promise<void> {
  const y = output(await session.run({ x: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) }), 'y', []);
  assert.deepEqual(numbers(y), [36]);
}

async function checkTwoInputs(session: Session): Promise<void> {
  const a = Float32Array.of(1, 2, 3, 4, 5, 6);
  const b = Float32Array.of(7, 8, 9);
  const { c, z, ...others } = await session.run({ a, b });
  assert.deepEqual(Object.keys(others), []);
  assert.ok(c && z);
  assert.deepEqual([...c.shape], [3, 3]);
  assert.deepEqual(numbers(c), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...z.shape], [2, 3]);
  const empty = await session.run({ a: new Float32Array(0), b });
  assert.deepEqual(numbers(output(empty, 'c', [1, 3])), [7, 8, 9]);
  assert.equal(output(empty, 'z', [0, 3]).data.length, 0);
}

async function checkReshape(session: Session): Promise<void> {
  const values = Float32Array.from({ length: 12 }, (_, index) => index);
  const x = new Tensor('float32', values, [3, 4]);
  for (const shape of [BigInt64Array.of(2n, 6n), [12, 1], Int32Array.of(4, 3)]) {
    const y = output(await session.run({ x, shape }), 'y', Array.from(shape, Number));
    assert.deepEqual(numbers(y), numbers(x));
  }
}

const rows = (
  name: string,
  rest: readonly number[],
  [min, opt, max]: readonly [number, number, number],
): Record<string, { min: number[]; opt: number[]; max: number[] }> => ({
  [name]: { min: [min, ...rest], opt: [opt, ...rest], max: [max, ...rest] },
});

/** All fixture models. */
export const knownAnswers: readonly KnownAnswer[] = [
  {
    name: 'mlp',
    build: { profiles: [rows('x', [64], [1, 8, 32]), rows('x', [64], [33, 64, 256])] },
    check: checkMlpProfiles,
  },
  {
    name: 'dtypes',
    build: {
      stronglyTyped: true,
      profiles: [
        Object.assign(
          {},
          ...['f32', 'f16', 'i32', 'i64', 'b', 'u8', 'bf16'].map((name) =>
            rows(name, [4], [1, 2, 8]),
          ),
        ) as ReturnType<typeof rows>,
      ],
    },
    check: checkDtypes,
  },
  {
    name: 'nonzero',
    build: { profiles: [rows('x', [8], [1, 2, 8])] },
    check: checkNonzero,
  },
  {
    name: 'slow',
    build: { profiles: [{ x: { min: [64, 64], opt: [1024, 1024], max: [8192, 8192] } }] },
    check: checkSlow,
  },
  {
    name: 'lane',
    build: { fp16: true, profiles: [rows('input', [3, 360, 640], [1, 1, 8])] },
    check: checkLane,
  },
  {
    name: 'scalar',
    build: { profiles: [rows('x', [4], [1, 2, 8])] },
    check: checkScalar,
  },
  {
    name: 'two_inputs',
    build: { profiles: [{ ...rows('a', [3], [0, 2, 8]), ...rows('b', [3], [0, 2, 8]) }] },
    check: checkTwoInputs,
  },
  {
    name: 'reshape_by_input',
    build: {
      profiles: [
        {
          x: { min: [1, 1], opt: [4, 4], max: [64, 64] },
          shape: { minValues: [1, 1], optValues: [4, 4], maxValues: [64, 64] },
        },
      ],
    },
    check: checkReshape,
  },
];

/** The known answer of the model called `name`. */
export function knownAnswer(name: string): KnownAnswer {
  const found = knownAnswers.find((answer) => answer.name === name);
  assert.ok(found, `no fixture is called ${name}`);
  return found;
}
