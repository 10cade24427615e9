// Completing configs from what a model file says, as Triton does, and refusing those that contradict it.

import { describe, expect, test } from 'vitest';
import { checkConfig } from '../../../lib/serving/config/check.js';
import { type CompleteOptions, completeConfig } from '../../../lib/serving/config/complete.js';
import { metadataOf } from '../../../lib/serving/config/metadata.js';
import type { ModelConfig } from '../../../lib/serving/config/model-config.js';
import { parseModelConfig } from '../../../lib/serving/config/text-format.js';
import type { Datatype } from '../../../lib/serving/datatype.js';
import type { ModelFacts, TensorFacts } from '../../../lib/serving/model/loading.js';
import { expectError } from '../../helpers/expect-error.js';

type Tensor = [name: string, datatype: Datatype, shape: number[], isShapeTensor?: boolean];

function tensors(list: readonly Tensor[]): TensorFacts[] {
  return list.map(([name, datatype, shape, isShapeTensor = false]) => ({
    name,
    datatype,
    shape,
    isShapeTensor,
  }));
}

function plan(maxBatchSize: number, inputs: Tensor[], outputs: Tensor[]): ModelFacts {
  return {
    platform: 'tensorrt_plan',
    inputs: tensors(inputs),
    outputs: tensors(outputs),
    maxBatchSize,
    numProfiles: 2,
  };
}

function onnx(inputs: Tensor[], outputs: Tensor[]): ModelFacts {
  return {
    platform: 'onnxruntime_onnx',
    inputs: tensors(inputs),
    outputs: tensors(outputs),
    maxBatchSize: undefined,
    numProfiles: 0,
  };
}

function complete(
  text: string | undefined,
  facts: ModelFacts | undefined,
  options?: CompleteOptions,
): ModelConfig {
  const config = text === undefined ? undefined : parseModelConfig(text, 'config.pbtxt');
  const completed = completeConfig(config, facts, 'm', options);
  checkConfig(completed);
  return completed;
}

async function refused(
  text: string | undefined,
  facts: ModelFacts | undefined,
  ...parts: (string | RegExp)[]
) {
  await expectError(() => complete(text, facts), 'ERR_TRT_MODEL_CONFIG', ...parts);
}

const mlp = plan(32, [['x', 'FP32', [-1, 64]]], [['y', 'FP32', [-1, 32]]]);
const resnet = plan(
  1,
  [['gpu_0/data_0', 'FP32', [1, 3, 224, 224]]],
  [['gpu_0/softmax_1', 'FP32', [1, 1000]]],
);

