// The rules of a model configuration, in Triton's words, and the backends that a config or files mean.

import { describe, expect, test } from 'vitest';
import type { ErrorCode } from 'trt-node';
import { checkConfig } from '../../../lib/serving/config/check.js';
import { completeConfig } from '../../../lib/serving/config/complete.js';
import { emptyModelConfig } from '../../../lib/serving/config/defaults.js';
import { backendOf } from '../../../lib/serving/config/platform.js';
import { parseModelConfig } from '../../../lib/serving/config/text-format.js';
import { expectError } from '../../helpers/expect-error.js';

/** Completes and checks a config as it is in a file. */
function check(text: string): void {
  checkConfig(completeConfig(parseModelConfig(text, 'config.pbtxt'), undefined, 'm'));
}

const io = `input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }
  output { name: "y" data_type: TYPE_FP32 dims: [ 4 ] }`;
const plan = `platform: "tensorrt_plan" max_batch_size: 8 ${io}`;
const bare = 'platform: "tensorrt_plan" max_batch_size: 8';
const onnx = `platform: "onnxruntime_onnx" max_batch_size: 8 ${io}`;

test('what is right', () => {
  check(plan);
  check(onnx);
  check(`backend: "js" ${io}`);
  check(`${plan} version_policy { all { } }`);
});

