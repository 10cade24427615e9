// What goes wrong while models are loaded, unloaded, used and lost: nobody is left waiting, nothing stays open, and errors say what to do.

import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ModelRepository, type RepositoryOptions, ServingError } from 'trt-node';
import { loadAddon } from '../../../lib/load.js';
import { expectError } from '../../helpers/expect-error.js';
import { ask, fakeLog, openFakes, rows, turns, writeModel } from '../../helpers/fake-models.js';
import { collectUntil } from '../../helpers/gc.js';
import { injectFaults, reference } from '../../helpers/reference.js';
import { repositoryFolder } from '../../helpers/serving-repository.js';
import { tempFolder } from '../../helpers/temp.js';

const explicit = { controlMode: 'explicit' } as const;
const plan = 'platform: "tensorrt_plan" max_batch_size: 8';

async function open(folder: string, options: RepositoryOptions = {}): Promise<ModelRepository> {
  const repository = await ModelRepository.open(folder, { ...reference, ...options });
  onTestFinished(() => repository.close());
  return repository;
}

function liveHandles(): number {
  return Object.values(loadAddon().addon.liveHandles()).reduce((sum, count) => sum + count, 0);
}

const x = Float32Array.from({ length: 64 }, (_, index) => index / 64);

test('after a device loss a load request tries again and says why it cannot; once it can, the model serves', async () => {
  const folder = await repositoryFolder({ mlp: { fixture: 'mlp', config: plan } });
  const repository = await open(folder, { ...explicit, loadModels: ['mlp'] });
  const { y: before } = await repository.infer('mlp', { x });
  injectFaults('lost');
  await expect(repository.infer('mlp', { x })).rejects.toThrow(ServingError);
  expect(repository.ready()).toMatchObject({ ready: false, deviceLost: true });
  await expectError(
    () => repository.load('mlp'),
    'ERR_TRT_MODEL_LOAD',
    "load failed for model 'mlp': version 1 is at UNAVAILABLE state",
  );
  expect(repository.modelReady('mlp')).toBe(false);
  await expect(repository.infer('mlp', { x })).rejects.toThrow(ServingError);
  injectFaults('');
  await repository.load('mlp');
  expect(repository.ready()).toEqual({ ready: true, reasons: [] });
  expect((await repository.infer('mlp', { x })).y?.data).toEqual(before?.data);
});

test('a warm-up, a config or a version that fails leaves nothing open', async () => {
  const warm = (inputs: string) =>
    `${plan} model_warmup [ { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 64 ] ${inputs} } } } ]`;
  const folder = await repositoryFolder({
    warm: { fixture: 'mlp', config: warm('input_data_file: "nothing"') },
    shape: { fixture: 'mlp', config: warm('zero_data: true').replace('[ 64 ]', '[ 63 ]') },
    sequence: { fixture: 'mlp', config: `${plan} sequence_batching { iterative_sequence: true }` },
    two: { fixture: 'mlp', config: `${plan} version_policy { all { } }`, versions: ['1', '2'] },
  });
  writeFileSync(path.join(folder, 'two', '2', 'model.plan'), 'no plan');
  const repository = await open(folder, explicit);
  await collectUntil(() => liveHandles() === 0, 10);
  const before = liveHandles();
  for (const name of ['warm', 'shape', 'sequence', 'two']) {
    await expect(repository.load(name)).rejects.toThrow(ServingError);
  }
  expect(repository.index(true)).toEqual([]);
  expect(repository.index().find(({ name }) => name === 'warm')?.reason).toContain(
    "failed to run warmup sample 'w'",
  );
  await collectUntil(() => liveHandles() <= before);
  expect(liveHandles()).toBe(before);
  // One good version, then two of which one is bad: the good one goes on.
  rmSync(path.join(folder, 'two', '2'), { recursive: true });
  await repository.load('two');
  writeModel(folder, 'two', { 2: 'no plan' }, '');
  await expectError(() => repository.load('two'), 'ERR_TRT_MODEL_LOAD', 'version 2');
  expect((await repository.infer('two', { x })).y?.shape).toEqual([1, 32]);
});