describe('without a config', () => {
  test('a plan with a dynamic first dimension', () => {
    expect(complete(undefined, mlp)).toEqual({
      name: 'm',
      platform: 'tensorrt_plan',
      backend: 'tensorrt',
      runtime: '',
      version_policy: { latest: { num_versions: 1 } },
      max_batch_size: 32,
      input: [
        {
          name: 'x',
          data_type: 'TYPE_FP32',
          format: 'FORMAT_NONE',
          dims: [64],
          is_shape_tensor: false,
          allow_ragged_batch: false,
          optional: false,
          is_non_linear_format_io: false,
        },
      ],
      output: [
        {
          name: 'y',
          data_type: 'TYPE_FP32',
          dims: [32],
          label_filename: '',
          is_shape_tensor: false,
          is_non_linear_format_io: false,
        },
      ],
      batch_input: [],
      batch_output: [],
      optimization: {
        priority: 'PRIORITY_DEFAULT',
        input_pinned_memory: { enable: true },
        output_pinned_memory: { enable: true },
        gather_kernel_buffer_threshold: 0,
        eager_batching: false,
      },
      dynamic_batching: {
        preferred_batch_size: [32],
        max_queue_delay_microseconds: 0,
        preserve_ordering: false,
        priority_levels: 0,
        default_priority_level: 0,
        priority_queue_policy: {},
      },
      instance_group: [
        {
          name: 'm',
          kind: 'KIND_GPU',
          count: 1,
          gpus: [0],
          secondary_devices: [],
          profile: [],
          passive: false,
          host_policy: '',
        },
      ],
      default_model_filename: 'model.plan',
      cc_model_filenames: {},
      metric_tags: {},
      parameters: {},
      model_warmup: [],
    });
  });

  test("S2's plan of a fixed batch of 1", () => {
    const config = complete(undefined, resnet);
    expect(config.max_batch_size).toBe(1);
    expect(config.dynamic_batching).toBeUndefined();
    expect(config.input[0]).toMatchObject({ name: 'gpu_0/data_0', dims: [3, 224, 224] });
    expect(metadataOf(config, ['1'])).toEqual({
      name: 'm',
      versions: ['1'],
      platform: 'tensorrt_plan',
      inputs: [{ name: 'gpu_0/data_0', datatype: 'FP32', shape: [-1, 3, 224, 224] }],
      outputs: [{ name: 'gpu_0/softmax_1', datatype: 'FP32', shape: [-1, 1000] }],
    });
  });

  test('a first dimension that is no batch is left where it is', () => {
    // server#7450: Triton would make 3 channels a max_batch_size of 3.
    const channels = plan(3, [['x', 'FP32', [3, 8, 8]]], [['y', 'FP32', [3]]]);
    expect(complete(undefined, channels)).toMatchObject({
      max_batch_size: 0,
      input: [{ dims: [3, 8, 8] }],
      output: [{ dims: [3] }],
    });
    const reduced = plan(8, [['x', 'FP32', [-1, 8]]], [['sum', 'FP32', [1]]]);
    expect(complete(undefined, reduced)).toMatchObject({
      max_batch_size: 0,
      input: [{ dims: [-1, 8] }],
    });
    expect(
      complete(undefined, plan(0, [['x', 'FP32', [-1]]], [['y', 'FP32', [-1]]])),
    ).toMatchObject({ max_batch_size: 0, input: [{ dims: [-1] }] });
  });

  test('tensors without dimensions are reshaped', () => {
    const scalar = plan(0, [['x', 'FP32', [2, 2]]], [['mean', 'FP32', []]]);
    expect(complete(undefined, scalar).output[0]).toMatchObject({
      dims: [1],
      reshape: { shape: [] },
    });
    const vector = plan(4, [['x', 'FP32', [-1]]], [['y', 'FP32', [-1]]]);
    expect(complete(undefined, vector).input[0]).toMatchObject({
      dims: [1],
      reshape: { shape: [] },
    });
  });

  test('ONNX: the default of 4 where all first dimensions are dynamic', () => {
    const dynamic = onnx([['x', 'FP32', [-1, 64]]], [['y', 'FP32', [-1, 32]]]);
    expect(complete(undefined, dynamic)).toMatchObject({
      platform: 'onnxruntime_onnx',
      backend: 'onnxruntime',
      default_model_filename: 'model.onnx',
      max_batch_size: 4,
      dynamic_batching: { preferred_batch_size: [4] },
      instance_group: [{ name: 'm', kind: 'KIND_CPU', count: 2, gpus: [] }],
    });
    expect(complete(undefined, dynamic, { defaultMaxBatchSize: 16 }).max_batch_size).toBe(16);
    expect(complete(undefined, dynamic, { defaultMaxBatchSize: 0 })).toMatchObject({
      max_batch_size: 0,
      input: [{ dims: [-1, 64] }],
    });
    const fixed = onnx([['x', 'FP32', [1, 64]]], [['y', 'FP32', [1, 32]]]);
    expect(complete(undefined, fixed)).toMatchObject({
      max_batch_size: 0,
      input: [{ dims: [1, 64] }],
    });
  });

  test('shape tensors', () => {
    const reshape = plan(
      0,
      [
        ['data', 'FP32', [-1, -1]],
        ['shape', 'INT32', [2], true],
      ],
      [['out', 'FP32', [-1, -1]]],
    );
    expect(complete(undefined, reshape).input[1]).toMatchObject({
      name: 'shape',
      dims: [2],
      is_shape_tensor: true,
    });
  });
});

