// Requests that contradict the config, in Triton's words; as its L0_input_validation and L0_optional_input.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ServingError, Tensor, build } from 'trt-node';
import type { InferInputs } from '../../../lib/serving/request.js';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { reference } from '../../helpers/reference.js';
import { servePlan } from '../../helpers/served-model.js';
import { stubModel } from '../../helpers/stub-backend.js';

const refusal = async (answer: Promise<unknown>): Promise<string> => {
  const error: unknown = await answer.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(ServingError);
  expect((error as ServingError).status).toBe('INVALID_ARG');
  return (error as ServingError).reason;
};

const { model } = stubModel('max_batch_size: 4', 1, '2');
const x = (
  shape: number[],
  data: Int32Array = new Int32Array(shape.reduce((a, b) => a * b, 1)),
) => ({
  x: new InferTensor('INT32', data, shape),
});

test.each([
  [
    {},
    "expected 1 inputs but got 0 inputs for model 'stub'. Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s).",
  ],
  [
    { ...x([1, 2]), more: new Int32Array(2) },
    "expected 1 inputs but got 2 inputs for model 'stub'. Got input(s) ['x','more'], but missing required input(s) []. Please provide all required input(s).",
  ],
  [{ z: new Int32Array(2) }, "unexpected inference input 'z' for model 'stub'"],
  [
    { x: new Float32Array(2) },
    "inference input 'x' data-type is 'FP32', but model 'stub' expects 'INT32'",
  ],
  [
    { x: new Tensor('float16', new Uint16Array(2), [1, 2]) },
    "inference input 'x' data-type is 'FP16', but model 'stub' expects 'INT32'",
  ],
  [x([1, 3]), "unexpected shape for input 'x' for model 'stub'. Expected [-1,2], got [1,3]"],
  [x([2]), "unexpected shape for input 'x' for model 'stub'. Expected [-1,2], got [2]"],
  [x([]), "input 'x' has no shape but model requires batch dimension for 'stub'"],
  [x([5, 2]), "inference request batch-size must be <= 4 for 'stub'"],
  [x([0, 2]), "inference request batch-size must be >= 1 for 'stub'"],
  [
    { x: new InferTensor('INT32', new Int32Array(2), [1, -1]) },
    "All input dimensions should be specified for input 'x' for model 'stub', got [1,-1]",
  ],
  [
    { x: new InferTensor('INT32', new Int32Array(2), [2 ** 40, 2]) },
    "input byte size mismatch for input 'x' for model 'stub'. Expected 8796093022208, got 8",
  ],
  [
    { x: new InferTensor('INT32', new Int32Array(3), [1, 2]) },
    "input byte size mismatch for input 'x' for model 'stub'. Expected 8, got 12",
  ],
  [
    { x: new Int32Array(3) },
    "input byte size mismatch for input 'x' for model 'stub'. Expected 16, got 12",
  ],
  [{ x: 7 }, "expected a tensor for inference input 'x' for model 'stub', got 7"],
  [
    { x: ['a'] },
    "expected a tensor or a typed array for inference input 'x' for model 'stub', got an array of 1",
  ],
])('%o is refused', async (inputs, words) => {
  expect(await refusal(model.infer(inputs as unknown as InferInputs))).toBe(words);
  expect(model.pending).toBe(0);
});

test('an output that there is not is refused', async () => {
  expect(await refusal(model.infer(x([1, 2]), { outputs: ['y', 'z'] }))).toBe(
    "unexpected inference output 'z' for model 'stub'",
  );
});

test('inputs with optional ones: between as many and as many', async () => {
  const optional = stubModel(
    'max_batch_size: 4 dynamic_batching { } input [ { name: "o" data_type: TYPE_INT32 dims: [ 1 ] optional: true } ]',
    2,
  );
  expect(await refusal(optional.model.infer({}))).toBe(
    "expected number of inputs between 1 and 2 but got 0 inputs for model 'stub'. Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s).",
  );
  const one = { x: Int32Array.of(1) };
  void optional.model.infer(one);
  void optional.model.infer({ ...one, o: Int32Array.of(2) });
  void optional.model.infer({ ...one, o: Int32Array.of(3) });
  await nextTurn();
  // Requests with and without it are not mixed.
  expect(optional.backend.sizes).toEqual([1, 2]);
});

test('names of Object.prototype are no inputs', async () => {
  const inherited = Object.create({ x: new Int32Array(2) }) as InferInputs;
  expect(await refusal(model.infer(inherited))).toMatch(/^expected 1 inputs but got/);
});

test('shapes outside of the profiles, by dimension', async () => {
  const profile = { min: [4, 64], opt: [8, 64], max: [32, 64] };
  const onnx = 'test/fixtures/onnx/mlp.onnx';
  const served = await servePlan(
    'mlp',
    'input [ { name: "x" data_type: TYPE_FP32 dims: [ -1, 64 ] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [ -1, 32 ] } ]',
    { plan: await build({ ...reference, onnx, profiles: [{ x: profile }] }) },
  );
  const small = new Tensor('float32', new Float32Array(2 * 64), [2, 64]);
  expect(await refusal(served.infer({ x: small }, {}))).toBe(
    "request specifies invalid shape for input 'x' for mlp. Error details: model expected the shape of dimension 0 to be between 4 and 32 but received 2",
  );
});

test('arrays alone: their length says how many items there are', async () => {
  const mlp = await servePlan('mlp', undefined);
  const { outputs } = await mlp.infer({ x: new Float32Array(64 * 3) }, {});
  expect(outputs.y?.shape).toEqual([3, 32]);
  const bytes = Buffer.alloc(64 * 4 + 1).subarray(1);
  const raw = await mlp.infer({ x: InferTensor.fromBytes('FP32', bytes, [1, 64]) }, {});
  expect(raw.outputs.y?.data).toEqual((outputs.y?.data as Float32Array).slice(0, 32));
});
