// Loading, unloading and updating models while requests run (Triton's L0_lifecycle and L0_model_update).

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { ModelIndexEntry } from 'trt-node';
import { modelConfigToJson } from '../../../lib/serving/config/json.js';
import { parseModelConfig } from '../../../lib/serving/config/text-format.js';
import { expectError } from '../../helpers/expect-error.js';
import { ask, fakeLog, openFakes, rows, turns, writeModel } from '../../helpers/fake-models.js';
import { tempFolder } from '../../helpers/temp.js';

const all = 'platform: "tensorrt_plan" version_policy: { all {} }';

function json(text: string): string {
  return JSON.stringify(modelConfigToJson(parseModelConfig(text, 'test')));
}

function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

describe('control modes', () => {
  test.each(['none', 'poll'] as const)(
    'load and unload are refused in mode %s',
    async (controlMode) => {
      const folder = tempFolder();
      writeModel(folder, 'a', { 1: 'one' });
      const repository = await openFakes(folder, { controlMode, debounceMs: 0 });
      const words = 'explicit model load / unload is not allowed if polling is enabled';
      await expectError(() => repository.load('a'), 'ERR_TRT_MODEL_UNAVAILABLE', words);
      await expectError(() => repository.unload('a'), 'ERR_TRT_MODEL_UNAVAILABLE', words);
      expect(await ask(repository, 'a')).toBe('one');
    },
  );

  test('explicit: nothing is loaded until it is asked for', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' });
    writeModel(folder, 'b', { 1: 'one' });
    const repository = await openFakes(folder, { controlMode: 'explicit' });
    expect(rows(repository)).toEqual(['a:', 'b:']);
    expect(repository.ready().ready).toBe(true);
    await repository.load('b');
    expect(rows(repository)).toEqual(['a:', 'b:1 READY']);
    await repository.unload('b');
    expect(rows(repository)).toEqual(['a:', 'b:1 UNAVAILABLE unloaded']);
    expect(repository.ready().ready).toBe(true);
    await expectError(
      () => ask(repository, 'b'),
      'ERR_TRT_MODEL_NOT_FOUND',
      "'b' has no available versions",
    );
    await repository.unload('b');
    await repository.unload('nobody');
    await repository.load('b');
    expect(await ask(repository, 'b')).toBe('one');
  });

  test("explicit: '*' loads all at the start, and stands alone", async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' });
    writeModel(folder, 'b', { 1: 'one' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['*'] });
    expect(rows(repository)).toEqual(['a:1 READY', 'b:1 READY']);
    await expectError(
      () => openFakes(folder, { controlMode: 'explicit', loadModels: ['*', 'a'] }),
      'ERR_TRT_INVALID_ARGUMENT',
      "Wildcard model name '*' must be the ONLY startup model if specified at all.",
    );
  });

  test('a start-up model that is not there makes the repository not ready, and names made up later do not', async () => {
    const folder = tempFolder();
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['gone'] });
    expect(repository.ready().reasons.join()).toContain(
      "failed to load 'gone', failed to poll from model repository",
    );
    for (let index = 0; index < 20; index++) {
      await expectError(
        () => repository.load(`made-up-${index}`),
        'ERR_TRT_MODEL_LOAD',
        'failed to poll from model repository',
      );
    }
    expect(repository.index()).toHaveLength(1);
  });

  test.each(['', '  ', '../a', 'a/b', '..', 'a\0b', '/etc'])(
    'the name %j is refused',
    async (name) => {
      const repository = await openFakes(tempFolder(), { controlMode: 'explicit' });
      await expectError(() => repository.load(name), 'ERR_TRT_REQUEST', 'model name');
    },
  );

  test('unknown options are refused, naming the nearest', async () => {
    await expectError(
      () => openFakes(tempFolder(), { controlmode: 'explicit' } as object),
      'ERR_TRT_INVALID_ARGUMENT',
      'controlMode',
    );
  });
});