describe('with a config', () => {
  test('what is missing of a named tensor comes from the model', () => {
    const config = complete('input { name: "x" } output { name: "y" dims: [ -1 ] }', mlp);
    expect(config.input).toMatchObject([{ data_type: 'TYPE_FP32', dims: [64] }]);
    expect(config.output).toMatchObject([{ data_type: 'TYPE_FP32', dims: [-1] }]);
    expect(config.max_batch_size).toBe(32);
  });

  test('the given config is not changed', () => {
    const config = parseModelConfig('input { name: "x" }', 'config.pbtxt');
    const before = structuredClone(config);
    completeConfig(config, mlp, 'm');
    expect(config).toEqual(before);
  });

  test('dims with the first dimension say that there is no batch', () => {
    const config = complete('input { name: "x" dims: [ -1, 64 ] }', mlp);
    expect(config).toMatchObject({ max_batch_size: 0, output: [{ dims: [-1, 32] }] });
    expect(config.dynamic_batching).toBeUndefined();
  });

  test('schedulers that are given are kept', () => {
    const dynamic = complete(
      'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 }',
      mlp,
    );
    expect(dynamic.dynamic_batching).toMatchObject({
      preferred_batch_size: [4, 8],
      max_queue_delay_microseconds: 100,
    });
    const sequence = complete(
      'max_batch_size: 8 sequence_batching { oldest { max_candidate_sequences: 4 } }',
      mlp,
    );
    expect(sequence.dynamic_batching).toBeUndefined();
    expect(sequence.sequence_batching).toMatchObject({
      max_sequence_idle_microseconds: 1_000_000,
      oldest: { preferred_batch_size: [8] },
    });
  });

  test('instance groups get a name, a kind, a count and devices', () => {
    const text = 'instance_group [ { count: 2 }, { name: "b" kind: KIND_GPU gpus: [ 1 ] } ]';
    expect(complete(text, mlp, { devices: [0, 1] }).instance_group).toMatchObject([
      { name: 'm_0', kind: 'KIND_GPU', count: 2, gpus: [0, 1] },
      { name: 'b', kind: 'KIND_GPU', count: 1, gpus: [1] },
    ]);
  });

  test('an ensemble gets no instances and no optimization', () => {
    const config = complete(
      `platform: "ensemble" max_batch_size: 1
       input { name: "a" data_type: TYPE_FP32 dims: [ 1 ] } output { name: "b" data_type: TYPE_FP32 dims: [ 1 ] }
       ensemble_scheduling { step { model_name: "x" model_version: -1 input_map { key: "i" value: "a" } output_map { key: "o" value: "b" } } }`,
      undefined,
    );
    expect(config).toMatchObject({ platform: 'ensemble', backend: '', instance_group: [] });
    expect(config.optimization).toBeUndefined();
    expect(config.default_model_filename).toBe('');
  });

  test('JavaScript: the config says all', async () => {
    const text = `backend: "js" max_batch_size: 8
      input { name: "a" data_type: TYPE_STRING dims: [ 1 ] } output { name: "b" data_type: TYPE_FP32 dims: [ 1 ] }`;
    expect(complete(text, undefined)).toMatchObject({
      platform: '',
      backend: 'js',
      default_model_filename: 'model.js',
      instance_group: [{ kind: 'KIND_CPU', count: 1 }],
    });
    await refused('backend: "js"', undefined, "must specify 'input' and 'output'");
  });

  test('inputs that the batcher makes are no inputs of requests', () => {
    const ragged = plan(
      8,
      [
        ['x', 'FP32', [-1]],
        ['index', 'FP32', [-1]],
      ],
      [['y', 'FP32', [-1, 4]]],
    );
    const config = complete(
      `max_batch_size: 8 input { name: "x" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
       batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT target_name: "index" data_type: TYPE_FP32 source_input: "x" }`,
      ragged,
    );
    expect(config.input.map((each) => each.name)).toEqual(['x']);
    const controls = complete(
      `max_batch_size: 8 sequence_batching { direct { } control_input { name: "index" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } } }`,
      plan(
        8,
        [
          ['x', 'FP32', [-1, 1]],
          ['index', 'FP32', [-1, 1]],
        ],
        [['y', 'FP32', [-1, 4]]],
      ),
    );
    expect(controls.input.map((each) => each.name)).toEqual(['x']);
  });

  test('without auto-complete nothing is taken from the model, but it is checked', async () => {
    const off = { autoComplete: false };
    const text = `max_batch_size: 8 input { name: "x" data_type: TYPE_FP32 dims: [ 64 ] } output { name: "y" data_type: TYPE_FP32 dims: [ 32 ] }`;
    const config = complete(text, mlp, off);
    expect(config).toMatchObject({ platform: 'tensorrt_plan', max_batch_size: 8 });
    expect(config.dynamic_batching).toBeUndefined();
    await expectError(
      () => complete('max_batch_size: 64', mlp, off),
      'ERR_TRT_MODEL_CONFIG',
      'model maximum is 32',
    );
    await expectError(
      () => complete('max_batch_size: 8', mlp, off),
      'ERR_TRT_MODEL_CONFIG',
      "expected configuration for input 'x' for m",
    );
  });
});

