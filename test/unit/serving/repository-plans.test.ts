// The repository with real plans of the reference runtime: served, reloaded under load, bytes instead of files, several files of one model, lost devices.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ModelRepository, type RepositoryOptions } from 'trt-node';
import {
  candidatesFor,
  chooseModelFile,
  configuredFile,
} from '../../../lib/serving/model/model-file.js';
import { emptyModelConfig } from '../../../lib/serving/config/defaults.js';
import { expectError } from '../../helpers/expect-error.js';
import {
  injectFaults,
  reference,
  referencePlan,
  referenceSession,
} from '../../helpers/reference.js';
import { tempFolder } from '../../helpers/temp.js';

async function open(folder: string, options: RepositoryOptions = {}): Promise<ModelRepository> {
  const repository = await ModelRepository.open(folder, { ...reference, ...options });
  onTestFinished(() => repository.close());
  return repository;
}

async function writePlan(
  folder: string,
  name: string,
  model: string,
  file = 'model.plan',
  version = '1',
): Promise<void> {
  mkdirSync(path.join(folder, name, version), { recursive: true });
  writeFileSync(path.join(folder, name, version, file), await referencePlan(model));
}

function writeConfig(folder: string, name: string, text: string): void {
  writeFileSync(path.join(folder, name, 'config.pbtxt'), text);
}

const x = Float32Array.from({ length: 64 }, (_, index) => index / 64);

async function expectedY(): Promise<Float32Array> {
  const { y } = await (await referenceSession('mlp')).run({ x });
  return y?.data as Float32Array;
}

test('a folder with a plan is all that is needed', async () => {
  const folder = tempFolder();
  await writePlan(folder, 'mlp', 'mlp');
  await writePlan(folder, 'lane', 'lane', 'model.plan', '3');
  const repository = await open(folder);
  expect(repository.index(true)).toHaveLength(2);
  expect(repository.runtimeText).toMatch(/^CPU reference runtime \(TensorRT 10\.6/);
  const { y } = await repository.infer('mlp', { x });
  expect(y?.shape).toEqual([1, 32]);
  expect(y?.data).toEqual(await expectedY());
  expect(repository.metadata('mlp')).toEqual({
    name: 'mlp',
    versions: ['1'],
    platform: 'tensorrt_plan',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 64] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 32] }],
  });
  const [lane, mlp] = repository.describe();
  expect([lane?.version, mlp?.platform, mlp?.instances]).toEqual(['3', 'tensorrt_plan', 1]);
  expect(mlp?.deviceBytes).toBeGreaterThan(0);
  expect(repository.memory().get('mlp')?.deviceBytes).toBe(mlp?.deviceBytes);
});

test('real models are updated under load without a lost request or a wrong number', async () => {
  const folder = tempFolder();
  await writePlan(folder, 'mlp', 'mlp');
  const batching = 'max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 200 }';
  writeConfig(folder, 'mlp', batching);
  const repository = await open(folder, { controlMode: 'explicit', loadModels: ['mlp'] });
  const expected = await expectedY();
  let done = false;
  let answered = 0;
  const clients = Array.from({ length: 8 }, async () => {
    while (!done) {
      const { y } = await repository.infer('mlp', { x });
      const got = y?.data as Float32Array;
      for (const [at, value] of expected.entries()) {
        expect(Math.abs((got[at] ?? NaN) - value)).toBeLessThan(1e-5);
      }
      answered++;
    }
  });
  for (let round = 1; round <= 12; round++) {
    writeConfig(folder, 'mlp', `${batching} instance_group { count: ${1 + (round % 3)} }`);
    await repository.load('mlp');
  }
  done = true;
  await Promise.all(clients);
  expect(answered).toBeGreaterThan(12);
  const { statistics } = repository.model('mlp');
  expect(statistics.success.count).toBe(answered);
  expect(statistics.fail.count).toBe(0);
});

test('a plan that comes with the load request is never written anywhere', async () => {
  const folder = tempFolder();
  const repository = await open(folder, { controlMode: 'explicit' });
  const files = new Map([['1/model.plan', await referencePlan('mlp')]]);
  await repository.load('sent', { config: '{"backend": "tensorrt", "max_batch_size": 4}', files });
  const { y } = await repository.infer('sent', { x });
  expect(y?.data).toEqual(await expectedY());
  const half = new Map([['1/model.plan', (await referencePlan('mlp')).subarray(0, 1000)]]);
  await expectError(
    () => repository.load('sent', { config: '{"backend": "tensorrt"}', files: half }),
    'ERR_TRT_MODEL_LOAD',
    "load failed for model 'sent': version 1",
  );
  expect((await repository.infer('sent', { x })).y?.shape).toEqual([1, 32]);
});