describe('updates', () => {
  test('only what changed is loaded anew', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    writeModel(folder, 'a', { 1: 'one', 2: 'two' }, all);
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] }, log);
    log.loaded.length = 0;
    await repository.load('a');
    expect(log.loaded).toEqual([]);
    writeModel(folder, 'a', { 2: 'two again' }, all);
    await repository.load('a');
    expect(log.loaded).toEqual(['a:2=two again']);
    writeModel(folder, 'a', { 3: 'three' }, all);
    await repository.load('a');
    expect(log.loaded).toEqual(['a:2=two again', 'a:3=three']);
    log.loaded.length = 0;
    writeModel(
      folder,
      'a',
      {},
      'platform: "tensorrt_plan" version_policy: { specific { versions: [ 1 ] } }',
    );
    await repository.load('a');
    expect(log.loaded).toEqual([]); // only the policy changed
    await turns(6);
    expect(rows(repository)).toEqual([
      'a:1 READY',
      'a:2 UNAVAILABLE unloaded',
      'a:3 UNAVAILABLE unloaded',
    ]);
    writeModel(folder, 'a', {}, `${all} max_batch_size: 4`);
    await repository.load('a');
    expect(log.loaded.sort()).toEqual(['a:1=one', 'a:2=two again', 'a:3=three']);
  });

  test('a failed load leaves the old version serving, and the next good one replaces it', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    writeModel(folder, 'a', { 1: 'old' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] }, log);
    writeModel(folder, 'a', { 1: 'fail', 2: 'good' }, all);
    await expectError(
      () => repository.load('a'),
      'ERR_TRT_MODEL_LOAD',
      "load failed for model 'a': version 1 is at UNAVAILABLE state: the plan says fail",
    );
    expect(await ask(repository, 'a')).toBe('old');
    expect(rows(repository)).toEqual(['a:1 READY', 'a:2 UNAVAILABLE unloaded']);
    expect(repository.ready().ready).toBe(true);
    writeModel(folder, 'a', {}, 'platform: "tensorrt_plan" wrong');
    await expectError(() => repository.load('a'), 'ERR_TRT_MODEL_CONFIG', 'config.pbtxt:1:');
    expect(await ask(repository, 'a')).toBe('old');
    writeModel(folder, 'a', { 1: 'new' }, all);
    await repository.load('a');
    expect(await ask(repository, 'a', { version: 1 })).toBe('new');
    await turns(6);
    expect(log.open.size).toBe(2);
  });

  test('requests flow during fifty reloads, and none is lost', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    writeModel(folder, 'a', { 1: 'text 0' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] }, log);
    let done = false;
    const seen = new Set<string>();
    let answered = 0;
    const client = async (): Promise<void> => {
      while (!done) {
        seen.add(await ask(repository, 'a'));
        answered++;
      }
    };
    const clients = Array.from({ length: 8 }, client);
    for (let round = 1; round <= 50; round++) {
      writeModel(folder, 'a', { 1: `text ${round}` });
      await repository.load('a');
      expect(await ask(repository, 'a')).toBe(`text ${round}`);
    }
    done = true;
    await Promise.all(clients); // a lost or failed request rejects here
    expect(answered).toBeGreaterThan(50);
    expect(seen.size).toBeGreaterThan(25);
    await turns(10);
    expect(log.open.size).toBe(1);
    expect(log.closed).toHaveLength(50);
  });

  test('requests that the old version has are answered by it, and it is closed after them', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    writeModel(folder, 'a', { 1: 'old' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] }, log);
    const hold = gate();
    log.requestGate = hold.promise;
    const slow = ask(repository, 'a');
    log.requestGate = undefined;
    writeModel(folder, 'a', { 1: 'new' });
    await repository.load('a');
    expect(await ask(repository, 'a')).toBe('new');
    expect(log.closed).toEqual([]);
    expect(repository.memory().get('a')?.hostBytes).toBe(2); // both are still there
    hold.open();
    expect(await slow).toBe('old');
    await turns(6);
    expect(log.closed).toEqual(['a:1=old']);
  });

  test('unload waits for requests, and meanwhile says UNLOADING', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    const states: ModelIndexEntry[] = [];
    writeModel(folder, 'a', { 1: 'one' });
    const repository = await openFakes(
      folder,
      { controlMode: 'explicit', loadModels: ['a'], onChange: (row) => states.push(row) },
      log,
    );
    const hold = gate();
    log.requestGate = hold.promise;
    const slow = ask(repository, 'a');
    const unloading = repository.unload('a');
    await turns();
    expect(rows(repository)).toEqual(['a:1 UNLOADING']);
    await expectError(
      () => ask(repository, 'a', { version: 1 }),
      'ERR_TRT_MODEL_UNAVAILABLE',
      'is not at ready state',
    );
    hold.open();
    expect(await slow).toBe('one');
    await unloading;
    expect(states.map(({ state }) => state)).toEqual([
      'LOADING',
      'READY',
      'UNLOADING',
      'UNAVAILABLE',
    ]);
  });

  test('loads of one model come one after the other, of several at the same time', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    for (const name of ['a', 'b', 'c']) writeModel(folder, name, { 1: name });
    const repository = await openFakes(folder, { controlMode: 'explicit' }, log);
    const hold = gate();
    log.gate = hold.promise;
    const three = ['a', 'b', 'c'].map((name) => repository.load(name));
    await vi.waitFor(() => expect(log.loading).toBe(3));
    hold.open();
    await Promise.all(three);
    log.gate = undefined;
    log.mostLoading = 0;
    log.loaded.length = 0;
    const again = Array.from({ length: 5 }, () =>
      repository.load('a', { config: json('platform: "tensorrt_plan"') }),
    );
    await Promise.all([...again, repository.unload('a'), repository.load('a')]);
    expect(log.mostLoading).toBe(1);
    expect(log.loaded).toHaveLength(6);
    expect(rows(repository)[0]).toBe('a:1 READY');
    await turns(6);
    expect(log.open.size).toBe(3);
  });

  test('loadThreads bounds how many are loaded at the same time', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    for (const name of ['a', 'b', 'c', 'd', 'e']) writeModel(folder, name, { 1: name });
    await openFakes(folder, { loadThreads: 2 }, log);
    expect(log.mostLoading).toBe(2);
    expect(log.loaded).toHaveLength(5);
    const refused = () => openFakes(folder, { loadThreads: 0 });
    await expectError(refused, 'ERR_TRT_INVALID_ARGUMENT', 'loadThreads');
  });

  test('statistics go on when a version is loaded anew, and are kept when it is unloaded', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] });
    const { statistics } = repository.model('a');
    statistics.succeeded(1, 0);
    writeModel(folder, 'a', { 1: 'two' });
    await repository.load('a');
    expect(repository.model('a').statistics).toBe(statistics);
    await repository.unload('a');
    const [left] = repository.served('a');
    expect(left?.statistics.success.count).toBe(1);
    expect(left?.memory().deviceBytes).toBe(0);
  });
});

