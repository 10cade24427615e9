// The plan cache: when Session.load builds, when it does not, and what it never trusts.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { Session, type SessionOptions, Tensor, build } from 'trt-node';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { expectError } from '../helpers/expect-error.js';
import { writeExternalModel } from '../helpers/external-model.js';
import { injectFaults, reference } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const onnx = 'test/fixtures/onnx/mlp.onnx';
const profiles = [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }];

interface Loaded {
  built: boolean;
  log: string[];
}

/** Loads and closes; tells whether that built. */
async function load(
  model: string | Uint8Array,
  cacheDir: string,
  options: SessionOptions = {},
): Promise<Loaded> {
  const log: string[] = [];
  let built = false;
  const session = await Session.load(model, {
    ...reference,
    profiles,
    cacheDir,
    log: (severity, message) => log.push(`${severity}: ${message}`),
    progress: () => (built = true),
    ...options,
  });
  await session.close();
  return { built, log };
}

function names(folder: string, extension: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith(extension));
}

function only(folder: string, extension: string): string {
  const [name, ...others] = names(folder, extension);
  expect(others).toEqual([]);
  return path.join(folder, name ?? 'nothing');
}

describe('once for each key', () => {
  test('the second load builds nothing, and the session works', async () => {
    const folder = tempFolder();
    expect((await load(onnx, folder)).built).toBe(true);
    expect(await load(onnx, folder)).toEqual({ built: false, log: [] });
    const session = await Session.load(onnx, { ...reference, profiles, cacheDir: folder });
    const { y } = await session.run({ x: new Float32Array(2 * 64) });
    expect(y?.shape).toEqual([2, 32]);
    await session.close();
  });

  test('bytes, a URL and a copy under another name are the same model', async () => {
    const folder = tempFolder();
    const copy = path.join(folder, 'copy.bin');
    copyFileSync(onnx, copy);
    const bytes = readFileSync(onnx);
    const loading = load(bytes, folder);
    bytes.fill(0); // they were copied before load() returned
    expect((await loading).built).toBe(true);
    expect((await load(copy, folder)).built).toBe(false);
    expect(names(folder, '.plan')).toHaveLength(1);
  });

  test('an option written as its default changes nothing, another value does', async () => {
    const folder = tempFolder();
    await load(onnx, folder);
    const same: SessionOptions[] = [{ fp16: false }, { tf32: true }, { instances: 2 }];
    for (const options of same) expect((await load(onnx, folder, options)).built).toBe(false);
    const timingCacheFile = path.join(folder, 'timing');
    expect((await load(onnx, folder, { timingCacheFile })).built).toBe(false);
    const other: SessionOptions[] = [
      { fp16: true },
      { engineName: 'a' },
      { profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [33, 64] } }] },
    ];
    for (const options of other) expect((await load(onnx, folder, options)).built).toBe(true);
    expect(names(folder, '.plan')).toHaveLength(4);
  });

  test('another model is another entry, also when only its weights in another file differ', async () => {
    const [folder, models] = [tempFolder(), tempFolder()];
    const model = writeExternalModel(models, [1, 2, 3, 4]);
    expect((await load(model, folder, { profiles: [] })).built).toBe(true);
    expect((await load(model, folder, { profiles: [] })).built).toBe(false);
    writeExternalModel(models, [1, 2, 3, 5]);
    expect((await load(model, folder, { profiles: [] })).built).toBe(true);
    const session = await Session.load(model, { ...reference, cacheDir: folder });
    const { y } = await session.run({ x: new Tensor('float32', [0, 0, 0, 0], [4]) });
    expect([...((y?.data ?? []) as Float32Array)]).toEqual([1, 2, 3, 5]);
    await session.close();
    await expectError(
      () => load(writeExternalModel(models, []), folder, { profiles: [] }),
      'ERR_TRT_PARSE',
    );
  });

  test('files are for this user alone, and say what they are', async () => {
    const folder = path.join(tempFolder(), 'a', 'b');
    await load(onnx, folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) {
      expect(statSync(path.join(folder, name)).mode & 0o777, name).toBe(0o600);
    }
    const sidecar = JSON.parse(readFileSync(only(folder, '.json'), 'utf8')) as object;
    expect(sidecar).toMatchObject({
      format: 1,
      key: path.basename(only(folder, '.plan'), '.plan'),
      plan: { bytes: statSync(only(folder, '.plan')).size },
      model: { bytes: statSync(onnx).size, externalData: [] },
      tensorrt: { runtime: 'reference', version: '10.6.0', flavor: 'full' },
      gpu: { name: 'trt-node CPU reference' },
    });
  });

  test('the default folder is XDG_CACHE_HOME/trt-node; false keeps nothing', async () => {
    const folder = tempFolder();
    vi.stubEnv('XDG_CACHE_HOME', folder);
    try {
      const session = await Session.load(onnx, { ...reference, profiles });
      await session.close();
      expect(names(path.join(folder, 'trt-node'), '.plan')).toHaveLength(1);
      const steps: number[] = [];
      for (let count = 0; count < 2; count++) {
        let built = 0;
        const again = await Session.load(onnx, {
          ...reference,
          profiles: [{ x: [4, 64] }],
          cacheDir: false,
          progress: () => (built = 1),
        });
        await again.close();
        steps.push(built);
      }
      expect(steps).toEqual([1, 1]);
      expect(names(path.join(folder, 'trt-node'), '.plan')).toHaveLength(1);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('cacheMaxBytes removes the plans used longest ago', async () => {
    const folder = tempFolder();
    const names3 = ['a', 'b', 'c'];
    await load(onnx, folder, { engineName: 'a' });
    const [a = ''] = names(folder, '.plan');
    await load(onnx, folder, { engineName: 'b' });
    const old = new Date(Date.now() - 60_000);
    for (const name of names(folder, '.json')) utimesSync(path.join(folder, name), old, old);
    await load(onnx, folder, { engineName: 'a' }); // used now
    const { size } = statSync(path.join(folder, a));
    await load(onnx, folder, { engineName: 'c', cacheMaxBytes: 2 * size + 10 });
    const built: boolean[] = [];
    for (const engineName of names3) built.push((await load(onnx, folder, { engineName })).built);
    expect(built).toEqual([false, true, false]);
  });
});

describe('what is not as it was written is built again', () => {
  const damages: [string, (plan: string, sidecar: string) => void, string][] = [
    [
      'a changed byte',
      (plan) => {
        const bytes = readFileSync(plan);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        writeFileSync(plan, bytes);
      },
      'its bytes are not those that were written',
    ],
    [
      'a truncated plan',
      (plan) => {
        truncateSync(plan, 100);
      },
      'it has 100 bytes',
    ],
    [
      'a sidecar that is no JSON',
      (_plan, sidecar) => {
        writeFileSync(sidecar, '{');
      },
      'what should describe it does not',
    ],
    [
      'a sidecar of another format',
      (_plan, sidecar) => {
        writeFileSync(sidecar, readFileSync(sidecar, 'utf8').replace('"format": 1', '"format": 2'));
      },
      'what should describe it does not',
    ],
    [
      'the files of another key',
      (plan, sidecar) => {
        const text = readFileSync(sidecar, 'utf8');
        const key = path.basename(plan, '.plan');
        writeFileSync(sidecar, text.replaceAll(key, 'f'.repeat(64)));
      },
      'another key',
    ],
    [
      'a symbolic link',
      (plan) => {
        renameSync(plan, `${plan}.elsewhere`);
        symlinkSync(`${plan}.elsewhere`, plan);
      },
      'ELOOP',
    ],
  ];
  test.each(damages)('%s', async (_what, damage, reason) => {
    const folder = tempFolder();
    await load(onnx, folder);
    const plan = only(folder, '.plan');
    const before = readFileSync(plan);
    damage(plan, only(folder, '.json'));
    const { built, log } = await load(onnx, folder);
    expect(built).toBe(true);
    expect(log.filter((line) => line.startsWith('warning: [plan cache]'))).toEqual([
      expect.stringContaining(reason),
    ]);
    expect(readFileSync(plan)).toEqual(before);
    expect(statSync(plan).isFile()).toBe(true);
    expect(await load(onnx, folder)).toEqual({ built: false, log: [] });
  });

  test('a plan without its sidecar, or a sidecar without its plan, is no entry', async () => {
    const folder = tempFolder();
    for (const extension of ['.plan', '.json']) {
      await load(onnx, folder);
      const file = only(folder, extension);
      renameSync(file, `${file}.gone`);
      expect((await load(onnx, folder)).built).toBe(true);
      expect(existsSync(file)).toBe(true);
    }
  });

  test('what TensorRT refuses is built again once, and not for ever', async () => {
    const folder = tempFolder();
    await load(onnx, folder);
    injectFaults('deserialize@1');
    const { built, log } = await load(onnx, folder);
    expect(built).toBe(true);
    expect(log.join('\n')).toContain('is refused');
    injectFaults('deserialize');
    const lines: string[] = [];
    await expectError(
      () =>
        load(onnx, folder, {
          log: (_severity, line) => lines.push(line),
          logSeverity: 'info',
        }),
      'ERR_TRT_DESERIALIZE',
    );
    expect(lines.filter((line) => line.startsWith('[plan cache] built in'))).toHaveLength(1);
  });

  test('what a dead builder left is removed', async () => {
    const folder = tempFolder();
    await load(onnx, folder);
    const plan = only(folder, '.plan');
    const leftover = path.join(folder, `.${path.basename(plan)}.012345.tmp`);
    writeFileSync(leftover, 'half');
    renameSync(plan, `${plan}.gone`);
    await load(onnx, folder);
    expect(existsSync(leftover)).toBe(false);
  });
});

describe('failures', () => {
  test('a failed build is not kept, and is tried again', async () => {
    const folder = tempFolder();
    injectFaults('build@1');
    await expectError(() => load(onnx, folder), 'ERR_TRT_BUILD');
    expect(names(folder, '.plan')).toEqual([]);
    expect((await load(onnx, folder)).built).toBe(true);
  });

  test.skipIf(process.getuid?.() === 0)('a folder that cannot be written to', async () => {
    const folder = tempFolder();
    await load(onnx, folder);
    chmodSync(folder, 0o500);
    try {
      expect((await load(onnx, folder)).built).toBe(false);
      await expectError(() => load(onnx, folder, { fp16: true }), 'ERR_TRT_FILE', 'cacheDir');
    } finally {
      chmodSync(folder, 0o700);
    }
  });

  test('a cache folder that is a file, before anything is built', async () => {
    const file = path.join(tempFolder(), 'file');
    writeFileSync(file, '');
    await expectError(
      () => load(onnx, path.join(file, 'cache')),
      'ERR_TRT_FILE',
      'the plan cache cannot be used',
      'cacheDir: false',
    );
    const folder = tempFolder();
    await load(onnx, folder);
    const lock = only(folder, '.lock');
    renameSync(lock, `${lock}.old`);
    mkdirSync(lock);
    renameSync(only(folder, '.plan'), path.join(folder, 'gone'));
    await expectError(() => load(onnx, folder), 'ERR_TRT_FILE', 'lock');
  });

  test('a model that changes while it is built is not kept', async () => {
    const [folder, models] = [tempFolder(), tempFolder()];
    const model = writeExternalModel(models, [1, 2, 3, 4]);
    await expectError(
      () =>
        load(model, folder, {
          profiles: [],
          progress: () => writeExternalModel(models, [9, 9, 9, 9]),
        }),
      'ERR_TRT_FILE',
      'was changed',
    );
    expect(names(folder, '.plan')).toEqual([]);
  });

  test('options that make no sense together are refused before the build', async () => {
    const folder = tempFolder();
    const plan = await build({ ...reference, onnx, profiles });
    const file = path.join(folder, 'mlp.onnx'); // a plan, whatever it is called
    writeFileSync(file, plan);
    await expectError(
      () => Session.load(file, { ...reference, fp16: true }),
      'ERR_TRT_INVALID_ARGUMENT',
      "'fp16' is an option for ONNX models",
      'mlp.onnx',
    );
    await expectError(
      () => Session.load(plan, { ...reference, cacheDir: folder }),
      'ERR_TRT_INVALID_ARGUMENT',
      "'cacheDir'",
    );
    await (await Session.load(file, reference)).close();
    const cases: [SessionOptions, string][] = [
      [{ cacheDir: '' }, 'cacheDir'],
      [{ cacheMaxBytes: -1 }, 'cacheMaxBytes'],
      [{ fp16: 1 as unknown as boolean }, 'fp16'],
      [{ versionCompatible: true }, 'engineHostCodeAllowed: true'],
    ];
    for (const [options, part] of cases) {
      await expectError(() => load(onnx, folder, options), 'ERR_TRT_INVALID_ARGUMENT', part);
    }
    const broken = path.join(folder, 'broken.onnx');
    writeFileSync(broken, 'no model');
    await expectError(() => load(broken, folder), 'ERR_TRT_INVALID_PLAN', 'as ONNX');
    expect(names(folder, '.lock')).toEqual([]);
  });
});

describe('several at once in one process', () => {
  test('one build, and every caller is told of its progress', async () => {
    const folder = tempFolder();
    const loaded = await Promise.all(Array.from({ length: 5 }, () => load(onnx, folder)));
    expect(loaded.map(({ built }) => built)).toEqual(Array.from({ length: 5 }, () => true));
    const kept = loaded.flatMap(({ log }) => log.filter((line) => line.includes('kept as')));
    expect(kept).toEqual([]); // info is below the default severity
    expect(names(folder, '.plan')).toHaveLength(1);
  });

  test('one failure for all', async () => {
    const folder = tempFolder();
    injectFaults('build@1');
    const results = await Promise.allSettled([load(onnx, folder), load(onnx, folder)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  test('whoever aborts leaves; the build goes on for the others', async () => {
    const folder = tempFolder();
    const controller = new AbortController();
    const aborted = load(onnx, folder, {
      signal: controller.signal,
      progress: () => {
        controller.abort();
      },
    });
    const other = load(onnx, folder);
    await expectError(() => aborted, 'ERR_TRT_ABORTED');
    expect((await other).built).toBe(true);
  });

  test('when the last one aborts nothing is kept, and the lock is free', async () => {
    const folder = tempFolder();
    const controller = new AbortController();
    await expectError(
      () =>
        load(onnx, folder, {
          signal: controller.signal,
          progress: () => {
            controller.abort();
          },
        }),
      'ERR_TRT_ABORTED',
    );
    expect((await load(onnx, folder)).built).toBe(true);
  });
});

describe('trt-node run MODEL.onnx', () => {
  test('builds, keeps and runs; with a plan the flags of building are refused', async () => {
    const folder = tempFolder();
    const words = `run ${onnx} --runtime=reference --cacheDir=${folder} --minShapes=x:1x64 --maxShapes=x:8x64`;
    for (let count = 0; count < 2; count++) {
      const { status, data } = await cliJson(`${words} --shapes=x:4x64`);
      expect(status).toBe(0);
      expect(data.outputs).toMatchObject([{ name: 'y', shape: [4, 32] }]);
    }
    const file = only(folder, '.plan');
    const refused = await cli(`run ${file} --runtime=reference --cacheDir=${folder}`);
    expectTwoLines(refused, 2, '--cacheDir is for ONNX models', 'leave the flag out');
    expect((await cli(`run ${file} --runtime=reference`)).status).toBe(0);
  });
});
