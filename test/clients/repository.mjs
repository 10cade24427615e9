// Writes the model repository of the client tests: node repository.mjs FOLDER
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'trt-node';
import { makeOnnx } from '../../benchmarks/parts/onnx.mjs';

const fixture = (name) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const runtime = process.env.TRT_NODE_RUNTIME ?? 'reference';

/** Triton's "simple" of 16 numbers: OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1. */
function simple() {
  const tensor = { type: 'int32', dims: ['batch', 16] };
  return makeOnnx({
    name: 'simple',
    inputs: { INPUT0: tensor, INPUT1: tensor },
    outputs: { OUTPUT0: tensor, OUTPUT1: tensor },
    nodes: [
      { op: 'Add', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT0'] },
      { op: 'Sub', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT1'] },
    ],
  });
}

/** A running sum: OUTPUT = INPUT + what the sequence has summed up, nothing at its start. */
function accumulate() {
  const tensor = { type: 'int32', dims: ['batch', 1] };
  return makeOnnx({
    name: 'accumulate',
    inputs: { INPUT: tensor, START: tensor, SUM_IN: tensor },
    outputs: { OUTPUT: tensor, SUM_OUT: tensor },
    weights: { one: { dims: [1], data: Int32Array.of(1) } },
    nodes: [
      { op: 'Sub', inputs: ['one', 'START'], outputs: ['goes_on'] },
      { op: 'Mul', inputs: ['SUM_IN', 'goes_on'], outputs: ['before'] },
      { op: 'Add', inputs: ['INPUT', 'before'], outputs: ['OUTPUT'] },
      { op: 'Identity', inputs: ['OUTPUT'], outputs: ['SUM_OUT'] },
    ],
  });
}

const one = (name, dims) => ({
  [name]: { min: [1, ...dims], opt: [8, ...dims], max: [8, ...dims] },
});
const plans = {
  simple: { onnx: simple(), profiles: [{ ...one('INPUT0', [16]), ...one('INPUT1', [16]) }] },
  accumulate: {
    onnx: accumulate(),
    profiles: [{ ...one('INPUT', [1]), ...one('START', [1]), ...one('SUM_IN', [1]) }],
  },
  mlp: {
    onnx: fixture('onnx/mlp.onnx'),
    profiles: [
      { x: { min: [1, 64], opt: [8, 64], max: [32, 64] } },
      { x: { min: [33, 64], opt: [64, 64], max: [256, 64] } },
    ],
  },
  dtypes: {
    onnx: fixture('onnx/dtypes.onnx'),
    profiles: [
      Object.assign(
        {},
        ...['f32', 'f16', 'i32', 'i64', 'b', 'u8', 'bf16'].map((name) => ({
          [name]: { min: [1, 4], opt: [2, 4], max: [8, 4] },
        })),
      ),
    ],
  },
};

const input = (name, type, dims) =>
  `input [ { name: "${name}" data_type: ${type} dims: [ ${dims} ] } ]`;
const output = (name, type, dims, more = '') =>
  `output [ { name: "${name}" data_type: ${type} dims: [ ${dims} ] ${more} } ]`;

const configs = {
  simple: `
platform: "tensorrt_plan"
max_batch_size: 8
${input('INPUT0', 'TYPE_INT32', 16)}
${input('INPUT1', 'TYPE_INT32', 16)}
${output('OUTPUT0', 'TYPE_INT32', 16)}
${output('OUTPUT1', 'TYPE_INT32', 16)}
dynamic_batching { }
`,
  mlp: `
platform: "tensorrt_plan"
max_batch_size: 32
version_policy: { specific { versions: [ 1, 3 ] } }
${input('x', 'TYPE_FP32', 64)}
${output('y', 'TYPE_FP32', 32, 'label_filename: "labels.txt"')}
`,
  accumulate: `
platform: "tensorrt_plan"
max_batch_size: 8
${input('INPUT', 'TYPE_INT32', 1)}
${output('OUTPUT', 'TYPE_INT32', 1)}
sequence_batching {
  max_sequence_idle_microseconds: 5000000
  control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] } ]
  state [ {
    input_name: "SUM_IN" output_name: "SUM_OUT" data_type: TYPE_INT32 dims: [ 1 ]
    initial_state { name: "zero" data_type: TYPE_INT32 dims: [ 1 ] zero_data: true }
  } ]
}
`,
  // Waits as many milliseconds as its input says.
  slow: `
backend: "js"
max_batch_size: 1
${input('MS', 'TYPE_INT32', 1)}
${output('WAITED', 'TYPE_INT32', 1)}
instance_group [ { count: 1 kind: KIND_CPU } ]
dynamic_batching {
  priority_levels: 2
  default_priority_level: 2
  default_queue_policy { allow_timeout_override: true timeout_action: REJECT max_queue_size: 64 }
}
`,
  bytes: `
backend: "js"
max_batch_size: 8
${input('TEXT', 'TYPE_STRING', -1)}
${output('UPPER', 'TYPE_STRING', -1)}
`,
  // (INPUT0 + INPUT1) and (INPUT0 - INPUT1), again added and subtracted: twice INPUT0, twice INPUT1.
  twice: `
platform: "ensemble"
max_batch_size: 8
${input('INPUT0', 'TYPE_INT32', 16)}
${input('INPUT1', 'TYPE_INT32', 16)}
${output('OUTPUT0', 'TYPE_INT32', 16)}
${output('OUTPUT1', 'TYPE_INT32', 16)}
ensemble_scheduling {
  step [
    {
      model_name: "simple" model_version: -1
      input_map [ { key: "INPUT0" value: "INPUT0" }, { key: "INPUT1" value: "INPUT1" } ]
      output_map [ { key: "OUTPUT0" value: "sum" }, { key: "OUTPUT1" value: "difference" } ]
    },
    {
      model_name: "simple" model_version: -1
      input_map [ { key: "INPUT0" value: "sum" }, { key: "INPUT1" value: "difference" } ]
      output_map [ { key: "OUTPUT0" value: "OUTPUT0" }, { key: "OUTPUT1" value: "OUTPUT1" } ]
    }
  ]
}
`,
};

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node repository.mjs FOLDER');
  process.exit(2);
}
function write(name, content) {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}
/**
 * TensorRT's plans are for the GPU that they were built on, and building needs the builder: those of the fixtures lie there already, others are kept in
 * the folder TRT_NODE_CLIENT_PLANS.
 */
async function planOf(name, onnx, profiles) {
  if (runtime === 'reference') return build({ onnx, profiles, runtime });
  if (typeof onnx === 'string') return readFileSync(fixture(`plans/${name}.plan`));
  const kept = path.join(process.env.TRT_NODE_CLIENT_PLANS ?? folder, `${name}.plan`);
  if (existsSync(kept)) return readFileSync(kept);
  return build({ onnx, profiles, runtime, saveEngine: kept });
}

for (const [name, { onnx, profiles }] of Object.entries(plans)) {
  write(`${name}/1/model.plan`, await planOf(name, onnx, profiles));
}
// dtypes has no config: it is completed from the plan.
for (const [name, config] of Object.entries(configs)) {
  write(`${name}/config.pbtxt`, `name: "${name}"${config}`);
}
mkdirSync(path.join(folder, 'mlp/3'));
copyFileSync(path.join(folder, 'mlp/1/model.plan'), path.join(folder, 'mlp/3/model.plan'));
write('mlp/labels.txt', Array.from({ length: 32 }, (_, index) => `label ${index}\n`).join(''));
mkdirSync(path.join(folder, 'twice/1'));
write(
  'slow/1/model.cjs',
  `exports.execute = (requests) =>
  Promise.all(
    requests.map(async ({ inputs }) => {
      const [ms] = inputs.MS.data;
      await new Promise((resolve) => setTimeout(resolve, ms));
      return { outputs: { WAITED: inputs.MS } };
    }),
  );
`,
);
write(
  'bytes/1/model.cjs',
  `exports.execute = (requests) =>
  requests.map(({ inputs }) => ({
    outputs: {
      UPPER: {
        shape: inputs.TEXT.shape,
        data: inputs.TEXT.data.map((bytes) => Buffer.from(bytes).toString().toUpperCase()),
      },
    },
  }));
`,
);