describe('overrides of the load request', () => {
  const config = json('platform: "tensorrt_plan" max_batch_size: 3');
  const files = new Map([['1/model.plan', new TextEncoder().encode('from memory')]]);

  test('a config instead of the file, until the model is loaded without it', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] });
    await repository.load('a', { config });
    expect(repository.model('a').config.max_batch_size).toBe(3);
    await repository.load('a');
    expect(repository.model('a').config.max_batch_size).toBe(0);
    await expectError(
      () => repository.load('a', { config: '{"nonsense": 1}' }),
      'ERR_TRT_MODEL_CONFIG',
      'Invalid config override',
      'nonsense',
    );
    await expectError(
      () => repository.load('a', { config: '{' }),
      'ERR_TRT_MODEL_CONFIG',
      'Invalid config override',
    );
    expect(await ask(repository, 'a')).toBe('one');
  });

  test('files stay in memory: a model that no folder has', async () => {
    const folder = tempFolder();
    const repository = await openFakes(folder, { controlMode: 'explicit' });
    await repository.load('new', { config, files });
    expect(await ask(repository, 'new')).toBe('from memory');
    expect(readdirSync(folder)).toEqual([]);
    await repository.unload('new');
    await expectError(
      () => repository.load('new'),
      'ERR_TRT_MODEL_LOAD',
      'failed to poll from model repository',
    );
  });

  test('files replace the whole folder, and a load without them brings it back', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one', 2: 'two' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] });
    await repository.load('a', { config, files });
    expect(await ask(repository, 'a')).toBe('from memory');
    await expectError(() => ask(repository, 'a', { version: 2 }), 'ERR_TRT_MODEL_UNAVAILABLE');
    await repository.load('a');
    expect(await ask(repository, 'a')).toBe('two');
  });

  test.each([
    '../escape',
    '1/../../escape',
    '/etc/cron.d/x',
    '..',
    '1/..',
    '.',
    '',
    'a\0b',
    '..\\x',
  ])('the path file:%s is refused, and nothing is written', async (file) => {
    const folder = tempFolder();
    mkdirSync(path.join(folder, 'a'));
    const repository = await openFakes(folder, { controlMode: 'explicit' });
    const bad = new Map([...files, [file, new Uint8Array(1)]]);
    await expectError(
      () => repository.load('a', { config, files: bad }),
      'ERR_TRT_REQUEST',
      `Invalid file parameter 'file:${file}'`,
      'must stay within model directory',
    );
    expect(readdirSync(folder)).toEqual(['a']);
    expect(readdirSync(path.join(folder, 'a'))).toEqual([]);
  });

  test('files need a config, and a version', async () => {
    const repository = await openFakes(tempFolder(), { controlMode: 'explicit' });
    await expectError(
      () => repository.load('a', { files }),
      'ERR_TRT_REQUEST',
      "Load parameter 'config' must be specified for model file override",
    );
    const flat = new Map([['model.plan', new Uint8Array(1)]]);
    await expectError(
      () => repository.load('a', { config, files: flat }),
      'ERR_TRT_MODEL_LOAD',
      'at least one version must be available',
    );
    expect(repository.index()).toEqual([]);
  });

  test('failed overrides are not kept', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] });
    const bad = new Map([['1/model.plan', new TextEncoder().encode('fail')]]);
    for (const name of ['a', 'x', 'y']) {
      await expectError(
        () => repository.load(name, { config, files: bad }),
        'ERR_TRT_MODEL_LOAD',
        'the plan says fail',
      );
    }
    expect(rows(repository)).toEqual(['a:1 READY']);
    expect(await ask(repository, 'a')).toBe('one');
  });
});

