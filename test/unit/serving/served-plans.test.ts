// Plans in service: shape tensors, outputs whose size depends on the data, element types, graphs, instances, warm-up, failures; as Triton's L0_trt_shape_tensors,
// L0_trt_data_dependent_shape, L0_cuda_graph, L0_trt_error_propagation and L0_warmup.

import { expect, onTestFinished, test } from 'vitest';
import {
  type DeviceTensor,
  Runtime,
  ServingError,
  Tensor,
  float32ToBfloat16,
  float32ToFloat16,
} from 'trt-node';
import { parseModelConfig } from '../../../lib/serving/config/text-format.js';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { loadModelVersion } from '../../../lib/serving/model/load-version.js';
import { ModelStatistics } from '../../../lib/serving/model/statistics.js';
import type { ResponseCache } from '../../../lib/serving/scheduler/response-cache.js';
import { injectFaults, reference, referencePlan } from '../../helpers/reference.js';
import { loadContext, servePlan } from '../../helpers/served-model.js';

const numbers = (tensor: InferTensor | undefined): number[] =>
  Array.from((tensor?.data ?? []) as ArrayLike<number | bigint>, Number);
const row = (value: number): Float32Array => new Float32Array(64).fill(value);

const ramp = (shape: number[]): Tensor => {
  const length = shape.reduce((product, extent) => product * extent, 1);
  return new Tensor(
    'float32',
    Float32Array.from({ length }, (_, index) => index),
    shape,
  );
};

test('the values of a shape tensor choose the output shape', async () => {
  const model = await servePlan(
    'reshape_by_input',
    `input [ { name: "x" data_type: TYPE_FP32 dims: [ -1, -1 ] }, { name: "shape" data_type: TYPE_INT64 dims: [ 2 ] is_shape_tensor: true } ]
     output [ { name: "y" data_type: TYPE_FP32 dims: [ -1, -1 ] } ]`,
  );
  expect(model.config.max_batch_size).toBe(0);
  for (const shape of [
    [2, 6],
    [12, 1],
  ]) {
    const { outputs } = await model.infer(
      { x: ramp([3, 4]), shape: BigInt64Array.from(shape, BigInt) },
      {},
    );
    expect(outputs.y?.shape).toEqual(shape);
    expect(numbers(outputs.y)).toEqual(Array.from(ramp([12]).data as Float32Array));
  }
});

test('where there is a batch its size is the first value of a shape tensor, and requests of the same values share it', async () => {
  const model = await servePlan('reshape_by_input', 'dynamic_batching { }');
  expect(model.config.max_batch_size).toBe(64);
  expect(model.config.input.find(({ name }) => name === 'shape')?.dims).toEqual([1]);
  const answers = await Promise.all([
    model.infer({ x: ramp([3, 4]), shape: BigInt64Array.of(4n) }, {}),
    model.infer({ x: ramp([1, 4]), shape: BigInt64Array.of(4n) }, {}),
  ]);
  expect(answers.map(({ outputs }) => outputs.y?.shape)).toEqual([
    [3, 4],
    [1, 4],
  ]);
  expect(numbers(answers[1].outputs.y)).toEqual([0, 1, 2, 3]);
  expect(model.statistics.executionCount).toBe(1);
});

test('outputs whose size depends on the data', async () => {
  const model = await servePlan('nonzero', undefined);
  expect(model.config.max_batch_size).toBe(0);
  const x = Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3);
  const { outputs } = await model.infer({ x: new Tensor('float32', x, [1, 8]) }, {});
  expect(outputs.y?.shape).toEqual([2, 3]);
  expect(numbers(outputs.y)).toEqual([0, 0, 0, 1, 3, 7]);
});