describe('refused', () => {
  test.each<[string, ...string[]]>([
    [
      'platform: "tensorrt_plan" max_batch_size: -1',
      "'max_batch_size' must be non-negative value for m",
    ],
    [`${plan} version_policy { }`, "must specify 'version policy' for m"],
    [`${plan} version_policy { latest { } }`, "'num_versions' >= 1"],
    [`${plan} version_policy { specific { } }`, "must specify one or more 'versions'"],
    [`${plan} version_policy { specific { versions: [ 1, 0 ] } }`, 'names version 0'],

    [`${bare} input { data_type: TYPE_FP32 dims: 1 }`, "model input must specify 'name' for m"],
    [`${bare} input { name: "x" dims: 1 }`, "model input 'x' must specify 'data_type' for m"],
    [
      `${bare} input { name: "x" data_type: TYPE_FP32 }`,
      "model input 'x' must specify 'dims' for m",
    ],
    [
      `${bare} output { name: "y" data_type: TYPE_FP32 dims: [ 0 ] }`,
      "model output 'y' dimension must be integer >= 1, or -1 to indicate a variable-size dimension for m",
    ],
    [`${bare} input { name: "x" data_type: TYPE_FP32 dims: [ -2 ] }`, 'must be integer >= 1'],
    [
      `${bare} input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] reshape { shape: [ 0 ] } }`,
      'reshape dimensions must be integer >= 1',
    ],
    [
      `${bare} input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] reshape { shape: [ 2, 3 ] } }`,
      "model input 'x' has different size for dims and reshape",
    ],
    [
      `${bare} input { name: "x" data_type: TYPE_FP32 dims: [ 4, -1 ] reshape { shape: [ 4 ] } }`,
      'has different number of variable-size dimensions for dims and reshape',
    ],
    [
      `${bare} input { name: "x" data_type: TYPE_FP32 dims: [ 2, -1, 3 ] reshape { shape: [ 3, -1, 2 ] } }`,
      'has different size for dims and reshape',
    ],
    [
      'platform: "tensorrt_plan" input { name: "x" data_type: TYPE_FP32 dims: [ 2 ] reshape { } }',
      'cannot have empty reshape for non-batching model',
    ],
    [
      `${plan} input { name: "x" data_type: TYPE_FP32 dims: 4 }`,
      "model input 'x' is configured more than once",
    ],
    [
      `${bare} input { name: "x" data_type: TYPE_FP32 dims: 4 format: FORMAT_NCHW }`,
      'NHWC/NCHW require 3 dims',
    ],
    [
      `${onnx} input { name: "s" data_type: TYPE_INT32 dims: 4 is_shape_tensor: true }`,
      'shape tensors are only supported for TensorRT platform',
    ],
    [
      `${onnx} input { name: "s" data_type: TYPE_INT32 dims: 4 is_non_linear_format_io: true }`,
      'Non-linear IO format is only supported',
    ],
    [
      `${plan} output { name: "s" data_type: TYPE_INT32 dims: 4 is_non_linear_format_io: true }`,
      'Non-linear IO format output requires 3 dims',
    ],
    [
      'platform: "tensorrt_plan" input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }',
      'needs max_batch_size',
    ],

    [
      `${plan} batch_input { data_type: TYPE_FP32 target_name: "n" }`,
      "batch input kind 'BATCH_ELEMENT_COUNT' expects 1 source input, got 0",
    ],
    [
      `${plan} batch_input { data_type: TYPE_FP32 target_name: "n" source_input: "z" }`,
      "unknown source input name 'z'",
    ],
    [
      `${plan} batch_input { data_type: TYPE_INT64 target_name: "n" source_input: "x" }`,
      'batch input data type must be TYPE_INT32 or TYPE_FP32',
    ],
    [
      `${plan} batch_input { data_type: TYPE_FP32 source_input: "x" }`,
      "must specify 'target_name'",
    ],
    [
      `${plan} batch_input { data_type: TYPE_FP32 target_name: [ "n", "n" ] source_input: "x" }`,
      "target input name 'n' can only be specified once",
    ],
    [
      `${plan} batch_input { data_type: TYPE_FP32 target_name: "x" source_input: "x" }`,
      "target input name 'x' can only be specified once",
    ],
    [
      `${plan} batch_output { target_name: "z" source_input: "x" }`,
      "unknown target output name 'z'",
    ],
    [
      `${plan} batch_output { target_name: [ "y", "y" ] source_input: "x" }`,
      "target output name 'y' can only be specified once",
    ],

    [
      `${plan} dynamic_batching { preferred_batch_size: 0 }`,
      'dynamic batching preferred size must be positive for m',
    ],
    [
      `${plan} dynamic_batching { preferred_batch_size: 16 }`,
      'dynamic batching preferred size must be <= max batch size for m',
      '16',
      '8',
    ],
    [
      `${plan} dynamic_batching { priority_levels: 3 }`,
      'default priority level must be in range [1, 3] for m',
    ],
    [
      `${plan} dynamic_batching { priority_levels: 3 default_priority_level: 4 }`,
      'default priority level must be in range [1, 3]',
    ],
    [
      `${plan} dynamic_batching { priority_levels: 3 default_priority_level: 1 priority_queue_policy { key: 4 } }`,
      'priority queue policy must have priority level in range [1, 3] for m',
    ],
    [
      `${plan} dynamic_batching { priority_levels: 2 default_priority_level: 1 preserve_ordering: true }`,
      "Only one priority level is allowed when 'preserve_ordering' is true for m",
    ],
    [
      `${plan} dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1 } }`,
      "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m",
    ],
    [
      `${plan} dynamic_batching { preserve_ordering: true priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 1 } } }`,
      'Queue policy can not have DELAY',
    ],

    [
      `${plan} sequence_batching { } response_cache { enable: true }`,
      'Response Cache does not currently support model m with sequence batching',
    ],
    [`${plan} sequence_batching { oldest { } }`, "'max_candidate_sequences' must be positive"],
    [
      `${plan} sequence_batching { oldest { max_candidate_sequences: 4 preferred_batch_size: 16 } }`,
      'sequence batching preferred batch size must be <= max batch size',
    ],
    [
      `${plan} sequence_batching { direct { minimum_slot_utilization: 1.5 } }`,
      'minimum slot utilization must be in range (0.0, 1.0]',
    ],
    [
      `${plan} sequence_batching { direct { minimum_slot_utilization: nan } }`,
      'minimum slot utilization',
    ],
    [
      `${plan} sequence_batching { control_input { control { } } }`,
      'sequence batching control tensor must have a name for m',
    ],
    [
      `${plan} sequence_batching { control_input { name: "S" control { kind: CONTROL_SEQUENCE_START } } }`,
      "must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for CONTROL_SEQUENCE_START for m",
    ],
    [
      `${plan} sequence_batching { control_input { name: "S" control { int32_false_true: [ 0, 1 ] fp32_false_true: [ 0, 1 ] } } }`,
      'specifies more than one from',
    ],
    [
      `${plan} sequence_batching { control_input { name: "S" control { int32_false_true: [ 0, 1, 2 ] } } }`,
      "'int32_false_true' must have exactly 2 entries for CONTROL_SEQUENCE_START",
    ],
    [
      `${plan} sequence_batching { control_input { name: "S" control { int32_false_true: [ 0, 1 ] } } control_input { name: "T" control { int32_false_true: [ 0, 1 ] } } }`,
      'specifies multiple CONTROL_SEQUENCE_START tensors for m',
    ],
    [
      `${plan} sequence_batching { control_input { name: "S" control { int32_false_true: [ 0, 1 ] } } control_input { name: "S" control { kind: CONTROL_SEQUENCE_END int32_false_true: [ 0, 1 ] } } }`,
      "control tensor 'S' is specified for multiple control kinds for m",
    ],
    [
      `${plan} sequence_batching { control_input { name: "C" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32 } } }`,
      'unexpected data type for control CONTROL_SEQUENCE_CORRID for m',
    ],
    [
      `${plan} sequence_batching { control_input { name: "C" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 int32_false_true: [ 0, 1 ] } } }`,
      'must not specify either',
    ],
    [`${plan} sequence_batching { state { output_name: "o" } }`, "must specify 'input_name'"],
    [
      `${plan} sequence_batching { state { input_name: "i" output_name: "o" dims: 1 } }`,
      "state 'i' must specify 'data_type'",
    ],
    [
      `${plan} sequence_batching { state { input_name: "i" output_name: "o" data_type: TYPE_FP32 } }`,
      "state 'i' must specify 'dims'",
    ],
    [
      `${plan} sequence_batching { state { input_name: "i" output_name: "o" data_type: TYPE_FP32 dims: 4 initial_state { data_type: TYPE_FP32 dims: 4 } } }`,
      "must specify 'zero_data' or 'data_file'",
    ],
    [
      `${plan} sequence_batching { state { input_name: "i" output_name: "o" data_type: TYPE_FP32 dims: 4 initial_state { data_type: TYPE_FP32 dims: 5 zero_data: true } } }`,
      'has dims [5], and the state [4]',
    ],
    [
      `${plan} sequence_batching { state { input_name: "i" output_name: "o" data_type: TYPE_FP32 dims: 4 initial_state { data_type: TYPE_INT32 dims: 4 zero_data: true } } }`,
      'has data type TYPE_INT32, and the state TYPE_FP32',
    ],

    [
      `${plan} instance_group { kind: KIND_CPU }`,
      "unable to load model 'm', TensorRT backend supports only GPU device",
    ],
    [
      `${onnx} instance_group { kind: KIND_CPU gpus: 0 }`,
      'has kind KIND_CPU but specifies one or more GPUs',
    ],
    [
      `${onnx} instance_group { kind: KIND_MODEL gpus: 0 }`,
      'has kind KIND_MODEL but specifies one or more GPUs',
    ],
    [`${plan} instance_group { gpus: -1 }`, 'specifies invalid or unsupported gpu id -1'],
    [`${plan} instance_group { count: 1001 }`, 'must have a count between 1 and 1000, got 1001'],
    [`${onnx} instance_group { profile: "0" }`, 'only supported for TensorRT models'],
    [`${plan} instance_group { profile: "a" }`, 'specifies invalid profile a'],
    [`${plan} instance_group { profile: "-1" }`, 'specifies invalid profile -1'],
    [`${plan} instance_group { passive: true }`, 'are passive'],
    [`${plan} instance_group { rate_limiter { resources { count: 1 } } }`, "must specify 'name'"],
    [`backend: "js" ${io} instance_group { kind: KIND_GPU }`, 'JavaScript models run on the CPU'],

    [
      `${plan} model_warmup { name: "w" batch_size: 9 }`,
      'batch_size 9, larger than max_batch_size 8',
    ],
    [`${plan} model_warmup { name: "w" batch_size: 1 }`, "has no input 'x'"],
    [
      `${plan} model_warmup { name: "w" batch_size: 1 inputs { key: "z" } }`,
      "an input 'z' that the model has not",
    ],
    [
      `${plan} model_warmup { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: -1 zero_data: true } } }`,
      'expects all variable-size dimensions are specified',
    ],
    [
      `${plan} model_warmup { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: 4 } } }`,
      'says no data',
    ],
    [
      `${plan} model_warmup { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_INT32 dims: 4 zero_data: true } } }`,
      'data type TYPE_INT32',
    ],

    [
      `${plan} model_metrics { metric_control { } }`,
      "metric control must specify 'metric_identifier'",
    ],
    [`${plan} model_metrics { metric_control { metric_identifier { } } }`, "non-empty 'family'"],
    [
      `${plan} model_metrics { metric_control { metric_identifier { family: "f" } } }`,
      "must specify 'histogram_options'",
    ],
    [
      `${plan} model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { } } }`,
      "non-empty 'buckets'",
    ],
  ])('%s', async (text, ...parts) => {
    await expectError(() => check(text), 'ERR_TRT_MODEL_CONFIG', ...parts);
  });

  test.each([
    'default_model_filename: "../other/1/model.plan"',
    'default_model_filename: "/etc/passwd"',
    String.raw`default_model_filename: "a\0b"`,
    String.raw`default_model_filename: "..\\x"`,
    'cc_model_filenames { key: "9.0" value: "a/../../b" }',
    'model_warmup { inputs { key: "x" value { input_data_file: "../secret" } } }',
    'sequence_batching { state { initial_state { data_file: "/etc/passwd" } } }',
  ])("a file outside of the model's folder: %s", async (text) => {
    await expectError(
      () => check(`${plan} ${text}`),
      'ERR_TRT_MODEL_CONFIG',
      "not within the model's folder",
    );
  });

  test('a label file outside of the folder', async () => {
    await expectError(
      () =>
        check(`${bare} output { name: "y" data_type: TYPE_FP32 dims: 4 label_filename: "../l" }`),
      'ERR_TRT_MODEL_CONFIG',
      "'label_filename'",
    );
  });

  test.each([
    ['model_transaction_policy { decoupled: true }', "'decoupled'"],
    ['sequence_batching { iterative_sequence: true }', "'iterative_sequence'"],
    ['model_operations { op_library_filename: "x.so" }', "'model_operations'"],
    ['model_repository_agents { agents { name: "checksum" } }', "'model_repository_agents'"],
  ])('what Triton can and we cannot: %s', async (text, what) => {
    await expectError(() => check(`${plan} ${text}`), 'ERR_TRT_REQUEST_UNSUPPORTED', what, "'m'");
  });
});