test('requests of a repository that is closed are answered, or told', async () => {
  const folder = await repositoryFolder({
    mlp: { fixture: 'mlp', config: `${plan} dynamic_batching { }` },
  });
  const repository = await open(folder);
  injectFaults('delay=30');
  const accepted = Array.from({ length: 40 }, () => repository.infer('mlp', { x }));
  const closing = repository.close();
  const late = Array.from({ length: 3 }, () =>
    repository.infer('mlp', { x }).catch((error: unknown) => error),
  );
  for (const { y } of await Promise.all(accepted)) expect(y?.shape).toEqual([1, 32]);
  await closing;
  await Promise.all(late);
  await expectError(
    () => repository.infer('mlp', { x }),
    'ERR_TRT_MODEL_UNAVAILABLE',
    'the model repository is closed',
  );
});

test('requests, cancellations, failing launches and reloads at once: each request settles, with its own numbers', async () => {
  const folder = await repositoryFolder({
    mlp: {
      fixture: 'mlp',
      config: `${plan} instance_group [ { count: 2 } ]
        dynamic_batching { preserve_ordering: true max_queue_delay_microseconds: 200 }`,
    },
  });
  const repository = await open(folder, { ...explicit, loadModels: ['mlp'] });
  const inputs = Array.from({ length: 6 }, (_, index) =>
    new Float32Array(64 * (1 + (index % 3))).fill(index / 6),
  );
  const right: Float32Array[] = [];
  for (const data of inputs) {
    right.push((await repository.infer('mlp', { x: data })).y?.data as Float32Array);
  }
  const counts = { right: 0, wrong: 0, cancelled: 0, failed: 0 };
  let stop = false;
  const caller = async (seed: number): Promise<void> => {
    for (let round = seed; !stop; round++) {
      const index = round % inputs.length;
      const controller = new AbortController();
      if (round % 9 === 0) setTimeout(() => controller.abort(), round % 3);
      try {
        const { signal } = controller;
        const data = inputs[index] as Float32Array;
        const { y } = await repository.infer('mlp', { x: data }, { signal });
        const expected = right[index] as Float32Array;
        const got = y?.data as Float32Array;
        const same =
          got.length === expected.length &&
          got.every((value, at) => Math.abs(value - (expected[at] ?? NaN)) < 1e-5);
        counts[same ? 'right' : 'wrong']++;
      } catch (error) {
        const { code } = error as ServingError;
        expect(['ERR_TRT_REQUEST_CANCELLED', 'ERR_TRT_MODEL_BACKEND']).toContain(code);
        counts[code === 'ERR_TRT_REQUEST_CANCELLED' ? 'cancelled' : 'failed']++;
      }
    }
  };
  const callers = Array.from({ length: 12 }, (_, seed) => caller(seed));
  for (let reload = 0; reload < 8; reload++) {
    const later = new Date(Date.now() + reload * 2000);
    utimesSync(path.join(folder, 'mlp', '1', 'model.plan'), later, later);
    await repository.load('mlp');
    injectFaults('enqueue@3');
    await sleep(10);
    injectFaults('');
  }
  stop = true;
  await Promise.all(callers);
  expect(counts.wrong).toBe(0);
  expect(counts.right).toBeGreaterThan(50);
  const { statistics, pending } = repository.model('mlp');
  expect(pending).toBe(0);
  expect(statistics.success.count).toBe(counts.right + inputs.length);
  expect(statistics.failures).toMatchObject({ CANCELED: counts.cancelled, BACKEND: counts.failed });
});

test('on demand: two models for which there is no room are both refused, instead of waiting for each other', async () => {
  const folder = tempFolder();
  for (const name of ['a', 'b', 'c']) writeModel(folder, name, { 1: `${name} bytes=400` });
  const log = fakeLog();
  const repository = await openFakes(
    folder,
    { ...explicit, loadOnDemand: true, memoryBudgetBytes: 500, unloadWhenFull: 'lru' },
    log,
  );
  await ask(repository, 'c');
  let finish = (): void => undefined;
  log.requestGate = new Promise((resolve) => (finish = resolve));
  const busy = ask(repository, 'c');
  await turns();
  const refused = [ask(repository, 'a'), ask(repository, 'b'), ask(repository, 'a')];
  await Promise.all(
    refused.map((one) => expectError(() => one, 'ERR_TRT_MODEL_LOAD', 'needs 400 bytes')),
  );
  finish();
  log.requestGate = undefined;
  expect(await busy).toContain('c');
  expect(await ask(repository, 'a', { timeoutMs: 2 ** 40 })).toContain('a');
});

