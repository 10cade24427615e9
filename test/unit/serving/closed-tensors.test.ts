// A tensor on the device whose owner closes it while its request waits: that request fails, and no other of its batch, with all kinds of models.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type DeviceTensor, Runtime, Tensor } from 'trt-node';
import type { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { assertClose } from '../../helpers/known-answers.js';
import { reference } from '../../helpers/reference.js';
import { servePlan } from '../../helpers/served-model.js';
import { ServedModels } from '../../helpers/served-models.js';

const numbers = (tensor: InferTensor | undefined): number[] =>
  Array.from((tensor?.data ?? []) as Float32Array);
const row = (value: number): Float32Array => new Float32Array(64).fill(value);

test('a closed tensor fails its request alone', async () => {
  const batching = 'dynamic_batching { max_queue_delay_microseconds: 20000 }';
  const models = new ServedModels();
  using runtime = new Runtime(reference);
  const device = (value: number): DeviceTensor<'float32'> => {
    const tensor = runtime.createDeviceTensor('float32', [1, 64]);
    tensor.writeSync(new Tensor('float32', row(value), [1, 64]));
    return tensor;
  };
  const onnx = readFileSync('test/fixtures/onnx/mlp.onnx');
  const config = (head: string): string =>
    `${head} max_batch_size: 8 ${batching} input { name: "x" data_type: TYPE_FP32 dims: [ 64 ] } output { name: "y" data_type: TYPE_FP32 dims: [ 32 ] }`;
  const script = `export const execute = (requests) => requests.map(({ inputs }) => ({ outputs: { y: inputs.x.data.slice(0, 32) } }));`;
  for (const model of [
    await servePlan('mlp', `max_batch_size: 8 ${batching}`),
    await models.load('onnx', {
      '1/model.onnx': onnx,
      'config.pbtxt': config('platform: "onnxruntime_onnx"'),
    }),
    await models.load('js', { '1/model.mjs': script, 'config.pbtxt': config('backend: "js"') }),
  ]) {
    const expected = numbers((await model.infer({ x: row(0.5) }, {})).outputs.y);
    const tensors = [0.25, 0.5, 0.75].map(device);
    const answers = Promise.allSettled([
      ...tensors.map((x) => model.infer({ x }, {})),
      model.infer({ x: row(0.5) }, {}),
    ]);
    tensors[0]!.close();
    const [closed, second, third, onHost] = await answers;
    expect(closed).toMatchObject({ status: 'rejected', reason: { code: 'ERR_TRT_MODEL_BACKEND' } });
    expect((closed as PromiseRejectedResult).reason).toMatchObject({
      cause: { code: 'ERR_TRT_CLOSED' },
    });
    for (const answer of [second, onHost]) {
      expect(answer?.status).toBe('fulfilled');
      const { value } = answer as PromiseFulfilledResult<{ outputs: { y?: InferTensor } }>;
      assertClose(numbers(value.outputs.y), expected, 1e-6, model.config.name);
    }
    expect(third?.status).toBe('fulfilled');
    expect(model.statistics.executionCount).toBe(2);
    // Of a batch with nobody left nothing is computed.
    const both = [device(1), device(2)];
    const none = Promise.allSettled(both.map((x) => model.infer({ x }, {})));
    for (const tensor of both) tensor.close();
    expect((await none).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await model.infer({ x: row(1) }, {})).toBeDefined();
  }
}, 30_000);
