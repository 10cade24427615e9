// Plans that an ensemble chains: what only plans read stays on the device; requests that are batched go through the host, with the same numbers.

import { expect, onTestFinished, test, vi } from 'vitest';
import { ModelRepository, build } from 'trt-node';
import { DeviceTensor } from '../../../lib/device-tensor.js';
import { loadModelVersion } from '../../../lib/serving/model/load-version.js';
import type { LoadedVersion } from '../../../lib/serving/model/loading.js';
import type { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { makeOnnx } from '../../helpers/onnx-maker.js';
import { reference } from '../../helpers/reference.js';
import { repositoryFolder } from '../../helpers/serving-repository.js';

/** y = x · by of four numbers. */
async function scale(by: number): Promise<Uint8Array> {
  const onnx = makeOnnx({
    nodes: [{ op: 'Mul', inputs: ['x', 'by'], outputs: ['y'] }],
    inputs: { x: [-1, 4] },
    outputs: { y: [-1, 4] },
    weights: [{ name: 'by', shape: [1], data: Float32Array.of(by) }],
  });
  const profiles = [{ x: { min: [1, 4], opt: [2, 4], max: [8, 4] } }];
  return build({ ...reference, onnx, profiles });
}

const chain = `platform: "ensemble" max_batch_size: 8
input { name: "in" data_type: TYPE_FP32 dims: [ 4 ] }
output { name: "out" data_type: TYPE_FP32 dims: [ 4 ] }
ensemble_scheduling { step [
  { model_name: "double" model_version: -1 input_map { key: "x" value: "in" } output_map { key: "y" value: "a" } },
  { model_name: "triple" model_version: -1 input_map { key: "x" value: "a" } output_map { key: "y" value: "b" } },
  { model_name: "half" model_version: -1 input_map { key: "x" value: "b" } output_map { key: "y" value: "out" } } ] }`;

/** What went into each model and came out of it: 'host' or 'device'. */
async function open(batching: string) {
  const plan = (bytes: Uint8Array) => ({
    config: `platform: "tensorrt_plan" max_batch_size: 8 ${batching}`,
    files: { '1/model.plan': bytes },
  });
  const folder = await repositoryFolder({
    double: plan(await scale(2)),
    triple: plan(await scale(3)),
    half: plan(await scale(0.5)),
    chain: { config: chain, versions: ['1'] },
  });
  const seen: string[] = [];
  const tensors: DeviceTensor[] = [];
  const place = (tensor: unknown): string => {
    const { device } = tensor as InferTensor;
    if (device !== undefined) tensors.push(device);
    return device === undefined ? 'host' : 'device';
  };
  const repository = await ModelRepository.openWith(folder, reference, async (source, context) => {
    const served = await loadModelVersion(source, context);
    if (source.name === 'chain') return served;
    const infer: LoadedVersion['infer'] = async (inputs, options) => {
      const from = place(inputs.x);
      const response = await served.infer(inputs, options);
      seen.push(`${source.name}: ${from} → ${place(response.outputs.y)}`);
      return response;
    };
    return new Proxy(served, {
      get: (target, name) => {
        if (name === 'infer') return infer;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value as () => void).bind(target) : value;
      },
    });
  });
  onTestFinished(() => repository.close());
  expect(repository.index(true)).toHaveLength(4);
  return { repository, seen, tensors };
}

const chained = ['double: host → device', 'triple: device → device', 'half: device → host'];

test('a tensor between plans stays on the device, is never read, and is freed', async () => {
  const { repository, seen, tensors } = await open('');
  const read = vi.spyOn(DeviceTensor.prototype, 'read');
  onTestFinished(() => {
    read.mockRestore();
  });
  for (let round = 0; round < 5; round++) {
    const { out } = await repository.infer('chain', { in: Float32Array.of(1, -2, 3, round) });
    expect(out?.data).toEqual(Float32Array.of(3, -6, 9, 3 * round));
    expect(seen.splice(0)).toEqual(chained);
  }
  expect(read).not.toHaveBeenCalled();
  expect(tensors).not.toHaveLength(0);
  expect(tensors.every(({ closed }) => closed)).toBe(true);
});

test('many requests at the same time are batched through the host where they meet, each with its own numbers', async () => {
  const { repository, tensors } = await open('dynamic_batching { }');
  for (let round = 0; round < 5; round++) {
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const rows = 1 + (index % 3);
        const data = Float32Array.from({ length: rows * 4 }, (_one, at) => index * 100 + at);
        const { out } = await repository.infer('chain', { in: data });
        expect(out?.shape).toEqual([rows, 4]);
        expect(out?.data).toEqual(data.map((value) => value * 3));
      }),
    );
  }
  expect(tensors.every(({ closed }) => closed)).toBe(true);
  for (const name of ['double', 'triple', 'half']) {
    const { statistics, pending } = repository.model(name);
    expect(pending).toBe(0);
    expect(statistics.success.count).toBe(200);
    expect(statistics.executionCount).toBeLessThan(200);
  }
});

test('requests that are cancelled on their way leave nothing on the device', async () => {
  const { repository, tensors } = await open('dynamic_batching { }');
  const answers = await Promise.allSettled(
    Array.from({ length: 60 }, async (_, index) => {
      const controller = new AbortController();
      const data = Float32Array.of(index, 0, 0, 1);
      const { signal } = controller;
      const answer = repository.infer('chain', { in: data }, index % 2 === 0 ? { signal } : {});
      setTimeout(() => controller.abort(), index % 7);
      expect((await answer).out?.data).toEqual(data.map((value) => value * 3));
    }),
  );
  for (const [index, { status }] of answers.entries()) {
    if (index % 2 === 1) expect(status).toBe('fulfilled');
  }
  await repository.close();
  expect(tensors.every(({ closed }) => closed)).toBe(true);
});
