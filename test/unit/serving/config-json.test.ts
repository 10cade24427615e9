// JSON of configs: what load requests hand over, and what GET …/config answers.

import { describe, expect, test } from 'vitest';
import { completeConfig } from '../../../lib/serving/config/complete.js';
import { emptyModelConfig } from '../../../lib/serving/config/defaults.js';
import { modelConfigFromJson, modelConfigToJson } from '../../../lib/serving/config/json.js';
import { maxConfigLength, parseModelConfig } from '../../../lib/serving/config/text-format.js';
import { expectError } from '../../helpers/expect-error.js';

function read(text: string) {
  return modelConfigFromJson(text, 'the load request of m');
}

describe('reading', () => {
  test('snake_case and camelCase, numbers and strings, enums in any case and by number', () => {
    const expected = parseModelConfig(
      `max_batch_size: 8 input [ { name: "x" data_type: TYPE_FP32 dims: [ 3, -1 ] optional: true }, { data_type: TYPE_FP32 } ]
       version_policy { specific { versions: [ 1, 2 ] } } parameters { key: "k" value { string_value: "v" } }
       dynamic_batching { priority_queue_policy { key: 2 value { max_queue_size: 3 } } }`,
      'config.pbtxt',
    );
    expect(
      read(`{ "maxBatchSize": "8", "input": [
        { "name": "x", "dataType": "type_fp32", "dims": ["3", -1], "optional": true }, { "data_type": 11 } ],
        "version_policy": { "specific": { "versions": [1, 2.0] } }, "parameters": { "k": { "stringValue": "v" } },
        "dynamicBatching": { "priority_queue_policy": { "2": { "maxQueueSize": 3 } } }, "output": null }`),
    ).toEqual(expected);
    expect(read('{}')).toEqual(emptyModelConfig());
  });

  test('names with digits in camelCase', () => {
    const control = read(
      '{"sequenceBatching":{"controlInput":[{"name":"c","control":[{"int32FalseTrue":[0,1],"fp32_false_true":[]}]}]}}',
    ).sequence_batching?.control_input[0]?.control[0];
    expect(control?.int32_false_true).toEqual([0, 1]);
  });

  test('floats that JSON has no numbers for', () => {
    const buckets = read(
      '{"model_metrics":{"metric_control":[{"histogram_options":{"buckets":["Infinity","-Infinity","NaN","1.5e3",0.5]}}]}}',
    ).model_metrics?.metric_control[0]?.histogram_options?.buckets;
    expect(buckets).toEqual([Infinity, -Infinity, NaN, 1500, 0.5]);
  });

  test.each([
    ['{', 'failed to parse the JSON'],
    ['', 'failed to parse the JSON'],
    ['[]', 'expected an object for ModelConfig'],
    ['null', 'expected an object for ModelConfig'],
    ['{"nam":"x"}', 'has no field named "nam"; did you mean "name"?'],
    ['{"__proto__":{"name":"x"}}', 'no field named "__proto__"'],
    ['{"constructor":1}', 'no field named "constructor"'],
    ['{"input":[{"dims":[1,true]}]}', 'input[0].dims[1]: expected an integer (int64)'],
    ['{"input":[{"dims":[9007199254740993]}]}', 'input[0].dims[0]', '9007199254740991'],
    ['{"input":[{"dims":["9007199254740992"]}]}', 'input[0].dims[0]'],
    ['{"input":[{"dims":[1.5]}]}', 'input[0].dims[0]'],
    ['{"input":[{"dims":[null]}]}', 'input[0].dims[0]'],
    ['{"input":[{"dims":3}]}', 'input[0].dims: expected an array, got "3"'],
    ['{"input":{}}', 'input: expected an array'],
    ['{"input":[3]}', 'input[0]: expected an object for ModelInput'],
    ['{"input":[{"data_type":"TYPE_FP31"}]}', 'did you mean "TYPE_FP32"'],
    ['{"input":[{"data_type":15}]}', 'unknown enumeration value "15"'],
    ['{"input":[{"data_type":true}]}', 'unknown enumeration value'],
    ['{"input":[{"optional":"true"}]}', 'input[0].optional: expected true or false'],
    ['{"name":3}', 'name: expected a string, got "3"'],
    [String.raw`{"name":"\ud800"}`, 'whole characters'],
    ['{"max_batch_size":2147483648}', 'max_batch_size: expected an integer (int32)'],
    ['{"max_batch_size":"0x8"}', 'max_batch_size'],
    ['{"max_batch_size":1e999}', 'max_batch_size'],
    [
      '{"max_batch_size":8,"maxBatchSize":8}',
      '"maxBatchSize" is given along with "max_batch_size"',
    ],
    ['{"dynamic_batching":{},"ensemble_scheduling":{}}', 'given along with "dynamic_batching"'],
    ['{"dynamic_batching":{"priority_queue_policy":{"x":{}}}}', 'priority_queue_policy["x"]'],
    ['{"dynamic_batching":{"priority_queue_policy":{"1":null}}}', 'priority_queue_policy["1"]'],
    ['{"parameters":[]}', 'parameters: expected an object'],
    ['{"model_metrics":{"metric_control":[{"histogram_options":{"buckets":["x"]}}]}}', 'NaN'],
  ])('refuses %s', async (text, ...parts) => {
    await expectError(
      () => read(text),
      'ERR_TRT_MODEL_CONFIG',
      'the load request of m: ',
      ...parts,
    );
  });

  test('refuses what is too large, and deep nesting', async () => {
    await expectError(
      () => read(' '.repeat(maxConfigLength + 1)),
      'ERR_TRT_MODEL_CONFIG',
      'too many',
    );
    await expectError(() => read('{"input":['.repeat(100_000)), 'ERR_TRT_MODEL_CONFIG');
  });
});