test('all element types, several inputs and outputs, some of them wanted', async () => {
  const model = await servePlan('dtypes', undefined);
  const values = [0, 1, -1, 2.5];
  const inputs = {
    f32: Float32Array.from(values),
    f16: float32ToFloat16(Float32Array.from(values)),
    i32: Int32Array.of(0, 1, -1, 2),
    i64: BigInt64Array.of(0n, 1n, -1n, 2n ** 40n),
    b: Uint8Array.of(1, 0, 0, 1),
    u8: Uint8Array.of(0, 1, 2, 255),
    bf16: float32ToBfloat16(Float32Array.from(values)),
  };
  const [all, some] = await Promise.all([
    model.infer(inputs, {}),
    model.infer(inputs, { outputs: ['o_i64', 'o_f32'], id: 'seven' }),
  ]);
  expect(numbers(all.outputs.o_f32)).toEqual(values.map((value) => value * 2));
  expect(all.outputs.o_f16?.datatype).toBe('FP16');
  expect(numbers(all.outputs.o_b)).toEqual([0, 1, 1, 0]);
  expect(numbers(all.outputs.o_bf16f)).toEqual(values);
  expect(all.outputs.o_f32?.shape).toEqual([1, 4]);
  expect(some.id).toBe('seven');
  expect(Object.keys(some.outputs).sort()).toEqual(['o_f32', 'o_i64']);
  expect(some.outputs.o_i64?.data).toEqual(BigInt64Array.of(0n, 2n, -2n, 2n ** 41n));
  expect(model.statistics.executionCount).toBe(1);
});

test('scalars, and inputs without a batch dimension', async () => {
  const model = await servePlan('scalar', undefined);
  const x = new Tensor('float32', Float32Array.of(1, 2, 3, 4), [1, 4]);
  const { outputs } = await model.infer({ x }, {});
  expect(numbers(outputs.y)).toEqual([10]);
});

test('padding to a graph size: zeros go in, nothing of them comes out', async () => {
  const model = await servePlan(
    'mlp',
    `max_batch_size: 32 dynamic_batching { } optimization { cuda { graphs: true
       graph_spec { batch_size: 8 input { key: "x" value { dim: [ 64 ] } } graph_lower_bound { batch_size: 3 input { key: "x" value { dim: [ 64 ] } } } } } }`,
  );
  const alone = await model.infer({ x: row(0.5) }, {});
  const answers = await Promise.all(
    [0.5, 0.1, 0.2, 0.3, 0.5].map((value) => model.infer({ x: row(value) }, {})),
  );
  expect(answers.map(({ outputs }) => outputs.y?.shape)).toEqual(answers.map(() => [1, 32]));
  expect(numbers(answers[4]?.outputs.y)).toEqual(numbers(answers[0]?.outputs.y));
  for (const [index, value] of numbers(alone.outputs.y).entries()) {
    expect(numbers(answers[0]?.outputs.y)[index]).toBeCloseTo(value, 6);
  }
  expect(model.statistics.paddedItems).toBe(3);
  expect([...model.statistics.batches.keys()]).toEqual([1, 5]);
});

test('a batch below the smallest of all profiles is padded to it', async () => {
  const model = await servePlan(
    'mlp',
    'max_batch_size: 64 dynamic_batching { } instance_group [ { profile: [ "1" ] } ]',
  );
  const { outputs } = await model.infer({ x: row(0.5) }, {});
  expect(outputs.y?.shape).toEqual([1, 32]);
  expect(model.statistics.paddedItems).toBe(32);
});

test('profiles, devices and kinds that there are not are refused', async () => {
  await expect(servePlan('mlp', 'instance_group [ { profile: [ "2" ] } ]')).rejects.toMatchObject({
    reason: expect.stringContaining('invalid profile 2') as unknown,
  });
  await expect(servePlan('mlp', 'instance_group [ { gpus: [ 7 ] } ]')).rejects.toThrow(/device/);
});

test('outputs of one batch share memory where all allow it, and are read-write of their own otherwise', async () => {
  const model = await servePlan('lane', 'max_batch_size: 2 dynamic_batching { }');
  const input = new Float32Array(3 * 360 * 640).fill(0.25);
  const own = await Promise.all([model.infer({ input }, {}), model.infer({ input }, {})]);
  const shared = await Promise.all([0, 1].map(() => model.infer({ input }, { views: true })));
  const buffers = (answers: typeof own): Set<unknown> =>
    new Set(answers.map(({ outputs }) => (outputs.output?.data as Float32Array).buffer));
  expect(buffers(own).size).toBe(2);
  expect(buffers(shared as typeof own).size).toBe(1);
  expect(shared[1]?.outputs.output?.data).toEqual(own[0].outputs.output?.data);
}, 60_000);