describe('ensembles', () => {
  const ends = `input { name: "in" data_type: TYPE_FP32 dims: 1 } output { name: "out" data_type: TYPE_FP32 dims: 1 }`;
  const step = (inputs: Record<string, string>, outputs: Record<string, string>, name = 's') => {
    const entries = (field: string, map: Record<string, string>) =>
      Object.entries(map).map(([key, value]) => `${field} { key: "${key}" value: "${value}" }`);
    return `step { model_name: "${name}" model_version: -1 ${entries('input_map', inputs).join(' ')} ${entries('output_map', outputs).join(' ')} }`;
  };
  const ensemble = (steps: string, rest = '') =>
    `platform: "ensemble" ${ends} ensemble_scheduling { ${steps} } ${rest}`;

  test('a pipeline, a fan-out and a fan-in', () => {
    check(ensemble(step({ a: 'in' }, { b: 'out' })));
    check(
      ensemble(
        step({ l: 'left', r: 'right' }, { b: 'out' }) +
          step({ a: 'in' }, { b: 'left' }) +
          step({ a: 'in' }, { b: 'right' }),
      ),
    );
    check(`${ends} ensemble_scheduling { ${step({ a: 'in' }, { b: 'out' })} }`);
  });

  test.each<[string, ...string[]]>([
    [
      `platform: "ensemble" ${ends}`,
      'ensemble scheduling must be set for ensemble m whose platform is ensemble',
    ],
    [ensemble(''), "must specify 'step' for ensemble 'm'"],
    [
      ensemble(step({ a: 'in' }, { b: 'out' }, '')),
      "must specify 'model_name' in step 0 of ensemble 'm'",
    ],
    [ensemble(step({}, { b: 'out' })), "must specify 'input_map' in step 0"],
    [ensemble(step({ a: 'in' }, {})), "must specify 'output_map' in step 0"],
    [ensemble(step({ a: 'in' }, { b: 'out' }, 'm')), 'is the ensemble itself'],
    [
      ensemble(step({ a: 'in' }, { b: 'out' }) + step({ a: 'in' }, { b: 'out' })),
      "ensemble tensor 'out' can appear in an output map only once for ensemble 'm' step 1",
    ],
    [ensemble(step({ a: 'x' }, { b: 'out' })), "ensemble input 'in' for ensemble 'm' is not used"],
    [ensemble(step({ a: 'in' }, { b: 'x' })), "ensemble output 'out' for ensemble 'm' is not used"],
    [
      ensemble(step({ a: 'in', c: 'x' }, { b: 'out' })),
      "output 'out' for ensemble 'm' is not written: at least one of its depending tensors, 'x', is not connected",
    ],
    [
      ensemble(step({ a: 'in', c: 'q' }, { b: 'p' }) + step({ a: 'p' }, { b: 'q', c: 'out' })),
      "output 'out' for ensemble 'm' is not written",
    ],
    [
      ensemble(step({ a: 'in' }, { b: 'out', c: 'x' })),
      "ensemble tensor 'x' is unused in ensemble 'm'",
    ],
    [ensemble(step({ a: 'in' }, { b: 'out', c: 'in' })), 'is an input of ensemble'],
    [
      ensemble(step({ a: 'in' }, { b: 'out' }), 'instance_group { }'),
      "instance group should not be specified for ensemble 'm'",
    ],
    [
      ensemble(step({ a: 'in' }, { b: 'out' }), 'optimization { }'),
      "optimization should not be specified for ensemble 'm'",
    ],
    [
      ensemble(step({ a: 'in' }, { b: 'out' }), 'model_warmup { }'),
      "model_warmup can not be specified for ensemble 'm'",
    ],
    [
      ensemble(step({ a: 'in' }, { b: 'out' }), 'backend: "tensorrt"'),
      "must have platform type 'ensemble' and empty backend type",
    ],
    [
      `${plan} ensemble_scheduling { ${step({ a: 'x' }, { b: 'y' })} }`,
      "ensemble scheduling cannot be set for model 'm' whose platform is not ensemble",
    ],
  ])('%s', async (text, ...parts) => {
    await expectError(() => check(text), 'ERR_TRT_MODEL_CONFIG', ...parts);
  });

  test('many steps take no time to speak of', () => {
    const steps = Array.from({ length: 2000 }, (_, index) =>
      step(
        { a: index === 1999 ? 'in' : `t${index + 1}` },
        { b: index === 0 ? 'out' : `t${index}` },
      ),
    );
    check(ensemble(steps.join('\n')));
  });
});

