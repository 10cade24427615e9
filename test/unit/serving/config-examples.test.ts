// Configs as people have them: those of shared/seeds.md, and others in the style of public repositories, with the model files that they are for.

import { describe, expect, test } from 'vitest';
import { checkConfig } from '../../../lib/serving/config/check.js';
import { completeConfig } from '../../../lib/serving/config/complete.js';
import { metadataOf } from '../../../lib/serving/config/metadata.js';
import { backendOf } from '../../../lib/serving/config/platform.js';
import { formatModelConfig, parseModelConfig } from '../../../lib/serving/config/text-format.js';
import type { Datatype } from '../../../lib/serving/datatype.js';
import type { ModelFacts } from '../../../lib/serving/model/loading.js';
import { expectError } from '../../helpers/expect-error.js';

type Tensors = Record<string, [Datatype, number[]]>;

function facts(
  platform: string,
  maxBatchSize: number | undefined,
  inputs: Tensors,
  outputs: Tensors,
): ModelFacts {
  const list = (tensors: Tensors) =>
    Object.entries(tensors).map(([name, [datatype, shape]]) => ({
      name,
      datatype,
      shape,
      isShapeTensor: false,
    }));
  return { platform, maxBatchSize, inputs: list(inputs), outputs: list(outputs), numProfiles: 1 };
}

/** As a server does with a file; the folder is called as the config says. */
function serve(text: string, model: ModelFacts | undefined) {
  const given = parseModelConfig(text, 'config.pbtxt');
  expect(parseModelConfig(formatModelConfig(given), 'again')).toEqual(given);
  const config = completeConfig(given, model, given.name === '' ? 'm' : given.name);
  checkConfig(config);
  return config;
}

describe('the seeds', () => {
  test('S1: sentence classification', () => {
    const config = serve(
      `name: "sentence_classification"
platform: "tensorrt_plan"
max_batch_size: 8
version_policy: { latest { num_versions: 1 }}
input [
  {
    name: "input_ids"
    data_type: TYPE_INT32
    dims: [ -1 ]
  }
  ,
  {
    name: "segment_ids"
    data_type: TYPE_INT32
    dims: [ -1 ]
  }
]
output [
  {
    name: "output"
    data_type: TYPE_FP32
    dims: [ -1 ]
  }
]
`,
      facts(
        'tensorrt_plan',
        20,
        { input_ids: ['INT32', [-1, 512]], segment_ids: ['INT32', [-1, 512]] },
        { output: ['FP32', [-1, 2]] },
      ),
    );
    expect(config).toMatchObject({
      max_batch_size: 8,
      dynamic_batching: { preferred_batch_size: [8] },
      instance_group: [{ kind: 'KIND_GPU', count: 1, gpus: [0] }],
    });
    expect(metadataOf(config, ['1']).inputs).toEqual([
      { name: 'input_ids', datatype: 'INT32', shape: [-1, -1] },
      { name: 'segment_ids', datatype: 'INT32', shape: [-1, -1] },
    ]);
  });

  const lane = facts(
    'tensorrt_plan',
    1,
    { input: ['FP32', [1, 3, 360, 640]] },
    { predict_lanes: ['FP32', [1, 2784, 77]] },
  );

  test('S4: lane detection with a batch of 1', () => {
    const config = serve(
      `name: "laneDetect_model"
platform: "tensorrt_plan"
max_batch_size: 1
input { name: "input" data_type: TYPE_FP32 dims: [3, 360, 640] }
output { name: "predict_lanes" data_type: TYPE_FP32 dims: [2784, 77] }`,
      lane,
    );
    expect(config.dynamic_batching).toBeUndefined();
    expect(metadataOf(config, ['1']).outputs[0]?.shape).toEqual([-1, 2784, 77]);
  });

  test('S4: its FP16 twin, all shapes given, no batch', () => {
    const twin = facts(
      'tensorrt_plan',
      1,
      { input: ['FP16', [1, 3, 360, 640]] },
      { predict_lanes: ['FP32', [1, 2784, 77]], '914': ['FP32', [1, 2784, 2]] },
    );
    const config = serve(
      `name: "LaneDet_fp16" platform: "tensorrt_plan" max_batch_size: 0
       input [ { name: "input" data_type: TYPE_FP16 dims: [1, 3, 360, 640] } ]
       output [ { name: "predict_lanes" data_type: TYPE_FP32 dims: [1, 2784, 77] }, { name: "914" data_type: TYPE_FP32 dims: [1, -1, 2] } ]`,
      twin,
    );
    expect(config.max_batch_size).toBe(0);
    expect(metadataOf(config, []).inputs[0]?.shape).toEqual([1, 3, 360, 640]);
  });

  test('S4: the ensemble of raw image, plan and lanes', () => {
    const config = serve(
      `name: "lane_pipeline" platform: "ensemble" max_batch_size: 1
       input [ { name: "RAW" data_type: TYPE_UINT8 dims: [ -1 ] } ]
       output [ { name: "LANES" data_type: TYPE_FP32 dims: [ -1, 4 ] } ]
       ensemble_scheduling {
         step [
           { model_name: "preprocess" model_version: -1
             input_map { key: "raw" value: "RAW" } output_map { key: "image" value: "image" } },
           { model_name: "laneDetect_model" model_version: -1
             input_map { key: "input" value: "image" } output_map { key: "predict_lanes" value: "scores" } },
           { model_name: "postprocess" model_version: -1
             input_map { key: "predict_lanes" value: "scores" } output_map { key: "lanes" value: "LANES" } }
         ]
       }`,
      undefined,
    );
    expect(backendOf(config)).toBe('ensemble');
    expect(metadataOf(config, ['1']).platform).toBe('ensemble');
  });

  test('S5: one model as ONNX, as a plan and as TorchScript', async () => {
    const io = `input [ { name: "actual_input_1" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
      output [ { name: "output1" data_type: TYPE_FP32 dims: [ 1000 ] } ]`;
    const batching = `dynamic_batching { preferred_batch_size: [ 4, 8, 16, 32 ] max_queue_delay_microseconds: 100 }`;
    const tensors: [Tensors, Tensors] = [
      { actual_input_1: ['FP32', [-1, 3, 224, 224]] },
      { output1: ['FP32', [-1, 1000]] },
    ];
    const onnx = serve(
      `name: "onnx_model" platform: "onnxruntime_onnx" max_batch_size: 32 ${io} ${batching}
       instance_group [ { count: 1 kind: KIND_CPU } ]`,
      facts('onnxruntime_onnx', undefined, ...tensors),
    );
    expect(onnx.instance_group).toMatchObject([{ name: 'onnx_model_0', count: 1, gpus: [] }]);
    const plan = serve(
      `name: "trt_model" platform: "tensorrt_plan" max_batch_size: 32 ${io} ${batching}
       instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]`,
      facts('tensorrt_plan', 32, ...tensors),
    );
    expect(plan.dynamic_batching).toMatchObject({
      preferred_batch_size: [4, 8, 16, 32],
      max_queue_delay_microseconds: 100,
    });
    await expectError(
      () => serve(`name: "torch_model" platform: "pytorch_libtorch" ${io}`, undefined),
      'ERR_TRT_REQUEST_UNSUPPORTED',
      "platform 'pytorch_libtorch' of model 'torch_model' is not supported",
      'tensorrt_plan',
      'onnxruntime_onnx',
      'Export the model to ONNX',
    );
  });
});