describe('writing', () => {
  test('the answer of tritonserver: every field, in the order of the schema', () => {
    const config = completeConfig(
      parseModelConfig(
        `name: "simple" platform: "onnxruntime_onnx" max_batch_size: 8
         input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] } ]
         output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] } ]`,
        'config.pbtxt',
      ),
      undefined,
      'simple',
    );
    expect(JSON.stringify(modelConfigToJson(config))).toBe(
      '{"name":"simple","platform":"onnxruntime_onnx","backend":"onnxruntime","runtime":"",' +
        '"version_policy":{"latest":{"num_versions":1}},"max_batch_size":8,' +
        '"input":[{"name":"INPUT0","data_type":"TYPE_INT32","format":"FORMAT_NONE","dims":[16],"is_shape_tensor":false,' +
        '"allow_ragged_batch":false,"optional":false,"is_non_linear_format_io":false}],' +
        '"output":[{"name":"OUTPUT0","data_type":"TYPE_INT32","dims":[16],"label_filename":"","is_shape_tensor":false,' +
        '"is_non_linear_format_io":false}],"batch_input":[],"batch_output":[],' +
        '"optimization":{"priority":"PRIORITY_DEFAULT","input_pinned_memory":{"enable":true},' +
        '"output_pinned_memory":{"enable":true},"gather_kernel_buffer_threshold":0,"eager_batching":false},' +
        '"instance_group":[{"name":"simple","kind":"KIND_CPU","count":2,"gpus":[],"secondary_devices":[],"profile":[],' +
        '"passive":false,"host_policy":""}],"default_model_filename":"model.onnx","cc_model_filenames":{},' +
        '"metric_tags":{},"parameters":{},"model_warmup":[]}',
    );
  });

  test('64-bit numbers are numbers, but where tritonserver leaves strings', () => {
    const config = parseModelConfig(
      `input { reshape { shape: 3 } } dynamic_batching { max_queue_delay_microseconds: 100 }
       optimization { cuda { graph_spec { input { key: "x" value { dim: [ 3 ] } } } } }
       instance_group { secondary_devices { device_id: 1 } }`,
      'config.pbtxt',
    );
    expect(modelConfigToJson(config)).toMatchObject({
      input: [{ reshape: { shape: [3] } }],
      dynamic_batching: { max_queue_delay_microseconds: 100 },
      optimization: { cuda: { graph_spec: [{ input: { x: { dim: ['3'] } } }] } },
      instance_group: [{ secondary_devices: [{ kind: 'KIND_NVDLA', device_id: '1' }] }],
    });
  });
});
