// The repository: layout, versions, configs, names and the index (Triton's L0_lifecycle and L0_model_config in part).

import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectError } from '../../helpers/expect-error.js';
import { ask, fakeLog, openFakes, rows, writeModel } from '../../helpers/fake-models.js';
import { tempFolder } from '../../helpers/temp.js';

describe('layout', () => {
  test('loads all models of a folder, the newest version of each', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one', 2: 'two', 10: 'ten' });
    writeModel(folder, 'b', { 3: 'three' }, '');
    const repository = await openFakes(folder);
    expect(rows(repository)).toEqual(['a:10 READY', 'b:3 READY']);
    expect(await ask(repository, 'a')).toBe('ten');
    expect(await ask(repository, 'b', { version: 3 })).toBe('three');
    expect(await ask(repository, 'b', { version: '3' })).toBe('three');
    expect(repository.ready()).toEqual({ ready: true, reasons: [] });
    expect(repository.modelReady('a')).toBe(true);
    expect(repository.modelReady('a', '2')).toBe(false);
    expect(repository.metadata('a').versions).toEqual(['10']);
  });

  test.each([
    ['latest of two', 'version_policy: { latest { num_versions: 2 } }', ['2', '10']],
    ['all', 'version_policy: { all {} }', ['1', '2', '10']],
    ['specific', 'version_policy: { specific { versions: [ 1, 10, 7 ] } }', ['1', '10']],
  ])('serves the versions of the policy: %s', async (_, policy, versions) => {
    const folder = tempFolder();
    writeModel(
      folder,
      'a',
      { 1: 'one', 2: 'two', 10: 'ten' },
      `platform: "tensorrt_plan" ${policy}`,
    );
    const repository = await openFakes(folder);
    expect(repository.metadata('a').versions).toEqual(versions);
    expect(await ask(repository, 'a')).toBe('ten');
  });

  test('ignores folders that are no versions, and says so', async () => {
    const folder = tempFolder();
    const warnings: string[] = [];
    writeModel(folder, 'a', {
      1: 'one',
      '02': 'no',
      '3x': 'no',
      '-4': 'no',
      0: 'no',
      '1e3': 'no',
      '99999999999999999999': 'no',
    });
    mkdirSync(path.join(folder, 'a', 'warmup'));
    const repository = await openFakes(folder, {
      log: (level, message) => {
        if (level === 'warning') warnings.push(message);
      },
    });
    expect(rows(repository)).toEqual(['a:1 READY']);
    expect(warnings.join('\n')).toContain("'02' of 'a' which contains leading zeros");
    expect(warnings.join('\n')).toContain("'3x' of 'a' which fails to convert to integral number");
    expect(warnings.join('\n')).not.toContain('warmup');
  });

  test('takes configs/NAME.pbtxt where it is there, and config.pbtxt where not', async () => {
    const folder = tempFolder();
    const all = 'platform: "tensorrt_plan" version_policy: { all {} }';
    writeModel(folder, 'a', { 1: 'one', 2: 'two' });
    writeModel(folder, 'b', { 1: 'one', 2: 'two' });
    mkdirSync(path.join(folder, 'a', 'configs'));
    writeFileSync(path.join(folder, 'a', 'configs', 'wide.pbtxt'), all);
    const repository = await openFakes(folder, { modelConfigName: 'wide' });
    expect(rows(repository)).toEqual(['a:1 READY', 'a:2 READY', 'b:2 READY']);
  });

  test('a model that several folders have is not served, the others are', async () => {
    const [one, two] = [tempFolder(), tempFolder()];
    writeModel(one, 'a', { 1: 'one' });
    writeModel(two, 'a', { 1: 'other' });
    writeModel(two, 'b', { 1: 'b' });
    const repository = await openFakes([one, two]);
    expect(rows(repository)).toEqual([
      'a: UNAVAILABLE model appears in two or more repositories',
      'b:1 READY',
    ]);
    expect(repository.ready().ready).toBe(false);
  });

  test('a model that cannot be loaded does not stop the others, and readiness says why', async () => {
    const folder = tempFolder();
    writeModel(folder, 'bad', { 1: 'fail on purpose' });
    writeModel(folder, 'broken', { 1: 'x' }, 'platform: "tensorrt_plan" nonsense: 3');
    writeModel(folder, 'empty', {});
    writeModel(folder, 'good', { 1: 'x' });
    writeModel(folder, 'named', { 1: 'x' }, 'name: "other"');
    const repository = await openFakes(folder);
    const [bad, broken, empty, good, named] = rows(repository);
    expect(bad).toMatch(/^bad:1 UNAVAILABLE the plan says fail on purpose/);
    expect(broken).toMatch(
      /^broken: UNAVAILABLE .*failed to poll from model repository: .*config\.pbtxt:1:\d+.*nonsense/,
    );
    expect(empty).toMatch(
      /^empty: UNAVAILABLE .*at least one version must be available under the version policy of model 'empty'/,
    );
    expect(good).toBe('good:1 READY');
    expect(named).toContain(
      "unexpected directory name 'named' for model 'other', directory name must equal model name",
    );
    const { ready, reasons } = repository.ready();
    expect(ready).toBe(false);
    expect(reasons.map((reason) => /model '(\w+)'/.exec(reason)?.[1]).sort()).toEqual([
      'bad',
      'broken',
      'empty',
      'named',
    ]);
    expect((await openFakes(folder, { strictReadiness: false })).ready().ready).toBe(true);
    expect(repository.index(true).map(({ name }) => name)).toEqual(['good']);
    expect(repository.describe().find(({ name }) => name === 'good')?.state).toBe('READY');
  });

  test('without completing, a config must be there', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' }, '');
    const repository = await openFakes(folder, { autoComplete: false });
    expect(rows(repository)[0]).toContain('has no config.pbtxt');
  });

  test('a folder that is not there is refused', async () => {
    await expectError(() => openFakes('/nowhere/at/all'), 'ERR_TRT_FILE', '/nowhere/at/all');
  });

  test('a version of several that cannot be loaded keeps the model from being served, as in Triton', async () => {
    const folder = tempFolder();
    const log = fakeLog();
    writeModel(
      folder,
      'a',
      { 1: 'one', 2: 'fail' },
      'platform: "tensorrt_plan" version_policy: { all {} }',
    );
    const repository = await openFakes(folder, {}, log);
    expect(rows(repository)).toEqual([
      'a:1 UNAVAILABLE unloaded',
      expect.stringMatching(/^a:2 UNAVAILABLE the plan says fail/),
    ]);
    expect(log.open.size).toBe(0);
  });
});

