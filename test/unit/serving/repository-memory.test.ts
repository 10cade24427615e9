// The memory budget, unloading what is not used, and loading on demand.

import { describe, expect, test, vi } from 'vitest';
import { expectError } from '../../helpers/expect-error.js';
import {
  ask,
  fakeLog,
  openFakes,
  rows,
  turns,
  writeEnsemble,
  writeModel,
} from '../../helpers/fake-models.js';
import { tempFolder } from '../../helpers/temp.js';

function threeModels(): string {
  const folder = tempFolder();
  for (const name of ['a', 'b', 'c']) writeModel(folder, name, { 1: `${name} bytes=400` });
  return folder;
}

const explicit = { controlMode: 'explicit' } as const;

describe('budget', () => {
  test('a model that does not fit is refused, and what is loaded goes on', async () => {
    const repository = await openFakes(threeModels(), { ...explicit, memoryBudgetBytes: 1000 });
    await repository.load('a');
    await repository.load('b');
    await expectError(
      () => repository.load('c'),
      'ERR_TRT_MODEL_LOAD',
      "model 'c' needs 400 bytes of device memory, and 800 bytes of the budget of 1000 bytes are in use",
    );
    expect(rows(repository).slice(0, 2)).toEqual(['a:1 READY', 'b:1 READY']);
    expect([...repository.memory()].map(([name, { deviceBytes }]) => [name, deviceBytes])).toEqual([
      ['a', 400],
      ['b', 400],
    ]);
    await repository.unload('a');
    await repository.load('c');
    expect(await ask(repository, 'c')).toContain('c');
  });

  test('a model that is larger than the budget makes nobody else go', async () => {
    const folder = threeModels();
    writeModel(folder, 'big', { 1: 'bytes=5000' });
    const repository = await openFakes(folder, {
      ...explicit,
      loadModels: ['a'],
      memoryBudgetBytes: 1000,
      unloadWhenFull: 'lru',
    });
    await expectError(
      () => repository.load('big'),
      'ERR_TRT_MODEL_LOAD',
      "model 'big' needs 5000 bytes",
    );
    expect(repository.modelReady('a')).toBe(true);
  });

  test('lru: the model that was not used for longest goes', async () => {
    const log = fakeLog();
    const repository = await openFakes(
      threeModels(),
      { ...explicit, memoryBudgetBytes: 1000, unloadWhenFull: 'lru' },
      log,
    );
    await repository.load('a');
    await repository.load('b');
    await ask(repository, 'b');
    await turns(20);
    await ask(repository, 'a');
    await repository.load('c');
    expect(rows(repository)).toEqual([
      'a:1 READY',
      'b:1 UNAVAILABLE unloaded to make room for other models',
      'c:1 READY',
    ]);
    expect(repository.ready()).toEqual({ ready: true, reasons: [] });
    expect(log.open.size).toBe(2);
  });

  test('lru: pinned models and those with requests stay', async () => {
    const log = fakeLog();
    const repository = await openFakes(
      threeModels(),
      { ...explicit, memoryBudgetBytes: 1000, unloadWhenFull: 'lru', pinnedModels: ['a'] },
      log,
    );
    await repository.load('a');
    await repository.load('b');
    let open = (): void => undefined;
    log.requestGate = new Promise((resolve) => (open = resolve));
    const busy = ask(repository, 'b');
    await expectError(
      () => repository.load('c'),
      'ERR_TRT_MODEL_LOAD',
      "model 'c' needs 400 bytes",
    );
    open();
    log.requestGate = undefined;
    expect(await busy).toContain('b');
    await repository.load('c');
    expect(repository.modelReady('a')).toBe(true);
    expect(repository.modelReady('b')).toBe(false);
  });

  test('lru: with a model go the ensembles that call it', async () => {
    const folder = threeModels();
    writeEnsemble(folder, 'e', ['a']);
    const repository = await openFakes(folder, {
      ...explicit,
      memoryBudgetBytes: 800,
      unloadWhenFull: 'lru',
      loadOnDemand: true,
      loadModels: ['e'],
    });
    await turns(20);
    await repository.load('b');
    await repository.load('c');
    expect(repository.modelReady('e')).toBe(false);
    expect(repository.modelReady('a')).toBe(false);
    expect(await ask(repository, 'e')).toBe('ensemble');
    expect(repository.modelReady('a')).toBe(true);
  });

  test('lru: at the start as much is loaded as fits', async () => {
    const repository = await openFakes(threeModels(), {
      memoryBudgetBytes: 900,
      unloadWhenFull: 'lru',
      loadOnDemand: true,
    });
    const ready = repository.index(true).map(({ name }) => name);
    expect(ready).toHaveLength(2);
    for (const name of ['a', 'b', 'c', 'a', 'b', 'c'])
      expect(await ask(repository, name)).toContain(name);
    expect(repository.index(true)).toHaveLength(2);
  });

  test('a reload needs room for both', async () => {
    const folder = threeModels();
    const log = fakeLog();
    const repository = await openFakes(
      folder,
      { ...explicit, loadModels: ['a'], memoryBudgetBytes: 700 },
      log,
    );
    writeModel(folder, 'a', { 1: 'new bytes=400' });
    await expectError(
      () => repository.load('a'),
      'ERR_TRT_MODEL_LOAD',
      '400 bytes of the budget of 700 bytes are in use',
    );
    expect(await ask(repository, 'a')).toBe('a bytes=400');
    expect(log.open.size).toBe(1);
    for (let round = 0; round < 10; round++) {
      writeModel(folder, 'a', { 1: `new ${round} bytes=300` });
      await repository.load('a'); // the one before may still be going: it is waited for
      expect(await ask(repository, 'a')).toBe(`new ${round} bytes=300`);
    }
  });
});

