// controlMode 'poll': what is new, changed and removed is taken over, but never while it is being written (Triton's L0_lifecycle, and what its documentation warns of).

import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { ModelRepository, RepositoryOptions } from 'trt-node';
import { ask, fakeLog, openFakes, rows, writeModel } from '../../helpers/fake-models.js';
import { tempFolder } from '../../helpers/temp.js';

const debounceMs = 40;

function polling(
  folder: string | readonly string[],
  log = fakeLog(),
  more: RepositoryOptions = {},
): Promise<ModelRepository> {
  // The timer never fires in a test: looks are asked for.
  return openFakes(folder, { controlMode: 'poll', pollSeconds: 3600, debounceMs, ...more }, log);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Two looks, far enough from each other. */
async function settle(repository: ModelRepository): Promise<void> {
  await repository.poll();
  await pause(debounceMs + 10);
  await repository.poll();
}

test('models come, change and go with their folders', async () => {
  const folder = tempFolder();
  const log = fakeLog();
  writeModel(folder, 'a', { 1: 'one' });
  const repository = await polling(folder, log);
  expect(rows(repository)).toEqual(['a:1 READY']);
  writeModel(folder, 'b', { 1: 'b' });
  writeModel(folder, 'a', { 2: 'two' });
  await settle(repository);
  expect(await ask(repository, 'a')).toBe('two');
  expect(await ask(repository, 'b')).toBe('b');
  rmSync(path.join(folder, 'a', '2'), { recursive: true });
  await settle(repository);
  expect(await ask(repository, 'a')).toBe('one');
  rmSync(path.join(folder, 'b'), { recursive: true });
  await settle(repository);
  expect(repository.modelReady('b')).toBe(false);
  expect(repository.ready().ready).toBe(true);
  expect(log.open.size).toBe(1);
});

test('a file that is being written is not loaded before it is whole', async () => {
  const folder = tempFolder();
  const log = fakeLog();
  writeModel(folder, 'a', { 1: 'old' });
  const repository = await polling(folder, log);
  const file = path.join(folder, 'a', '1', 'model.plan');
  const fresh = path.join(folder, 'b');
  writeFileSync(file, '');
  mkdirSync(path.join(fresh, '1'), { recursive: true });
  for (let piece = 0; piece < 8; piece++) {
    appendFileSync(file, `${piece}`);
    appendFileSync(path.join(fresh, '1', 'model.plan'), `${piece}`);
    await pause(debounceMs + 10); // long enough, but each look sees another size
    await repository.poll();
    expect(await ask(repository, 'a')).toBe('old');
  }
  await settle(repository);
  expect(log.loaded.filter((text) => text !== 'a:1=old').sort()).toEqual([
    'a:1=01234567',
    'b:1=01234567',
  ]);
  expect(await ask(repository, 'a')).toBe('01234567');
});

test('seen twice the same is not enough before the time is over', async () => {
  const folder = tempFolder();
  const repository = await polling(folder, fakeLog(), { debounceMs: 3_600_000 });
  writeModel(folder, 'a', { 1: 'one' });
  for (let look = 0; look < 4; look++) await repository.poll();
  expect(rows(repository)).toEqual(['a:']);
});

test('a folder that was renamed into its place counts as written just then', async () => {
  const folder = tempFolder();
  const log = fakeLog();
  writeModel(folder, 'a', { 1: 'old' });
  const repository = await polling(folder, log);
  writeModel(folder, '.next', { 1: 'new' });
  renameSync(path.join(folder, 'a'), path.join(folder, '.gone'));
  await repository.poll(); // in the gap: not a reason to unload
  renameSync(path.join(folder, '.next'), path.join(folder, 'a'));
  await settle(repository);
  expect(await ask(repository, 'a')).toBe('new');
  expect(log.loaded).toEqual(['a:1=old', 'a:1=new']);
});

test('an invalid change leaves the old model serving, is reported, and is not tried again until it changes', async () => {
  const folder = tempFolder();
  const log = fakeLog();
  const errors: string[] = [];
  writeModel(folder, 'a', { 1: 'old' });
  const repository = await polling(folder, log, {
    log: (level, message) => {
      if (level === 'error') errors.push(message);
    },
  });
  writeModel(folder, 'a', { 1: 'fail' });
  await settle(repository);
  await settle(repository);
  expect(await ask(repository, 'a')).toBe('old');
  expect(errors.filter((line) => line.startsWith("load failed for model 'a'"))).toHaveLength(1);
  expect(repository.describe()[0]?.reason).toContain('the plan says fail');
  writeModel(folder, 'a', { 1: 'old' }, 'platform: "tensorrt_plan" oops');
  await settle(repository);
  expect(await ask(repository, 'a')).toBe('old');
  expect(errors.join()).toContain('config.pbtxt:1:');
  symlinkSync('/etc', path.join(folder, 'a', '9'));
  await settle(repository);
  expect(await ask(repository, 'a')).toBe('old');
  expect(errors.join()).toContain('outside the repository');
  rmSync(path.join(folder, 'a', '9'));
  writeModel(folder, 'a', { 1: 'new' });
  await settle(repository);
  expect(await ask(repository, 'a')).toBe('new');
  expect(repository.describe()[0]?.reason).toBe('');
});

test('a model that appears in a second folder is no longer served', async () => {
  const [one, two] = [tempFolder(), tempFolder()];
  writeModel(one, 'a', { 1: 'one' });
  const repository = await polling([one, two]);
  expect(await ask(repository, 'a')).toBe('one');
  writeModel(two, 'a', { 1: 'two' });
  await settle(repository);
  expect(rows(repository)).toEqual(['a: UNAVAILABLE model appears in two or more repositories']);
  rmSync(path.join(one, 'a'), { recursive: true });
  await settle(repository);
  expect(await ask(repository, 'a')).toBe('two');
});

test('requests flow while the folder changes', async () => {
  const folder = tempFolder();
  const log = fakeLog();
  writeModel(folder, 'a', { 1: 'text' });
  const repository = await polling(folder, log);
  let done = false;
  const clients = Array.from({ length: 4 }, async () => {
    while (!done) await ask(repository, 'a');
  });
  for (let round = 0; round < 5; round++) {
    writeModel(folder, 'a', { 1: `text ${round}` });
    await settle(repository);
    expect(await ask(repository, 'a')).toBe(`text ${round}`);
  }
  done = true;
  await Promise.all(clients);
});
