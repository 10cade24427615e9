// The model repository of the measurements: small and ordinary work, each with and without dynamic batching.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'trt-node';
import { makeOnnx } from '../parts/onnx.mjs';

const fixture = (name) => fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));

/** In the place of ResNet-50 where there is no plan of it: some of its first layers' work, so that a batch pays. */
function resnetLike() {
  const values = (length) =>
    Float32Array.from({ length }, (_, index) => (((index * 2654435761) % 1000) / 1000 - 0.5) / 10);
  return makeOnnx({
    name: 'resnet-like',
    inputs: { input: { type: 'float32', dims: ['batch', 3, 224, 224] } },
    outputs: { output: { type: 'float32', dims: ['batch', 1000] } },
    weights: {
      first: { dims: [32, 3, 7, 7], data: values(32 * 3 * 7 * 7) },
      second: { dims: [64, 32, 3, 3], data: values(64 * 32 * 3 * 3) },
      classes: { dims: [64, 1000], data: values(64 * 1000) },
    },
    nodes: [
      {
        op: 'Conv',
        inputs: ['input', 'first'],
        outputs: ['a'],
        attributes: { kernel_shape: [7, 7], strides: [8, 8] },
      },
      { op: 'Relu', inputs: ['a'], outputs: ['b'] },
      {
        op: 'Conv',
        inputs: ['b', 'second'],
        outputs: ['c'],
        attributes: { kernel_shape: [3, 3], strides: [2, 2] },
      },
      { op: 'Relu', inputs: ['c'], outputs: ['d'] },
      { op: 'GlobalAveragePool', inputs: ['d'], outputs: ['e'] },
      { op: 'Flatten', inputs: ['e'], outputs: ['f'] },
      { op: 'MatMul', inputs: ['f', 'classes'], outputs: ['output'] },
    ],
  });
}

const range = (name, dims, max) => ({
  [name]: { min: [1, ...dims], opt: [Math.min(8, max), ...dims], max: [max, ...dims] },
});

const models = {
  mlp: {
    onnx: () => fixture('onnx/mlp.onnx'),
    profiles: [range('x', [64], 32), { x: { min: [33, 64], opt: [64, 64], max: [256, 64] } }],
    maxBatch: 64,
  },
  resnet50: { onnx: resnetLike, profiles: [range('input', [3, 224, 224], 32)], maxBatch: 32 },
};

/** With the batcher, or a request at a time: a plan that takes more would get a batcher by default. */
function config(name, maxBatch, batched) {
  const batching = `dynamic_batching {
  max_queue_delay_microseconds: 100
  default_queue_policy { max_queue_size: 512 }
}
`;
  return `name: "${name}"
platform: "tensorrt_plan"
max_batch_size: ${batched ? maxBatch : 1}
instance_group [ { count: 2 kind: KIND_GPU } ]
optimization { cuda { graphs: true } }
${batched ? batching : ''}`;
}

/** Does 8 requests in 10 ms whatever the machine, and lets 64 wait: what it cannot do is not the doors' fault. */
const paced = {
  'config.pbtxt': `name: "paced"
backend: "js"
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ 64 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 64 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
dynamic_batching { default_queue_policy { max_queue_size: 64 } }
`,
  '1/model.cjs': `exports.execute = async (requests) => {
  await new Promise((resolve) => setTimeout(resolve, 10));
  return requests.map(({ inputs }) => ({ outputs: { y: inputs.x } }));
};
`,
};

/** Writes it to `folder`. `plans`: a folder with mlp.plan or resnet50.plan for this machine's TensorRT; what it lacks is built. */
export async function makeRepository(folder, { plans, runtime }) {
  mkdirSync(path.join(folder, 'paced', '1'), { recursive: true });
  for (const [name, text] of Object.entries(paced)) {
    writeFileSync(path.join(folder, 'paced', name), text);
  }
  for (const [model, { onnx, profiles, maxBatch }] of Object.entries(models)) {
    const given = plans === undefined ? undefined : path.join(plans, `${model}.plan`);
    const first = path.join(folder, model, '1', 'model.plan');
    for (const batched of [false, true]) {
      const name = batched ? `${model}-batched` : model;
      const file = path.join(folder, name, '1', 'model.plan');
      mkdirSync(path.dirname(file), { recursive: true });
      if (batched) copyFileSync(first, file);
      else if (given !== undefined && existsSync(given)) copyFileSync(given, file);
      else await build({ onnx: onnx(), profiles, runtime, saveEngine: file });
      writeFileSync(path.join(folder, name, 'config.pbtxt'), config(name, maxBatch, batched));
    }
  }
}