describe('what lies in folders is not trusted', () => {
  test.each(['../../outside', '/etc/passwd', 'x/../../y', './x', 'a\\\\b'])(
    'default_model_filename %s is refused',
    async (file) => {
      const folder = tempFolder();
      writeModel(
        folder,
        'a',
        { 1: 'one' },
        `platform: "tensorrt_plan" default_model_filename: "${file}"`,
      );
      const [row] = rows(await openFakes(folder));
      expect(row).toContain('must stay within model directory');
    },
  );

  test('paths of labels, warm-up data and plans by capability are refused alike', async () => {
    const folder = tempFolder();
    const configs = [
      'cc_model_filenames { key: "9.0" value: "../x" }',
      'output { name: "y" data_type: TYPE_FP32 dims: [ 1 ] label_filename: "../../secret" }',
      'model_warmup { name: "w" inputs { key: "x" value: { data_type: TYPE_FP32 dims: [ 1 ] input_data_file: "../../secret" } } }',
    ];
    for (const [index, config] of configs.entries()) {
      writeModel(folder, `m${index}`, { 1: 'one' }, `platform: "tensorrt_plan" ${config}`);
    }
    for (const row of rows(await openFakes(folder))) {
      expect(row).toContain('must stay within model directory');
    }
  });

  test('links may stay in the repository, and not lead out of it', async () => {
    const [folder, outside] = [tempFolder(), tempFolder()];
    writeModel(outside, 'real', { 1: 'real' });
    writeModel(folder, 'store', { 1: 'stored' });
    writeModel(folder, 'out', {});
    symlinkSync(path.join(outside, 'real', '1'), path.join(folder, 'out', '1'));
    writeModel(folder, 'in', {});
    symlinkSync('../store/1', path.join(folder, 'in', '1'));
    symlinkSync(path.join(outside, 'real'), path.join(folder, 'entry'));
    writeModel(folder, 'loop', { 1: 'x' });
    symlinkSync('.', path.join(folder, 'loop', 'again'));
    const repository = await openFakes(folder);
    const [entry, inside, loop, out, store] = rows(repository);
    expect(entry).toBe('entry:1 READY'); // the operator's own link
    expect(inside).toBe('in:1 READY');
    expect(store).toBe('store:1 READY');
    expect(out).toContain('which is outside the repository');
    expect(loop).toContain('folders more than');
    expect(await ask(repository, 'in')).toBe('stored');
  });

  test('a pipe in a model folder is refused instead of being read', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' }, '');
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [path.join(folder, 'a', 'config.pbtxt')]);
    expect(rows(await openFakes(folder))[0]).toContain('is neither a file nor a folder');
  });

  test('a config that is no UTF-8 is refused', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' });
    writeFileSync(path.join(folder, 'a', 'config.pbtxt'), Buffer.from([0xff, 0xfe, 0x00, 0x80]));
    expect(rows(await openFakes(folder))[0]).toMatch(/UNAVAILABLE .*cannot read/);
  });

  test('folders with random names and contents never stop the good model', async () => {
    const folder = tempFolder();
    writeModel(folder, 'good', { 1: 'good' });
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed % below;
    };
    const names = [
      '1',
      '01',
      '2',
      'config.pbtxt',
      'configs',
      'model.plan',
      ' ',
      '..x',
      'ü',
      '~',
      '%2e',
      'x'.repeat(200),
      '-1',
      '1.5',
    ];
    const contents = [
      '',
      'name:',
      '{',
      'platform: "x"',
      'version_policy: { all {} }',
      '\0\0',
      'max_batch_size: -1',
    ];
    const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
    for (let index = 0; index < 60; index++) {
      const model = path.join(folder, `m${index}${pick(names)}`);
      mkdirSync(model, { recursive: true });
      for (let count = random(6); count > 0; count--) {
        const file = path.join(model, pick(names));
        try {
          if (random(3) === 0) mkdirSync(file);
          else if (random(4) === 0)
            symlinkSync(pick(['.', '..', '/etc', 'nothing', '/proc/self']), file);
          else writeFileSync(file, pick(contents));
          if (random(9) === 0) chmodSync(file, 0);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === undefined) throw error; // the same name twice, and such
        }
      }
    }
    const repository = await openFakes(folder);
    expect(await ask(repository, 'good')).toBe('good');
    for (const { name, state, reason } of repository.index()) {
      expect([name, state, reason !== '']).toEqual([name, state, state !== 'READY']);
    }
  });
});