describe('on demand', () => {
  const onDemand = { ...explicit, loadOnDemand: true } as const;

  test('the first request loads the model, and all that come meanwhile wait for the one load', async () => {
    const log = fakeLog();
    const repository = await openFakes(threeModels(), onDemand, log);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(repository, 'a')));
    expect(new Set(answers)).toEqual(new Set(['a bytes=400']));
    expect(log.loaded).toEqual(['a:1=a bytes=400']);
  });

  test('a waiting request can be cancelled and times out, and the load goes on', async () => {
    const log = fakeLog();
    const repository = await openFakes(threeModels(), onDemand, log);
    let open = (): void => undefined;
    log.gate = new Promise((resolve) => (open = resolve));
    const controller = new AbortController();
    const cancelled = ask(repository, 'a', { signal: controller.signal });
    const late = ask(repository, 'a', { timeoutMs: 5 });
    const patient = ask(repository, 'a', { timeoutMs: 60_000 });
    const expectations = [
      expectError(() => cancelled, 'ERR_TRT_REQUEST_CANCELLED', 'cancelled'),
      expectError(() => late, 'ERR_TRT_REQUEST_TIMEOUT', 'Request timeout expired'),
    ];
    await vi.waitFor(() => {
      expect(log.loading).toBe(1);
    });
    controller.abort();
    await Promise.all(expectations);
    open();
    expect(await patient).toContain('a');
    await expectError(
      () => ask(repository, 'b', { signal: AbortSignal.abort() }),
      'ERR_TRT_REQUEST_CANCELLED',
    );
    expect(repository.modelReady('b')).toBe(false);
  });

  test('a model that cannot be loaded is not tried again by each request', async () => {
    const folder = threeModels();
    const log = fakeLog();
    let failures = 0;
    writeModel(folder, 'bad', { 1: 'fail' });
    const repository = await openFakes(
      folder,
      {
        ...onDemand,
        log: (level, message) => {
          if (level === 'info' && message === 'loading: bad:1') failures++;
        },
      },
      log,
    );
    for (let index = 0; index < 10; index++) {
      await expectError(() => ask(repository, 'bad'), 'ERR_TRT_MODEL_LOAD', 'the plan says fail');
    }
    expect(failures).toBe(1);
  });

  test('unknown names load nothing, and what was unloaded by request stays so', async () => {
    const repository = await openFakes(threeModels(), { ...onDemand, loadModels: ['a'] });
    for (const name of ['nobody', '../a', '..', '.', '', 'a/../a', '.hidden']) {
      await expectError(() => ask(repository, name), 'ERR_TRT_MODEL_NOT_FOUND', 'is not found');
    }
    expect(repository.index()).toHaveLength(3);
    await repository.unload('a');
    await expectError(
      () => ask(repository, 'a'),
      'ERR_TRT_MODEL_NOT_FOUND',
      "'a' has no available versions",
    );
    await repository.load('a');
    expect(await ask(repository, 'a')).toContain('a');
  });

  test('a model that came with the load request comes back from memory', async () => {
    const repository = await openFakes(threeModels(), {
      ...onDemand,
      memoryBudgetBytes: 800,
      unloadWhenFull: 'lru',
    });
    const files = new Map([['1/model.plan', new TextEncoder().encode('memory bytes=400')]]);
    await repository.load('sent', { config: '{"platform": "tensorrt_plan"}', files });
    await turns(20);
    await repository.load('a');
    await repository.load('b');
    expect(repository.modelReady('sent')).toBe(false);
    expect(await ask(repository, 'sent')).toBe('memory bytes=400');
  });

  test('many clients of more models than fit are all answered', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    const names = Array.from({ length: 6 }, (_, index) => `m${index}`);
    for (const name of names) writeModel(folder, name, { 1: `${name} bytes=100` });
    const repository = await openFakes(
      folder,
      { ...onDemand, memoryBudgetBytes: 250, unloadWhenFull: 'lru' },
      log,
    );
    for (let round = 0; round < 30; round++) {
      const pair = [names[round % 6], names[(round * 5 + 1) % 6]] as string[];
      const answers = await Promise.all(pair.map((name) => ask(repository, name)));
      expect(answers).toEqual(pair.map((name) => `${name} bytes=100`));
      const used = [...repository.memory().values()].reduce(
        (sum, { deviceBytes }) => sum + deviceBytes,
        0,
      );
      expect(used).toBeLessThanOrEqual(250);
    }
  });
});