describe('the backend', () => {
  const of = (text: string, files?: string[]) =>
    backendOf(parseModelConfig(text, 'config.pbtxt'), files);

  test.each([
    ['platform: "tensorrt_plan"', [], 'tensorrt'],
    ['backend: "tensorrt"', [], 'tensorrt'],
    ['platform: "tensorrt_plan" backend: "tensorrt"', [], 'tensorrt'],
    ['platform: "onnxruntime_onnx"', [], 'onnxruntime'],
    ['backend: "onnxruntime"', ['model.plan'], 'onnxruntime'],
    ['backend: "js"', [], 'js'],
    ['platform: "ensemble"', [], 'ensemble'],
    ['ensemble_scheduling { }', [], 'ensemble'],
    ['default_model_filename: "model.onnx"', ['model.plan'], 'onnxruntime'],
    ['', ['model.plan'], 'tensorrt'],
    ['', ['labels.txt', 'model.onnx'], 'onnxruntime'],
    ['', ['model.js'], 'js'],
    ['', ['model.plan', 'model.onnx'], 'tensorrt'],
  ])('%s with files %j is %s', (text, files, backend) => {
    expect(of(text, files)).toBe(backend);
  });

  test('without a config the files tell', () => {
    expect(backendOf(undefined, ['model.plan'])).toBe('tensorrt');
  });

  test.each<[string, string[], ErrorCode, ...string[]]>([
    [
      'name: "t" platform: "pytorch_libtorch"',
      [],
      'ERR_TRT_REQUEST_UNSUPPORTED',
      "platform 'pytorch_libtorch' of model 't'",
    ],
    [
      'platform: "tensorflow_savedmodel"',
      [],
      'ERR_TRT_REQUEST_UNSUPPORTED',
      'tensorflow_savedmodel',
    ],
    ['backend: "python"', [], 'ERR_TRT_REQUEST_UNSUPPORTED', "backend 'python'"],
    ['platform: "tensorrt"', [], 'ERR_TRT_REQUEST_UNSUPPORTED', "platform 'tensorrt'"],
    ['', ['model.pt'], 'ERR_TRT_REQUEST_UNSUPPORTED', '"model.pt" (pytorch_libtorch)'],
    ['', ['model.py'], 'ERR_TRT_REQUEST_UNSUPPORTED', 'python'],
    [
      'platform: "tensorrt_plan" backend: "onnxruntime"',
      [],
      'ERR_TRT_MODEL_CONFIG',
      "unexpected 'platform' and 'backend' pair, got:tensorrt_plan, onnxruntime",
    ],
    ['', [], 'ERR_TRT_MODEL_CONFIG', 'there is no file'],
    ['', ['weights.bin'], 'ERR_TRT_MODEL_CONFIG', 'no known file among weights.bin'],
  ])('%s with files %j is refused', async (text, files, code, ...parts) => {
    await expectError(() => of(text, files), code, 'tensorrt', ...parts);
  });

  test('a config that was not completed is refused', async () => {
    await expectError(() => checkConfig(emptyModelConfig()), 'ERR_TRT_MODEL_CONFIG', "'name'");
    await expectError(
      () => checkConfig(emptyModelConfig('m')),
      'ERR_TRT_MODEL_CONFIG',
      "must specify 'platform' or 'backend' for 'm'",
    );
  });
});