describe('names and versions in requests', () => {
  test("unknown ones get Triton's words", async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one', 2: 'fail' });
    writeModel(folder, 'b', { 1: 'one' });
    const repository = await openFakes(folder);
    const ask = (name: string, version?: string) => () => repository.infer(name, {}, { version });
    await expectError(
      ask('x'),
      'ERR_TRT_MODEL_NOT_FOUND',
      "Request for unknown model: 'x' is not found",
    );
    await expectError(ask('../b'), 'ERR_TRT_MODEL_NOT_FOUND', "'../b' is not found");
    await expectError(
      ask('a'),
      'ERR_TRT_MODEL_NOT_FOUND',
      "Request for unknown model: 'a' has no available versions",
    );
    await expectError(
      ask('a', '2'),
      'ERR_TRT_MODEL_UNAVAILABLE',
      "Request for unknown model: 'a' version 2 is not at ready state",
    );
    await expectError(
      ask('b', '7'),
      'ERR_TRT_MODEL_NOT_FOUND',
      "Request for unknown model: 'b' version 7 is not found",
    );
    await expectError(() => repository.metadata('x'), 'ERR_TRT_MODEL_NOT_FOUND');
    await expectError(() => repository.model('b', '7'), 'ERR_TRT_MODEL_NOT_FOUND');
    await expectError(() => repository.served('x'), 'ERR_TRT_MODEL_NOT_FOUND');
    expect(repository.modelReady('../b')).toBe(false);
  });

  test('a removed folder stays served until it is unloaded', async () => {
    const folder = tempFolder();
    writeModel(folder, 'a', { 1: 'one' });
    const repository = await openFakes(folder, { controlMode: 'explicit', loadModels: ['a'] });
    rmSync(path.join(folder, 'a'), { recursive: true });
    expect(await ask(repository, 'a')).toBe('one');
    await expectError(
      () => repository.load('a'),
      'ERR_TRT_MODEL_LOAD',
      "failed to load 'a', failed to poll from model repository",
    );
    expect(await ask(repository, 'a')).toBe('one');
  });
});
