// ONNX models in a repository: S5's side-by-side config, FP16 and strings, several instances, and settings of the backend.

import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { ModelRepository, type RepositoryOptions, Tensor } from 'trt-node';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { type ModelSpec, makeOnnx } from '../../helpers/onnx-maker.js';
import { reference } from '../../helpers/reference.js';
import { type FolderModel, repositoryFolder } from '../../helpers/serving-repository.js';

const identity = (type: 'float' | 'float16' | 'string', shape: number[]): Buffer => {
  const spec: ModelSpec = {
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    inputs: { x: shape },
    outputs: { y: shape },
    types: { x: type, y: type },
  };
  return makeOnnx(spec);
};

async function open(
  models: Record<string, FolderModel>,
  options: RepositoryOptions = {},
): Promise<ModelRepository> {
  const folder = await repositoryFolder(models);
  const repository = await ModelRepository.open(folder, { ...reference, ...options });
  onTestFinished(() => repository.close());
  return repository;
}

const mlp = readFileSync('test/fixtures/onnx/mlp.onnx');

test('a config as in S5: explicit load, preferred sizes, one CPU instance', async () => {
  const repository = await open(
    {
      onnx_model: {
        config: `platform: "onnxruntime_onnx"
          max_batch_size: 32
          dynamic_batching { preferred_batch_size: [ 4, 8, 16, 32 ] max_queue_delay_microseconds: 100 }
          instance_group [ { count: 1 kind: KIND_CPU } ]`,
        files: { '1/model.onnx': mlp },
      },
    },
    { controlMode: 'explicit' },
  );
  await repository.load('onnx_model');
  expect(repository.metadata('onnx_model', '1')).toMatchObject({
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 64] }],
  });
  const x = Float32Array.from({ length: 64 }, (_, index) => index / 64);
  const answers = await Promise.all(
    Array.from({ length: 16 }, () => repository.infer('onnx_model', { x }, { version: '1' })),
  );
  const [first] = answers;
  for (const { y } of answers) expect(y).toEqual(first?.y);
  expect(first?.y?.shape).toEqual([1, 32]);
  await repository.unload('onnx_model');
  expect(repository.index()).toMatchObject([{ state: 'UNAVAILABLE', reason: 'unloaded' }]);
});

test('FP16 and strings go through batches of several instances unchanged', async () => {
  const config =
    'max_batch_size: 8 dynamic_batching { } instance_group [ { count: 2 kind: KIND_CPU } ]';
  const repository = await open({
    half: { config, files: { '1/model.onnx': identity('float16', [-1, 3]) } },
    text: { config, files: { '1/model.onnx': identity('string', [-1, 2]) } },
  });
  expect(repository.index(true)).toHaveLength(2);
  await Promise.all(
    Array.from({ length: 24 }, async (_, index) => {
      const rows = 1 + (index % 3);
      const bits = Uint16Array.from({ length: rows * 3 }, (_one, at) => 0x3c00 + index * 8 + at);
      const { y: half } = await repository.infer('half', {
        x: new InferTensor('FP16', bits, [rows, 3]),
      });
      expect([half?.datatype, half?.shape, half?.data]).toEqual(['FP16', [rows, 3], bits]);
      const strings = Array.from({ length: rows * 2 }, (_one, at) => `é${index}-${at}`);
      const { y: text } = await repository.infer('text', {
        x: new InferTensor(
          'BYTES',
          strings.map((one) => Buffer.from(one)),
          [rows, 2],
        ),
      });
      expect(text?.shape).toEqual([rows, 2]);
      const got = (text?.data as readonly Uint8Array[]).map((one) => Buffer.from(one).toString());
      expect(got).toEqual(strings);
    }),
  );
  for (const name of ['half', 'text']) {
    const { statistics, pending } = repository.model(name);
    expect([pending, statistics.success.count, statistics.inferenceCount]).toEqual([0, 24, 48]);
  }
});

test.each<[RepositoryOptions['backendConfig'], number]>([
  [{}, 4],
  [{ onnxruntime: { 'default-max-batch-size': '16' } }, 16],
  [{ '': { 'default-max-batch-size': '2' } }, 2],
  [{ '': { 'default-max-batch-size': '2' }, onnxruntime: { 'default-max-batch-size': '0' } }, 0],
])('backend config %j: max_batch_size %i', async (backendConfig, expected) => {
  const files = { '1/model.onnx': identity('float', [-1, 3]) };
  const repository = await open({ m: { files } }, { backendConfig });
  expect(repository.model('m').config.max_batch_size).toBe(expected);
  const x = new Tensor('float32', Float32Array.of(1, 2, 3), [1, 3]);
  expect((await repository.infer('m', { x })).y?.data).toEqual(Float32Array.of(1, 2, 3));
});

test('a default-max-batch-size that is no number refuses the load', async () => {
  const files = { '1/model.onnx': identity('float', [-1, 3]) };
  const backendConfig = { onnxruntime: { 'default-max-batch-size': 'many' } };
  const repository = await open({ m: { files } }, { backendConfig });
  expect(repository.index()[0]?.reason).toContain("default-max-batch-size, got 'many'");
});
