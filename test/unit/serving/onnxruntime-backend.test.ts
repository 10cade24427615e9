// The onnxruntime backend: right numbers, batches, types, and what is refused.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Session } from 'trt-node';
import { openOnnxRuntime } from '../../../lib/serving/backends/onnxruntime/open.js';
import { expectError } from '../../helpers/expect-error.js';
import { makeOnnx } from '../../helpers/onnx-maker.js';
import { assertClose, ramp } from '../../helpers/known-answers.js';
import { referencePlan, reference } from '../../helpers/reference.js';
import { ServedModels } from '../../helpers/served-models.js';
import {
  fp32,
  instances,
  loadContext,
  modelConfig,
  modelSource,
  parameters,
} from '../../helpers/serving-models.js';
import type { ModelConfig } from '../../../lib/serving/config/model-config.js';

const onnx = (name: string): Buffer => readFileSync(`test/fixtures/onnx/${name}.onnx`);
const batched = `platform: "onnxruntime_onnx" max_batch_size: 8 dynamic_batching { }`;

test('gives the numbers of the plan of the same model, alone and in batches', async () => {
  const models = new ServedModels();
  const model = await models.load('mlp', { '1/model.onnx': onnx('mlp'), 'config.pbtxt': batched });
  expect(model.config.input).toMatchObject([{ name: 'x', data_type: 'TYPE_FP32', dims: [64] }]);
  const session = await Session.load(await referencePlan('mlp'), reference);
  const data = ramp(3 * 64);
  const expected = (await session.run({ x: data })).y!.data as Float32Array;
  await session.close();
  const responses = await Promise.all([
    model.infer({ x: fp32([...data.subarray(0, 64)], [1, 64]) }, {}),
    model.infer({ x: fp32([...data.subarray(64)], [2, 64]) }, {}),
  ]);
  expect(responses.map(({ outputs }) => outputs.y!.shape)).toEqual([
    [1, 32],
    [2, 32],
  ]);
  const got = responses.flatMap(({ outputs }) => [...(outputs.y!.data as Float32Array)]);
  assertClose(got, expected, 1e-5, 'y');
  expect(model.statistics.executionCount).toBe(1);
  expect(model.statistics.inferenceCount).toBe(3);
}, 30_000);

test('a batch that the model fails on fails alone, and the model goes on', async () => {
  const models = new ServedModels();
  const model = await models.load('add', {
    '1/model.onnx': makeOnnx({
      nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
      inputs: { x: [-1] },
      outputs: { y: [-1] },
      weights: [{ name: 'w', shape: [3], data: Float32Array.of(1, 2, 3) }],
    }),
    'config.pbtxt': 'platform: "onnxruntime_onnx"',
  });
  await expectError(
    () => model.infer({ x: fp32([1, 1], [2]) }, {}),
    'ERR_TRT_MODEL_BACKEND',
    'Add',
  );
  const { outputs } = await model.infer({ x: fp32([1, 1, 1], [3]) }, {});
  expect(outputs.y!.data).toEqual(Float32Array.of(2, 3, 4));
}, 30_000);

test.each<[Partial<ModelConfig>, 'ERR_TRT_REQUEST_UNSUPPORTED' | 'ERR_TRT_MODEL_CONFIG', string]>([
  [
    { instance_group: [instances(1, { kind: 'KIND_GPU' })] },
    'ERR_TRT_REQUEST_UNSUPPORTED',
    'KIND_GPU',
  ],
  [
    {
      optimization: {
        priority: 'PRIORITY_DEFAULT',
        gather_kernel_buffer_threshold: 0,
        eager_batching: false,
        execution_accelerators: {
          gpu_execution_accelerator: [{ name: 'tensorrt', parameters: {} }],
          cpu_execution_accelerator: [],
        },
      },
    },
    'ERR_TRT_REQUEST_UNSUPPORTED',
    "execution accelerator 'tensorrt'",
  ],
  [{ parameters: parameters({ intra_op_thread_count: 'x' }) }, 'ERR_TRT_MODEL_CONFIG', "got 'x'"],
  [{ default_model_filename: '../model.onnx' }, 'ERR_TRT_MODEL_CONFIG', '../model.onnx'],
])('refuses %j', async (more, code, message) => {
  const config = modelConfig({ name: 'm', platform: 'onnxruntime_onnx', ...more });
  const source = modelSource(config, { '1/model.onnx': onnx('mlp') });
  await expectError(() => openOnnxRuntime(source, loadContext()), code, message);
});

test('a file that is no model, or missing, fails the load', async () => {
  const config = modelConfig({ name: 'm', platform: 'onnxruntime_onnx' });
  await expectError(
    () => openOnnxRuntime(modelSource(config, { '1/model.onnx': 'no model' }), loadContext()),
    'ERR_TRT_MODEL_LOAD',
    "failed to load 'm'",
  );
  await expectError(
    () => openOnnxRuntime(modelSource(config), loadContext()),
    'ERR_TRT_MODEL_LOAD',
    'there is no 1/model.onnx',
  );
});