test('tensors on the device: given out, and taken, alone and with others', async () => {
  const model = await servePlan('mlp', 'max_batch_size: 8 dynamic_batching { }');
  const host = await model.infer({ x: row(0.5) }, {});
  const { outputs } = await model.infer({ x: row(0.5) }, { onDevice: ['y'] });
  const device = outputs.y?.device as DeviceTensor;
  onTestFinished(() => {
    device.close();
  });
  expect(Array.from((await device.read()).data as Float32Array)).toEqual(numbers(host.outputs.y));
  // Used where it is, in another shape.
  const scalar = await servePlan('scalar', undefined);
  const sum = await scalar.infer({ x: new InferTensor('FP32', device, [8, 4]) }, {});
  expect(numbers(sum.outputs.y)[0]).toBeCloseTo(1, 5);
  using runtime = new Runtime(reference);
  const tensors = [0.5, 0.25].map((value) => {
    const tensor = runtime.createDeviceTensor('float32', [1, 64]);
    tensor.writeSync(new Tensor('float32', row(value), [1, 64]));
    return tensor;
  });
  const batches = model.statistics.executionCount;
  const answers = await Promise.all([
    ...tensors.map((x) => model.infer({ x }, {})),
    model.infer({ x: row(0.5) }, {}),
  ]);
  expect(model.statistics.executionCount).toBe(batches + 1);
  const [first, second, third] = answers.map(({ outputs: { y } }) => numbers(y));
  expect(first).toEqual(third);
  expect(second).not.toEqual(third);
});

test('a failing launch fails only its batch', async () => {
  const model = await servePlan(
    'mlp',
    'max_batch_size: 8 dynamic_batching { } instance_group [ { count: 2 } ]',
  );
  const send = (count: number): Promise<PromiseSettledResult<unknown>[]> =>
    Promise.allSettled(
      Array.from({ length: count }, (_, value) => model.infer({ x: row(value) }, {})),
    );
  injectFaults('enqueue@1');
  const failed = await send(3);
  const fine = await send(5);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(fine.every(({ status }) => status === 'fulfilled')).toBe(true);
  expect(model.broken).toBeUndefined();
  expect(model.statistics.failures.BACKEND).toBe(3);
});

test('a launch that fails on the device fails its batch, of all requests, and a lost device breaks the model', async () => {
  const model = await servePlan('mlp', 'max_batch_size: 8 dynamic_batching { }');
  injectFaults('lost');
  const outcomes = await Promise.allSettled(
    [1, 2, 3].map((value) => model.infer({ x: row(value) }, {})),
  );
  for (const outcome of outcomes) {
    expect(outcome.status).toBe('rejected');
    const error = (outcome as PromiseRejectedResult).reason as ServingError;
    expect(error).toBeInstanceOf(ServingError);
    expect(error.status).toBe('INTERNAL');
  }
  expect(model.statistics.failures.BACKEND).toBe(3);
  expect(model.broken).toMatchObject({ code: 'ERR_TRT_DEVICE_LOST' });
  injectFaults('');
});

test('a failed warm-up fails the loading, and frees everything', async () => {
  const plan = await referencePlan('mlp');
  injectFaults('enqueue@1');
  await expect(servePlan('mlp', undefined, { plan })).rejects.toMatchObject({ status: 'INTERNAL' });
  injectFaults('');
  const sample = (data: string): string =>
    `max_batch_size: 4 model_warmup [ { name: "s" batch_size: 2 count: 2 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 64 ] ${data} } } } ]`;
  await expect(
    servePlan('mlp', sample('input_data_file: "x"'), {
      plan,
      files: { 'warmup/x': new Uint8Array(8) },
    }),
  ).rejects.toMatchObject({
    reason: expect.stringContaining('warmup setting expects 256 bytes') as unknown,
  });
  await expect(
    servePlan('mlp', sample('input_data_file: "../../x"'), { plan }),
  ).rejects.toMatchObject({
    code: expect.stringMatching(/ERR_TRT_MODEL_(LOAD|CONFIG)/) as unknown,
  });
  const model = await servePlan('mlp', sample('random_data: true'), { plan });
  expect(model.statistics.executionCount).toBe(0);
  expect(model.statistics.success.count).toBe(0);
});

test('the first request is not the first of its CUDA graph', async () => {
  const lines: string[] = [];
  const model = await servePlan(
    'mlp',
    'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4 ] } instance_group [ { count: 2 } ]',
    {
      context: { log: (_, line) => lines.push(line) },
    },
  );
  // Sizes 1, 4 and 8, in one of the two profiles, on two instances.
  expect(lines).toEqual([
    "model 'mlp': warmed 3 combinations of profile and batch size on 2 instance(s), captured 12 CUDA graphs",
  ]);
  expect(model.memory().deviceBytes).toBeGreaterThan(0);
});