describe('the end', () => {
  test('close() answers what was accepted, ends loads, and refuses the rest', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    writeModel(folder, 'a', { 1: 'one' });
    writeModel(folder, 'b', { 1: 'one' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] }, log);
    const accepted = Promise.all(Array.from({ length: 5 }, () => ask(repository, 'a')));
    const hold = gate();
    log.gate = hold.promise;
    const loading = repository.load('b');
    loading.catch(() => undefined);
    await turns();
    const closing = repository.close();
    await expectError(() => repository.load('a'), 'ERR_TRT_MODEL_UNAVAILABLE', 'closed');
    hold.open();
    await closing;
    expect(await accepted).toEqual(['one', 'one', 'one', 'one', 'one']);
    await expectError(() => loading, 'ERR_TRT_MODEL_LOAD', 'the model repository is closed');
    await expectError(() => ask(repository, 'a'), 'ERR_TRT_MODEL_UNAVAILABLE', 'closed');
    expect(repository.ready().ready).toBe(false);
    expect(log.open.size).toBe(0);
    await repository.close();
  });

  test('a lost device makes the model and the repository not ready, and says why', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    writeModel(folder, 'a', { 1: 'one' });
    const repository = await openFakes(folder, { strictReadiness: false }, log);
    for (const version of log.open) version.broken = new Error('CUDA_ERROR_ILLEGAL_ADDRESS');
    expect(repository.ready()).toEqual({
      ready: false,
      reasons: ["model 'a' version 1: CUDA_ERROR_ILLEGAL_ADDRESS"],
    });
    expect(repository.modelReady('a')).toBe(false);
  });

  test('files that vanish while they are read do no harm', async () => {
    const folder = tempFolder();
    const repository = await openFakes(folder, { controlMode: 'explicit' });
    for (let round = 0; round < 20; round++) {
      writeModel(folder, 'a', { 1: 'one', 2: 'two' }, all);
      const loading = repository.load('a').catch((error: unknown) => error);
      if (round % 2 === 0) await turns(round % 5);
      rmSync(path.join(folder, 'a'), { recursive: true });
      await loading;
    }
    writeModel(folder, 'a', { 1: 'last' });
    writeFileSync(path.join(folder, 'a', 'note.txt'), '');
    await repository.load('a');
    expect(await ask(repository, 'a')).toBe('last');
  });
});