test('a config that contradicts the plan is refused, and the other models are served', async () => {
  const folder = tempFolder();
  await writePlan(folder, 'good', 'mlp');
  await writePlan(folder, 'bad', 'mlp');
  writeConfig(
    folder,
    'bad',
    'input [ { name: "x" data_type: TYPE_INT32 dims: [ 64 ] } ] max_batch_size: 4',
  );
  const repository = await open(folder);
  const [bad, good] = repository.index();
  expect(bad?.reason).toMatch(/TYPE_INT32|INT32/);
  expect(good?.state).toBe('READY');
});

test('a lost device turns readiness off', async () => {
  const folder = tempFolder();
  await writePlan(folder, 'mlp', 'mlp');
  const repository = await open(folder);
  expect(repository.ready().ready).toBe(true);
  injectFaults('lost');
  await expect(repository.infer('mlp', { x })).rejects.toThrow();
  const { ready, reasons } = repository.ready();
  expect(ready).toBe(false);
  expect(reasons[0]).toContain("model 'mlp' version 1");
  expect(repository.modelReady('mlp')).toBe(false);
});

test("a model that does not fit into the device's memory makes the idle one go", async () => {
  const folder = tempFolder();
  await writePlan(folder, 'a', 'lane');
  await writePlan(folder, 'b', 'lane');
  const probe = await open(folder, { controlMode: 'explicit', loadModels: ['a'] });
  const one = probe.memory().get('a')?.deviceBytes ?? 0;
  const repository = await open(folder, {
    memoryBudgetBytes: Math.floor(one * 1.5),
    unloadWhenFull: 'lru',
    loadOnDemand: true,
  });
  expect(repository.index(true)).toHaveLength(1);
  const image = new Float32Array(3 * 360 * 640);
  for (const name of ['a', 'b', 'a']) {
    await repository.infer(name, { input: image });
    expect(repository.index(true).map((row) => row.name)).toEqual([name]);
  }
});

test('the file by compute capability, as in Triton', () => {
  const config = { ...emptyModelConfig(), cc_model_filenames: { '9.0': 'hopper.plan' } };
  expect(configuredFile(config, 'model.plan', [9, 0])).toBe('hopper.plan');
  expect(configuredFile(config, 'model.plan', [8, 6])).toBe('model.plan');
  expect(
    configuredFile({ ...config, default_model_filename: 'any.plan' }, 'model.plan', [8, 6]),
  ).toBe('any.plan');
  expect(configuredFile(undefined, 'model.plan', undefined)).toBe('model.plan');
});

test('files by the version of TensorRT in their names: the most exact one first', () => {
  const version = { major: 10, minor: 6, patch: 0, build: 26 };
  const files = [
    'model.plan',
    'model.trt10.plan',
    'model.trt10.6.plan',
    'model.trt10.6.0.26.plan',
    'model.trt10.60.plan',
    'model.trt8.6.plan',
    'model.trt.plan',
    'model.trt10.6.plan.bak',
    'other.trt10.6.plan',
  ];
  expect(candidatesFor('model.plan', files, version)).toEqual([
    'model.trt10.6.0.26.plan',
    'model.trt10.6.plan',
    'model.trt10.plan',
    'model.plan',
  ]);
  expect(candidatesFor('model.plan', files, { ...version, major: 8 })).toEqual([
    'model.trt8.6.plan',
    'model.plan',
  ]);
  expect(candidatesFor('model.plan', files, undefined)).toEqual(['model.plan']);
  expect(candidatesFor('hopper.plan', files, version)).toEqual(['hopper.plan']);
});

test('of several files the one is loaded that runs here', async () => {
  const folder = tempFolder();
  await writePlan(folder, 'mlp', 'mlp', 'model.trt10.plan');
  writeFileSync(path.join(folder, 'mlp', '1', 'model.trt10.6.plan'), 'no plan at all');
  writeFileSync(path.join(folder, 'mlp', '1', 'model.trt8.plan'), 'for another TensorRT');
  writeFileSync(path.join(folder, 'mlp', '1', 'model.plan'), 'for another TensorRT');
  writeConfig(folder, 'mlp', 'backend: "tensorrt"');
  const repository = await open(folder);
  expect(repository.index()[0]?.reason).toBe('');
  expect((await repository.infer('mlp', { x })).y?.data).toEqual(await expectedY());
});

test('where no file runs, the most exact name is loaded and says why', async () => {
  const folder = tempFolder();
  const source = { name: 'm', version: '1', folder: path.join(folder, 'm'), files: undefined };
  mkdirSync(path.join(source.folder, '1'), { recursive: true });
  for (const file of ['model.plan', 'model.trt10.6.plan']) {
    writeFileSync(path.join(source.folder, '1', file), 'no plan');
  }
  const machine = {
    platform: {
      kind: 'tensorrt',
      version: { major: 10, minor: 6, patch: 0, build: 0 },
      flavor: 'full',
    },
    device: undefined,
    memory: undefined,
    engineHostCodeAllowed: false,
    missing: '',
  } as const;
  expect(await chooseModelFile(source, undefined, 'model.plan', machine)).toBe(
    'model.trt10.6.plan',
  );
});