test('labels by index', async () => {
  const model = await servePlan(
    'mlp',
    'output [ { name: "y" data_type: TYPE_FP32 dims: [ 32 ] label_filename: "labels.txt" } ]',
    {
      files: { 'labels.txt': Buffer.from('cat\ndog\r\nbird\n') },
    },
  );
  expect([0, 1, 2, 3].map((index) => model.label('y', index))).toEqual([
    'cat',
    'dog',
    'bird',
    undefined,
  ]);
  await expect(
    servePlan(
      'mlp',
      'output [ { name: "y" data_type: TYPE_FP32 dims: [ 32 ] label_filename: "../labels.txt" } ]',
    ),
  ).rejects.toBeInstanceOf(ServingError);
});

test('statistics: what was done, by batch size, with the phases of the device', async () => {
  const model = await servePlan('mlp', 'max_batch_size: 8 dynamic_batching { }');
  await Promise.all([1, 2, 3].map((value) => model.infer({ x: row(value) }, {})));
  const {
    success,
    queue,
    computeInfer,
    inferenceCount,
    executionCount,
    batches,
    latencies,
    lastInference,
  } = model.statistics;
  expect([success.count, queue.count, computeInfer.count, inferenceCount, executionCount]).toEqual([
    3, 3, 3, 3, 1,
  ]);
  expect(batches.get(3)?.computeInfer.count).toBe(1);
  expect(latencies.compute.count).toBe(3);
  expect(success.ns).toBeGreaterThan(computeInfer.ns);
  expect(lastInference).toBeGreaterThan(0);
});

test('what the response cache has is not executed', async () => {
  const kept = new Map<string, readonly (InferTensor | undefined)[]>();
  const cache: ResponseCache = {
    key: (name, version, request) => `${name}/${version}/${String(request.inputs[0]?.data.at(0))}`,
    get: (key) => kept.get(key),
    put: (key, outputs) => kept.set(key, outputs),
  };
  const model = await servePlan('mlp', 'max_batch_size: 8 response_cache { enable: true }', {
    context: { cache },
  });
  const first = await model.infer({ x: row(1) }, {});
  const again = await model.infer({ x: row(1) }, {});
  expect(numbers(again.outputs.y)).toEqual(numbers(first.outputs.y));
  expect([model.statistics.cacheHit.count, model.statistics.executionCount]).toEqual([1, 1]);
});

test('a plan that is not there, or no plan, is told so', async () => {
  const load = (files: [string, Uint8Array][]): Promise<unknown> =>
    loadModelVersion(
      {
        name: 'mlp',
        version: '1',
        config: parseModelConfig('name: "mlp" platform: "tensorrt_plan"', 'config.pbtxt'),
        folder: undefined,
        files: new Map(files),
        statistics: new ModelStatistics(),
      },
      loadContext(),
    );
  await expect(load([])).rejects.toMatchObject({
    reason: "unable to find '1/model.plan' for model 'mlp'",
  });
  await expect(load([['1/model.plan', Buffer.from('no plan')]])).rejects.toMatchObject({
    code: 'ERR_TRT_MODEL_LOAD',
  });
});

test('KIND_CPU is refused', async () => {
  await expect(servePlan('mlp', 'instance_group [ { kind: KIND_CPU } ]')).rejects.toMatchObject({
    reason: expect.stringContaining(
      "unable to load model 'mlp', TensorRT backend supports only GPU device",
    ) as unknown,
  });
});

test('groups of instances with profiles of their own: a batch goes where its size fits', async () => {
  const model = await servePlan(
    'mlp',
    'max_batch_size: 64 dynamic_batching { preferred_batch_size: [ 40 ] max_queue_delay_microseconds: 500 } instance_group [ { profile: [ "0" ] }, { profile: [ "1" ] } ]',
  );
  const many = Array.from({ length: 40 }, (_, value) => model.infer({ x: row(value) }, {}));
  await Promise.all(many);
  const few = await Promise.all([model.infer({ x: row(1) }, {}), model.infer({ x: row(1) }, {})]);
  expect(few[0].outputs.y?.shape).toEqual([1, 32]);
  expect([...model.statistics.batches.keys()]).toEqual([40, 2]);
  expect(model.statistics.paddedItems).toBe(0);
});