describe('public style', () => {
  test('a model without a batch dimension behind a reshape', () => {
    const config = serve(
      `name: "classifier"
platform: "onnxruntime_onnx"
max_batch_size : 0
input [
  {
    name: "data_0"
    data_type: TYPE_FP32
    format: FORMAT_NCHW
    dims: [ 3, 224, 224 ]
    reshape { shape: [ 1, 3, 224, 224 ] }
  }
]
output [
  {
    name: "fc6_1"
    data_type: TYPE_FP32
    dims: [ 1000 ]
    reshape { shape: [ 1, 1000, 1, 1 ] }
    label_filename: "labels.txt"
  }
]
`,
      facts(
        'onnxruntime_onnx',
        undefined,
        { data_0: ['FP32', [1, 3, 224, 224]] },
        { fc6_1: ['FP32', [1, 1000, 1, 1]] },
      ),
    );
    expect(config.max_batch_size).toBe(0);
    expect(metadataOf(config, ['1'])).toMatchObject({
      inputs: [{ shape: [3, 224, 224] }],
      outputs: [{ shape: [1000] }],
    });
  });

  test('plans by compute capability, warm-up, graphs and several groups', () => {
    const config = serve(
      `name: "detector"
backend: "tensorrt"
max_batch_size: 16
cc_model_filenames [
  { key: "8.6" value: "detector_ada.plan" },
  { key: "9.0" value: "detector_hopper.plan" }
]
input: [{ name: "images", data_type: TYPE_FP16, dims: [3, 640, 640] }]
output: [{ name: "boxes", data_type: TYPE_FP32, dims: [-1, 85] }]
instance_group: [
  { name: "large" count: 2 kind: KIND_GPU gpus: [ 0, 1 ] profile: "0" },
  { count: 1 kind: KIND_GPU gpus: 1 profile: [ "0" ]
    rate_limiter { resources [ { name: "R1" count: 4 }, { name: "R2" global: true count: 2 } ] priority: 2 } }
]
optimization {
  cuda: { graphs: true graph_spec: { batch_size: 8 } busy_wait_events: true output_copy_stream: true }
  priority: PRIORITY_MAX
  gather_kernel_buffer_threshold: 2
}
model_warmup [ { name: "zero" batch_size: 8 count: 2 inputs { key: "images" value: { data_type: TYPE_FP16 dims: [ 3, 640, 640 ] zero_data: true } } } ]
parameters: { key: "execution_context_allocation_strategy" value: { string_value: "ON_PROFILE_CHANGE" } }
response_cache { enable: true }
metric_tags { key: "team" value: "vision" }
`,
      facts(
        'tensorrt_plan',
        16,
        { images: ['FP16', [-1, 3, 640, 640]] },
        { boxes: ['FP32', [-1, 25200, 85]] },
      ),
    );
    expect(config.platform).toBe('tensorrt_plan');
    expect(config.cc_model_filenames).toEqual({
      '8.6': 'detector_ada.plan',
      '9.0': 'detector_hopper.plan',
    });
    expect(config.instance_group.map((group) => group.name)).toEqual(['large', 'detector_1']);
    expect(config.optimization).toMatchObject({
      priority: 'PRIORITY_MAX',
      input_pinned_memory: { enable: true },
      cuda: { graphs: true, graph_spec: [{ batch_size: 8, input: {} }] },
    });
  });

  test('a stateful model with controls and implicit state', () => {
    const config = serve(
      `name: "accumulator" platform: "tensorrt_plan" max_batch_size: 4
input [ { name: "INPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "OUTPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
sequence_batching {
  max_sequence_idle_microseconds: 5000000
  oldest { max_candidate_sequences: 16 max_queue_delay_microseconds: 200 }
  control_input [
    { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] },
    { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] } ] },
    { name: "ID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64 } ] }
  ]
  state [
    {
      input_name: "STATE_IN" output_name: "STATE_OUT" data_type: TYPE_INT32 dims: [ 1 ]
      initial_state: { data_type: TYPE_INT32 dims: [ 1 ] zero_data: true name: "zero" }
    }
  ]
}`,
      facts(
        'tensorrt_plan',
        4,
        {
          INPUT: ['INT32', [-1, 1]],
          START: ['INT32', [-1, 1]],
          READY: ['INT32', [-1, 1]],
          ID: ['INT64', [-1, 1]],
          STATE_IN: ['INT32', [-1, 1]],
        },
        { OUTPUT: ['INT32', [-1, 1]], STATE_OUT: ['INT32', [-1, 1]] },
      ),
    );
    expect(config.sequence_batching?.oldest?.preferred_batch_size).toEqual([4]);
    expect(metadataOf(config, []).inputs.map((input) => input.name)).toEqual(['INPUT']);
  });

  test('priorities with queue policies', () => {
    const config = serve(
      `name: "p" platform: "tensorrt_plan" max_batch_size: 8
dynamic_batching {
  priority_levels: 2 default_priority_level: 2
  default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 500000 max_queue_size: 64 }
  priority_queue_policy: { key: 1 value: { timeout_action: DELAY allow_timeout_override: true max_queue_size: 8 } }
}`,
      facts('tensorrt_plan', 8, { x: ['BOOL', [-1]] }, { y: ['BOOL', [-1]] }),
    );
    expect(config.dynamic_batching).toMatchObject({
      preferred_batch_size: [8],
      default_queue_policy: { max_queue_size: 64 },
      priority_queue_policy: { 1: { timeout_action: 'DELAY', max_queue_size: 8 } },
    });
    expect(config.input[0]).toMatchObject({ dims: [1], reshape: { shape: [] } });
  });

  test('ragged inputs', () => {
    const config = serve(
      `name: "ragged" platform: "tensorrt_plan" max_batch_size: 16
input [ { name: "IDS" data_type: TYPE_INT32 dims: [ -1 ] allow_ragged_batch: true } ]
output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 4 ] } ]
batch_input [
  { kind: BATCH_ACCUMULATED_ELEMENT_COUNT target_name: "ENDS" data_type: TYPE_FP32 source_input: "IDS" }
]`,
      facts(
        'tensorrt_plan',
        16,
        { IDS: ['INT32', [-1]], ENDS: ['FP32', [-1]] },
        { OUT: ['FP32', [-1, 4]] },
      ),
    );
    expect(config.batch_input[0]).toMatchObject({ target_name: ['ENDS'], source_input: ['IDS'] });
  });
});