test('unloading while it is loaded, and closing while requests wait for a load: nothing stays', async () => {
  const folder = tempFolder();
  for (const name of ['a', 'b']) writeModel(folder, name, { 1: name });
  const log = fakeLog();
  const repository = await openFakes(folder, { ...explicit, loadOnDemand: true }, log);
  let release = (): void => undefined;
  log.gate = new Promise((resolve) => (release = resolve));
  const loading = repository.load('a');
  await vi.waitFor(() => expect(log.loading).toBe(1));
  const unloading = repository.unload('a');
  const waiting = [ask(repository, 'b'), ask(repository, 'b')];
  await vi.waitFor(() => expect(log.loading).toBe(2));
  release();
  await Promise.all([loading, unloading]);
  expect(rows(repository)).toContain('a:1 UNAVAILABLE unloaded');
  expect(await Promise.all(waiting)).toEqual(['b', 'b']);
  await repository.unload('b');
  expect(log.open.size).toBe(0);
  await repository.load('b');
  writeModel(folder, 'c', { 1: 'c' });
  log.gate = new Promise((resolve) => (release = resolve));
  const late = ask(repository, 'c');
  await vi.waitFor(() => expect(log.loading).toBe(1));
  const closing = repository.close();
  await turns();
  release();
  await expectError(() => late, 'ERR_TRT_MODEL_LOAD', 'the model repository is closed');
  await closing;
  expect(log.open.size).toBe(0);
});

test('poll: a file that is replaced while it is loaded is loaded again', async () => {
  const folder = tempFolder();
  writeModel(folder, 'a', { 1: 'one' });
  const log = fakeLog();
  const repository = await openFakes(
    folder,
    { controlMode: 'poll', pollSeconds: 3600, debounceMs: 0 },
    log,
  );
  expect(await ask(repository, 'a')).toBe('one');
  let release = (): void => undefined;
  log.gate = new Promise((resolve) => (release = resolve));
  writeModel(folder, 'a', { 1: 'two.' });
  await repository.poll();
  const polling = repository.poll();
  await vi.waitFor(() => expect(log.loading).toBe(1));
  writeModel(folder, 'a', { 1: 'three' });
  release();
  await polling;
  await repository.poll();
  await repository.poll();
  expect(await ask(repository, 'a')).toBe('three');
  expect(log.open.size).toBe(1);
});

test('requests that cannot be sent to their worker fail, and those behind them do not wait forever', async () => {
  const folder = await repositoryFolder({
    js: {
      config: `backend: "js" max_batch_size: 1 dynamic_batching { }
        input [ { name: "x" data_type: TYPE_INT32 dims: [ 1 ] } ]
        output [ { name: "y" data_type: TYPE_INT32 dims: [ 1 ] } ]`,
      files: {
        '1/model.cjs':
          'exports.execute = (requests) => requests.map(({ inputs }) => ({ outputs: { y: inputs.x } }));',
      },
    },
  });
  const repository = await open(folder);
  const parameters = { odd: (() => 0) as unknown as string };
  const answers = Array.from({ length: 9 }, (_, index) =>
    repository.infer('js', { x: Int32Array.of(index) }, index % 3 === 0 ? { parameters } : {}),
  );
  for (const [index, result] of (await Promise.allSettled(answers)).entries()) {
    if (index % 3 === 0) expect(result.status).toBe('rejected');
    else expect(result).toMatchObject({ value: { y: { data: Int32Array.of(index) } } });
  }
  const { statistics, pending } = repository.model('js');
  expect([pending, statistics.success.count, statistics.failures.BACKEND]).toEqual([0, 6, 3]);
});
