// Real pipelines in a repository: JavaScript before and after a plan, chained by an ensemble, and updated while requests run.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ModelRepository, type RepositoryOptions } from 'trt-node';
import { reference, referencePlan, referenceSession } from '../../helpers/reference.js';
import { tempFolder } from '../../helpers/temp.js';

const x = Float32Array.from({ length: 64 }, (_, index) => index / 64);

/** RAW (bytes) → scale (js) → mlp (plan) → Y. */
async function writePipeline(folder: string, factor: number): Promise<void> {
  for (const name of ['scale', 'mlp', 'pipeline'])
    mkdirSync(path.join(folder, name, '1'), { recursive: true });
  writeFileSync(path.join(folder, 'mlp', '1', 'model.plan'), await referencePlan('mlp'));
  writeFileSync(path.join(folder, 'mlp', 'config.pbtxt'), 'max_batch_size: 8 dynamic_batching { }');
  writeScale(folder, factor);
  writeFileSync(
    path.join(folder, 'scale', 'config.pbtxt'),
    `backend: "js" max_batch_size: 8
     input { name: "RAW" data_type: TYPE_UINT8 dims: [ 64 ] }
     output { name: "SCALED" data_type: TYPE_FP32 dims: [ 64 ] }`,
  );
  writeFileSync(
    path.join(folder, 'pipeline', 'config.pbtxt'),
    `platform: "ensemble" max_batch_size: 8
     input { name: "IMAGE" data_type: TYPE_UINT8 dims: [ 64 ] }
     output { name: "Y" data_type: TYPE_FP32 dims: [ 32 ] }
     ensemble_scheduling { step [
       { model_name: "scale" model_version: -1 input_map { key: "RAW" value: "IMAGE" } output_map { key: "SCALED" value: "s" } },
       { model_name: "mlp" model_version: -1 input_map { key: "x" value: "s" } output_map { key: "y" value: "Y" } } ] }`,
  );
}

function writeScale(folder: string, factor: number): void {
  writeFileSync(
    path.join(folder, 'scale', '1', 'model.js'),
    `module.exports.execute = (requests) => requests.map(({ inputs: { RAW } }) => ({
       outputs: { SCALED: Float32Array.from(RAW.data, (value) => value * ${factor}) },
     }));`,
  );
}

async function open(folder: string, options: RepositoryOptions): Promise<ModelRepository> {
  const repository = await ModelRepository.open(folder, { ...reference, ...options });
  onTestFinished(() => repository.close());
  return repository;
}

test('raw bytes go in, the numbers of the plan come out; a new step takes over without a lost request', async () => {
  const folder = tempFolder();
  await writePipeline(folder, 1 / 64);
  const repository = await open(folder, { controlMode: 'explicit', loadModels: ['pipeline'] });
  expect(repository.index().map(({ name, state, reason }) => [name, state, reason])).toEqual([
    ['mlp', 'READY', ''],
    ['pipeline', 'READY', ''],
    ['scale', 'READY', ''],
  ]);
  const IMAGE = Uint8Array.from({ length: 64 }, (_, index) => index);
  const session = await referenceSession('mlp');
  const expected = (await session.run({ x })).y?.data as Float32Array;
  const { Y } = await repository.infer('pipeline', { IMAGE });
  expect(Y?.shape).toEqual([1, 32]);
  for (const [at, value] of expected.entries()) {
    expect(Math.abs(((Y?.data as Float32Array)[at] ?? NaN) - value)).toBeLessThan(1e-5);
  }
  let done = false;
  let answered = 0;
  const clients = Array.from({ length: 4 }, async () => {
    while (!done) {
      await repository.infer('pipeline', { IMAGE });
      answered++;
    }
  });
  for (let round = 1; round <= 5; round++) {
    writeScale(folder, round / 64);
    await repository.load('scale');
  }
  done = true;
  await Promise.all(clients);
  expect(answered).toBeGreaterThan(5);
  await repository.unload('pipeline', { dependents: true });
  expect(repository.index(true).map(({ name }) => name)).toEqual(['scale']); // the others came with the pipeline only
});
