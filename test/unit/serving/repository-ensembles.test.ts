// Ensembles in the repository: order of loading, what is loaded and unloaded with them, cycles (Triton's L0_simple_ensemble and L0_lifecycle in part).

import { rmSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
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

test('models are loaded before the ensembles that call them', async () => {
  const folder = tempFolder();
  const log = fakeLog();
  writeEnsemble(folder, 'a_outer', ['b_inner', 'y']);
  writeEnsemble(folder, 'b_inner', ['x', 'y']);
  writeModel(folder, 'x', { 1: 'x' });
  writeModel(folder, 'y', { 1: 'y' });
  const repository = await openFakes(folder, {}, log);
  expect(log.loaded.slice(2)).toEqual(['b_inner:1=ensemble', 'a_outer:1=ensemble']);
  expect(await ask(repository, 'a_outer')).toBe('ensemble');
});

test('explicit: an ensemble brings the models that it calls, and takes them along when asked to', async () => {
  const folder = tempFolder();
  writeEnsemble(folder, 'e', ['x', 'y']);
  writeModel(folder, 'x', { 1: 'x' });
  writeModel(folder, 'y', { 1: 'y' });
  const repository = await openFakes(folder, { controlMode: 'explicit' });
  await repository.load('e');
  expect(rows(repository)).toEqual(['e:1 READY', 'x:1 READY', 'y:1 READY']);
  await repository.unload('e');
  expect(rows(repository)).toEqual(['e:1 UNAVAILABLE unloaded', 'x:1 READY', 'y:1 READY']);
  await repository.load('e');
  await repository.load('x'); // now somebody wants it for itself
  await repository.unload('e', { dependents: true });
  expect(rows(repository)).toEqual([
    'e:1 UNAVAILABLE unloaded',
    'x:1 READY',
    'y:1 UNAVAILABLE unloaded',
  ]);
});

test('a model that two ensembles call is unloaded with the last of them', async () => {
  const folder = tempFolder();
  writeEnsemble(folder, 'e', ['x']);
  writeEnsemble(folder, 'f', ['x']);
  writeModel(folder, 'x', { 1: 'x' });
  const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['e', 'f'] });
  await repository.unload('e', { dependents: true });
  expect(await ask(repository, 'x')).toBe('x');
  expect(await ask(repository, 'f')).toBe('ensemble');
  await repository.unload('f', { dependents: true });
  expect(repository.modelReady('x')).toBe(false);
});

test('without a model that it calls an ensemble is unavailable, and comes back with it', async () => {
  const folder = tempFolder();
  writeEnsemble(folder, 'e', ['x', 'nowhere']);
  writeModel(folder, 'x', { 1: 'fail' });
  const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['*'] });
  expect(rows(repository)[0]).toContain(
    'ensemble e contains models that are not available or ambiguous: nowhere',
  );
  writeModel(folder, 'nowhere', { 1: 'now' });
  await repository.load('nowhere');
  expect(rows(repository)[0]).toContain(
    "ensemble 'e' depends on 'x' which has no loaded version. Model 'x' loading failed with error:",
  );
  writeModel(folder, 'x', { 1: 'x' });
  await repository.load('x');
  expect(await ask(repository, 'e')).toBe('ensemble');
  expect(repository.ready().ready).toBe(true);
  await repository.unload('x');
  expect(rows(repository)[0]).toContain(
    'e:1 UNAVAILABLE ensemble e contains models that are not available or ambiguous: x',
  );
  await repository.load('x');
  expect(await ask(repository, 'e')).toBe('ensemble');
});

test('an ensemble is loaded anew with a model that it calls', async () => {
  const folder = tempFolder();
  const log = fakeLog();
  writeEnsemble(folder, 'e', ['x']);
  writeModel(folder, 'x', { 1: 'x' });
  const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['e'] }, log);
  log.loaded.length = 0;
  writeModel(folder, 'x', { 1: 'new' });
  await repository.load('x');
  expect(log.loaded).toEqual(['x:1=new', 'e:1=ensemble']);
  log.loaded.length = 0;
  await repository.load('e');
  expect(log.loaded).toEqual([]);
});

test('a model is unloaded only after the requests of the ensembles that call it', async () => {
  const folder = tempFolder();
  const log = fakeLog();
  writeEnsemble(folder, 'e', ['x', 'x', 'x']);
  writeModel(folder, 'x', { 1: 'x' });
  const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['e'] }, log);
  const accepted = Promise.all(Array.from({ length: 4 }, () => ask(repository, 'e')));
  await turns(1);
  await repository.unload('x');
  expect(await accepted).toEqual(['ensemble', 'ensemble', 'ensemble', 'ensemble']);
});

test('requests of an ensemble survive fifty reloads of the model that it calls', async () => {
  const folder = tempFolder();
  writeEnsemble(folder, 'e', ['x', 'x']);
  writeModel(folder, 'x', { 1: 'x' });
  const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['e'] });
  let done = false;
  let answered = 0;
  const clients = Array.from({ length: 4 }, async () => {
    while (!done) {
      await ask(repository, 'e');
      answered++;
    }
  });
  for (let round = 0; round < 50; round++) {
    writeModel(folder, 'x', { 1: `x ${round}` });
    await repository.load('x');
  }
  done = true;
  await Promise.all(clients);
  expect(answered).toBeGreaterThan(50);
});

test('ensembles that call themselves are refused, and others are not held up', async () => {
  const folder = tempFolder();
  writeEnsemble(folder, 'a', ['b']);
  writeEnsemble(folder, 'b', ['c']);
  writeEnsemble(folder, 'c', ['a']);
  writeEnsemble(folder, 'self', ['self']);
  writeEnsemble(folder, 'user', ['a']);
  writeModel(folder, 'x', { 1: 'x' });
  const repository = await openFakes(folder);
  const [a, , , self, user, x] = rows(repository);
  expect(a).toContain('circular dependency between ensembles: a -> ... -> c -> a');
  expect(self).toContain('circular dependency between ensembles: self -> ... -> self -> self');
  expect(user).toContain("ensemble 'user' depends on 'a' which has no loaded version");
  expect(x).toBe('x:1 READY');
});

test('a required version must be there', async () => {
  const folder = tempFolder();
  writeModel(folder, 'x', { 1: 'x' });
  writeModel(
    folder,
    'e',
    { 1: '' },
    'platform: "ensemble" ensemble_scheduling { step { model_name: "x" model_version: 3 } }',
  );
  const repository = await openFakes(folder, { controlMode: 'explicit' });
  await expectError(
    () => repository.load('e'),
    'ERR_TRT_MODEL_LOAD',
    "ensemble 'e' depends on 'x' whose required version 3 is not loaded.",
  );
  rmSync(path.join(folder, 'e'), { recursive: true });
  expect(await ask(repository, 'x')).toBe('x');
});