describe('contradictions', () => {
  test.each<[string, ModelFacts, string, ...string[]]>([
    [
      'name: "other"',
      mlp,
      "unexpected directory name 'm' for model 'other', directory name must equal model name",
    ],
    ['platform: "onnxruntime_onnx"', mlp, "'onnxruntime_onnx'", "'tensorrt_plan'"],
    [
      'max_batch_size: 64',
      mlp,
      "unexpected configuration maximum batch size 64 for 'm', model maximum is 32",
    ],
    [
      'max_batch_size: 8',
      resnet,
      "unexpected configuration maximum batch size 8 for 'm', model maximum is 1 as the first dimension of 'gpu_0/data_0' [1,3,224,224] is not dynamic",
    ],
    [
      'input { name: "x" data_type: TYPE_FP16 dims: [ 64 ] }',
      mlp,
      "unexpected datatype TYPE_FP32 for inference input 'x', expecting TYPE_FP16 for m",
      'The model has TYPE_FP32, its configuration TYPE_FP16',
    ],
    [
      'max_batch_size: 8 input { name: "x" dims: [ 63 ] }',
      mlp,
      "model 'm', tensor 'x': the model expects 2 dimensions (shape [-1,64]) but the model configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape [-1,63])",
    ],
    [
      'max_batch_size: 8 output { name: "y" dims: [ 1, 32 ] }',
      mlp,
      "tensor 'y': the model expects 2 dimensions",
      '[-1,1,32]',
    ],
    [
      'input { name: "x" dims: [ 2, 63 ] }',
      mlp,
      "model 'm', tensor 'x': the model expects 2 dimensions (shape [-1,64]) but the model configuration specifies 2 dimensions (shape [2,63])",
    ],
    [
      'input { name: "x" dims: [ 64 ] } output { name: "y" dims: [ -1, 32 ] }',
      mlp,
      "unable to autofill for 'm', model tensor configurations are contradicting each other",
    ],
    ['input { name: "z" }', mlp, "unexpected inference input 'z', allowed inputs are: x"],
    ['output { name: "z" }', mlp, "unexpected inference output 'z', allowed outputs are: y"],
    [
      'input { name: "x" } input { name: "z" }',
      mlp,
      "unable to load model 'm', configuration expects 2 inputs, model provides at most 1",
    ],
    [
      'input { name: "a" }',
      plan(
        8,
        [
          ['b', 'FP32', [-1, 1]],
          ['a', 'FP32', [-1, 1]],
        ],
        [['y', 'FP32', [-1, 1]]],
      ),
      "expected configuration for input 'b' for m",
    ],
    [
      'output { name: "y" }',
      plan(
        8,
        [['a', 'FP32', [-1, 1]]],
        [
          ['y', 'FP32', [-1, 1]],
          ['z', 'FP32', [-1, 1]],
        ],
      ),
      "expected configuration for output 'z' for m",
    ],
    [
      'input { name: "s" dims: [ 2 ] }',
      plan(0, [['s', 'INT32', [2], true]], [['y', 'FP32', [-1, -1]]]),
      "input 's' for model 'm' is a shape tensor but the model configuration doesn't mark it as a shape tensor.",
    ],
    [
      'input { name: "x" is_shape_tensor: true }',
      mlp,
      "input 'x' for model 'm' is incorrectly marked as a shape tensor in the model configuration.",
    ],
    [
      'input { name: "s" dims: [ 3 ] is_shape_tensor: true }',
      plan(0, [['s', 'INT32', [2], true]], [['y', 'FP32', [-1, -1]]]),
      "binding 's' shape expected by framework [2] doesn't match model configuration shape [3]",
    ],
    [
      'instance_group { profile: [ "2" ] }',
      mlp,
      "unable to autofill for 'm', configuration specified invalid profile 2 . Number of profiles supported by TensorRT engine: 2",
    ],
    [
      'max_batch_size: 8 input { name: "x" dims: [ -1 ] allow_ragged_batch: true }',
      mlp,
      'for the model to support ragged input, the engine shape is: [-1,64] while the model config shape is: [-1]',
    ],
    [
      'max_batch_size: 8 batch_input { kind: BATCH_ELEMENT_COUNT target_name: "n" data_type: TYPE_FP32 source_input: "x" }',
      mlp,
      "input 'n' not found for m",
    ],
    [
      'max_batch_size: 1 input { name: "x" } output { name: "y" }',
      plan(1, [['x', 'FP32', [1]]], [['y', 'FP32', []]]),
      "tensor 'y': for the model to support batching the shape should have at least 1 dimension; but shape expected by the model is []",
    ],
    [
      'input { name: "x" dims: [ 64 ] }',
      plan(0, [['x', 'FP32', [-1, 64]]], [['y', 'FP32', [-1, 32]]]),
      "autofill failed for model 'm': model tensor shape configuration hints for dynamic batching but the underlying engine doesn't support batching.",
    ],
  ])('%s', async (text, facts, ...parts) => {
    await refused(text, facts, ...parts);
  });

  test('what either leaves open is no contradiction', () => {
    expect(
      complete(
        'max_batch_size: 8 input { name: "x" dims: [ -1 ] } output { name: "y" dims: [ 32 ] }',
        mlp,
      ).input[0]?.dims,
    ).toEqual([-1]);
    const dynamic = plan(20, [['x', 'INT32', [-1, -1]]], [['y', 'FP32', [-1, 2]]]);
    expect(
      complete('max_batch_size: 8 input { name: "x" dims: [ 512 ] }', dynamic).input[0]?.dims,
    ).toEqual([512]);
  });

  test('a reshape is what the model sees', () => {
    const config = complete(
      'max_batch_size: 8 input { name: "x" dims: [ 8, 8 ] reshape { shape: [ 64 ] } }',
      mlp,
    );
    expect(config.input[0]).toMatchObject({ dims: [8, 8], reshape: { shape: [64] } });
    expect(metadataOf(config, []).inputs[0]?.shape).toEqual([-1, 8, 8]);
  });

  test('ONNX models compute the outputs that are configured', () => {
    const two = onnx(
      [['x', 'FP32', [-1, 4]]],
      [
        ['y', 'FP32', [-1, 4]],
        ['z', 'FP32', [-1, 4]],
      ],
    );
    expect(complete('output { name: "z" }', two).output.map((each) => each.name)).toEqual(['z']);
  });
});
