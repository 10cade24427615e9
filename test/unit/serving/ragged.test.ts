// Ragged requests: concatenated, with what batch_input tells the model of them; as Triton's L0_batch_input.

import { expect, test } from 'vitest';
import { build } from 'trt-node';
import { onnxModel } from '../../helpers/onnx-model.js';
import { reference } from '../../helpers/reference.js';
import { servePlan } from '../../helpers/served-model.js';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';

/** A plan that gives back what it gets: x, and what the batcher tells of it as `told`. */
function echo(toldShape: readonly string[], told: readonly number[]): Promise<Uint8Array> {
  const onnx = onnxModel(
    [
      { name: 'x', dtype: 'float32', shape: ['n'] },
      { name: 'told', dtype: 'int32', shape: toldShape },
    ],
    [
      { op: 'Identity', inputs: ['x'], outputs: ['y'] },
      { op: 'Identity', inputs: ['told'], outputs: ['heard'] },
    ],
    [
      { name: 'y', dtype: 'float32', shape: ['n'] },
      { name: 'heard', dtype: 'int32', shape: toldShape },
    ],
  );
  const ones = told.map(() => 1);
  return build({
    ...reference,
    onnx: new Uint8Array(onnx),
    profiles: [
      {
        x: { min: [1], opt: [8], max: [64] },
        told: { min: ones, opt: ones, max: [...told] },
      },
    ],
  });
}

const config = (
  kind: string,
  heard: string,
): string => `max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 2000 }
  input [ { name: "x" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true } ]
  batch_input [ { kind: ${kind} target_name: "told" data_type: TYPE_INT32 source_input: "x" } ]
  batch_output [ { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "y" source_input: "x" } ]
  output [ { name: "y" data_type: TYPE_FP32 dims: [ -1 ] }, { name: "heard" data_type: TYPE_INT32 dims: [ ${heard} ] } ]`;

const request = (...values: number[]): { x: InferTensor } => ({
  x: new InferTensor('FP32', Float32Array.from(values), [1, values.length]),
});

test.each([
  ['BATCH_ELEMENT_COUNT', '', ['m'], [8], [[3], [1], [2]]],
  ['BATCH_ACCUMULATED_ELEMENT_COUNT', '', ['m'], [8], [[3], [4], [6]]],
  ['BATCH_ITEM_SHAPE', '1', ['m', 'r'], [8, 1], [[3], [1], [2]]],
] as const)('%s', async (kind, dims, shape, most, expected) => {
  const heard = dims === '' ? '1 ] reshape { shape: [ ] } dims: [ ' : dims;
  const text = config(kind, heard).replace(' dims: [  ]', '');
  const model = await servePlan('ragged', text, { plan: await echo(shape, most) });
  const answers = await Promise.all([
    model.infer(request(1, 2, 3), {}),
    model.infer(request(4), {}),
    model.infer(request(5, 6), {}),
  ]);
  expect(model.statistics.executionCount).toBe(1);
  expect(answers.map(({ outputs }) => Array.from(outputs.y?.data as Float32Array))).toEqual([
    [1, 2, 3],
    [4],
    [5, 6],
  ]);
  expect(answers.map(({ outputs }) => outputs.y?.shape)).toEqual([
    [1, 3],
    [1, 1],
    [1, 2],
  ]);
  expect(answers.map(({ outputs }) => Array.from(outputs.heard?.data as Int32Array))).toEqual(
    expected,
  );
});
