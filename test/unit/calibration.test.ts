// INT8 calibration: batches from iterables and folders, the cache, what is refused, and builds that end while data is awaited.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type BuildOptions,
  type CalibrationBatch,
  type CalibrationOptions,
  Session,
  Tensor,
  build,
  writeNpy,
} from 'trt-node';
import { runChild } from '../helpers/child.js';
import { cli } from '../helpers/cli.js';
import { expectError } from '../helpers/expect-error.js';
import { quantizedModel } from '../helpers/onnx-maker.js';
import { reference } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const onnx = 'test/fixtures/onnx/mlp.onnx';
const profiles = [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }];

function batch(rows = 8, largest = 1): CalibrationBatch {
  const data = new Float32Array(rows * 64).fill(0.25);
  data[5] = largest;
  return { x: new Tensor('float32', data, [rows, 64]) };
}

function calibrated(calibration: CalibrationOptions, more: Partial<BuildOptions> = {}) {
  return build({ ...reference, onnx, profiles, int8: true, calibration, ...more });
}

/** The scale that the cache has for x. */
function scaleOf(cache: string): number {
  const hex = /^x: ([0-9a-f]{8})$/m.exec(readFileSync(cache, 'utf8'))?.[1] ?? '';
  return Buffer.from(hex, 'hex').readFloatBE();
}

describe('the data', () => {
  test('from an async generator, all of it, and the cache is written', async () => {
    const cacheFile = path.join(tempFolder(), 'calibration.cache');
    let given = 0;
    async function* data(): AsyncGenerator<CalibrationBatch> {
      for (const largest of [1, 12.7, 2]) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        given++;
        yield batch(8, largest);
      }
    }
    const plan = await calibrated({ data: data(), cacheFile });
    expect(given).toBe(3);
    expect(readFileSync(cacheFile, 'utf8')).toMatch(/^TRT-\d+-EntropyCalibration2\nx: /);
    expect(scaleOf(cacheFile)).toBeCloseTo(0.1);
    await using session = await Session.load(plan, reference);
    expect(session.inputs[0]?.name).toBe('x');
  });

  test('from an array, with each algorithm', async () => {
    const folder = tempFolder();
    const names = {
      entropy2: 'EntropyCalibration2',
      minMax: 'MinMaxCalibration',
      entropy: 'EntropyCalibration',
      legacy: 'LegacyCalibration',
    } as const;
    for (const [algorithm, name] of Object.entries(names)) {
      const cacheFile = path.join(folder, algorithm);
      await calibrated({ data: [batch()], cacheFile, algorithm: algorithm as keyof typeof names });
      expect(readFileSync(cacheFile, 'utf8').split('\n')[0]).toMatch(new RegExp(`-${name}$`));
    }
  });

  test('from a folder, with one input flat or by name', async () => {
    const folder = tempFolder();
    const [flat, named] = [path.join(folder, 'flat'), path.join(folder, 'named', 'x')];
    for (const [place, largest] of [
      [flat, 25.4],
      [named, 50.8],
    ] as const) {
      mkdirSync(place, { recursive: true });
      await writeNpy(path.join(place, '0.npy'), batch().x as Tensor);
      await writeNpy(path.join(place, '1.npy'), batch(8, largest).x as Tensor);
      writeFileSync(path.join(place, 'notes.txt'), 'no tensor');
    }
    const cacheFile = path.join(folder, 'cache');
    await calibrated({ data: flat, cacheFile });
    expect(scaleOf(cacheFile)).toBeCloseTo(0.2);
    const second = path.join(folder, 'second');
    await calibrated({ data: path.dirname(named), cacheFile: second });
    expect(scaleOf(second)).toBeCloseTo(0.4);
    await expectError(
      () => calibrated({ data: path.join(folder, 'none') }),
      'ERR_TRT_FILE',
      "'x' 0",
    );
  });

  test('with a profile of its own, or one of several', async () => {
    const wide = { x: { min: [1, 64], opt: [16, 64], max: [32, 64] } };
    await calibrated({ data: [batch(16)], profile: wide });
    await calibrated({ data: [batch(16)], profile: 1 }, { profiles: [...profiles, wide] });
    await expectError(
      () => calibrated({ data: [batch()], profile: 1 }),
      'ERR_TRT_INVALID_ARGUMENT',
    );
  });
});

describe('the cache', () => {
  test('serves alone, and then the data is not touched', async () => {
    const cacheFile = path.join(tempFolder(), 'cache');
    await calibrated({ data: [batch()], cacheFile });
    const before = readFileSync(cacheFile);
    await calibrated({ cacheFile });
    const untouched = {
      [Symbol.iterator]: (): Iterator<CalibrationBatch> => {
        throw new Error('touched');
      },
    };
    await calibrated({ data: untouched, cacheFile });
    expect(readFileSync(cacheFile)).toEqual(before);
  });

  test('of another algorithm is made anew with data, and is an error without', async () => {
    const cacheFile = path.join(tempFolder(), 'cache');
    await calibrated({ data: [batch()], cacheFile });
    await expectError(
      () => calibrated({ cacheFile, algorithm: 'minMax' }),
      'ERR_TRT_BUILD',
      'cache',
    );
    await calibrated({ data: [batch()], cacheFile, algorithm: 'minMax' });
    expect(readFileSync(cacheFile, 'utf8')).toContain('-MinMaxCalibration\n');
  });

  test('that is damaged or missing', async () => {
    const cacheFile = path.join(tempFolder(), 'cache');
    await expectError(() => calibrated({ cacheFile }), 'ERR_TRT_FILE', cacheFile);
    writeFileSync(cacheFile, 'something else');
    await expectError(() => calibrated({ cacheFile }), 'ERR_TRT_FILE', 'TRT-');
    const lines: string[] = [];
    const log = (_severity: string, line: string) => lines.push(line);
    await calibrated({ data: [batch()], cacheFile }, { log });
    expect(lines.join('\n')).toContain('made anew');
    expect(readFileSync(cacheFile, 'utf8')).toMatch(/^TRT-/);
  });
});

describe('what is refused', () => {
  const refused: [unknown, string, string][] = [
    [{ data: [] }, 'ERR_TRT_INVALID_ARGUMENT', 'no batch'],
    [{}, 'ERR_TRT_INVALID_ARGUMENT', 'neither'],
    [{ data: 5 }, 'ERR_TRT_INVALID_ARGUMENT', 'got 5'],
    [{ data: [5] }, 'ERR_TRT_INVALID_ARGUMENT', 'got 5'],
    [{ data: [{ x: new Float32Array(8) }] }, 'ERR_TRT_INVALID_ARGUMENT', "a Tensor for 'x'"],
    [{ data: [{}] }, 'ERR_TRT_MISSING_INPUT', "lacks input 'x'"],
    [
      { data: [{ ...batch(), z: new Tensor('float32', [1], [1]) }] },
      'ERR_TRT_UNKNOWN_TENSOR',
      "'z'",
    ],
    [{ data: [batch(), batch(4)] }, 'ERR_TRT_INVALID_SHAPE', 'batch 1'],
    [
      { data: [{ x: new Tensor('int32', new Int32Array(512), [8, 64]) }] },
      'ERR_TRT_DTYPE_MISMATCH',
      'int32',
    ],
    [
      { data: [{ x: new Tensor('float32', new Float32Array(512), [512]) }] },
      'ERR_TRT_RANK_MISMATCH',
      '(8, 64)',
    ],
    [{ data: [batch()], algorithm: 'best' }, 'ERR_TRT_INVALID_ARGUMENT', 'entropy2'],
    [{ data: [batch()], profile: { z: [1] } }, 'ERR_TRT_UNKNOWN_TENSOR', "'z'"],
    [{ data: [batch()], quantile: 2 }, 'ERR_TRT_INVALID_ARGUMENT', 'quantile'],
  ];
  test.each(refused)('%j', async (calibration, code, part) => {
    const cacheFile = path.join(tempFolder(), 'cache');
    const options = { cacheFile, ...(calibration as CalibrationOptions) };
    await expectError(
      () => calibrated(Object.keys(calibration as object).length === 0 ? {} : options),
      code as 'ERR_TRT_FILE',
      part,
    );
    expect(existsSync(cacheFile)).toBe(false);
  });

  test('a build without int8', async () => {
    await expectError(
      () => calibrated({ data: [batch()] }, { int8: false }),
      'ERR_TRT_INVALID_ARGUMENT',
      'without int8',
    );
  });
});

describe('a build that ends while data is awaited', () => {
  test('an error of the iterable is the cause, and the iterable is not asked again', async () => {
    const failure = new Error('the disk is gone');
    async function* data(): AsyncGenerator<CalibrationBatch> {
      yield batch();
      await Promise.resolve();
      throw failure;
    }
    const error = await expectError(
      () => calibrated({ data: data() }),
      'ERR_TRT_BUILD',
      'the disk is gone',
    );
    expect(error.cause).toBe(failure);
  });

  test('aborting ends the wait, and the generator', async () => {
    const controller = new AbortController();
    let released = false;
    async function* data(): AsyncGenerator<CalibrationBatch> {
      try {
        yield batch();
        setTimeout(() => {
          controller.abort();
        }, 10);
        await new Promise((resolve) => setTimeout(resolve, 200));
        yield batch();
      } finally {
        released = true;
      }
    }
    await expectError(
      () => calibrated({ data: data() }, { signal: controller.signal }),
      'ERR_TRT_ABORTED',
    );
    await expect.poll(() => released).toBe(true);
  });

  const waiting = `
    const { build, Tensor } = require('trt-node');
    const data = { [Symbol.asyncIterator]: () => ({ next: () => {
      asked(); return new Promise(() => {});
    } }) };
    build({ runtime: 'reference', onnx: ${JSON.stringify(onnx)}, int8: true, calibration: { data },
      profiles: ${JSON.stringify(profiles)} }).catch(() => {});`;

  test('process.exit() does not hang', async () => {
    const result = await runChild({ code: `const asked = () => process.exit(7);${waiting}` });
    expect(result).toMatchObject({ code: 7, signal: null });
  });

  test('worker.terminate() does not hang', async () => {
    const worker = `const asked = () => require('node:worker_threads').parentPort.postMessage('asked');${waiting}`;
    const code = `
      const { Worker } = require('node:worker_threads');
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
      worker.once('message', async () => { await worker.terminate(); console.log('terminated'); });`;
    const result = await runChild({ code });
    expect(result).toMatchObject({ code: 0, stdout: 'terminated\n' });
  });
});

test('the command line', async () => {
  const folder = tempFolder();
  const [cache, data, plan] = ['cache', 'data', 'mlp.plan'].map((name) => path.join(folder, name));
  mkdirSync(data ?? '');
  await writeNpy(path.join(data ?? '', '0.npy'), batch(16).x as Tensor);
  const words = `build --runtime=reference --onnx=${onnx} --saveEngine=${plan} --shapes=x:8x64`;
  const first = await cli(
    `${words} --int8 --calib=${cache} --calibData=${data} --optShapesCalib=x:16x64 --calib-base-cls=IInt8MinMaxCalibrator`,
  );
  expect(first.status, first.stderr).toBe(0);
  expect(readFileSync(cache ?? '', 'utf8')).toContain('-MinMaxCalibration\n');
  const again = await cli(
    `${words} --int8 --calib=${cache} --calib-base-cls=IInt8MinMaxCalibrator --calibProfile=0`,
  );
  expect(again.status, again.stderr).toBe(0);
  const ignored = await cli(`${words} --calib=${cache}`);
  expect(ignored.status).toBe(0);
  expect(ignored.stderr).toContain('--calib is ignored without --int8');
  const wrong = await cli(`${words} --int8 --calib=${cache} --calib-base-cls=Best`);
  expect(wrong.status).toBe(2);
});

test('a model with Q/DQ nodes needs no calibration and gives the right numbers', async () => {
  const { model, weights, scales } = quantizedModel();
  const plan = await build({ ...reference, onnx: model, int8: true });
  await using session = await Session.load(plan, reference);
  const x = Float32Array.of(0.26, -1.02, 3, 100, -100, 0.5, 0.024, 0.026);
  const { y } = await session.run({ x });
  // Saturates at 127 steps, and rounds half to even.
  const quantized = Array.from(x, (value) =>
    Math.max(-128, Math.min(127, Math.round(value / scales[0]))),
  );
  const expected = [0, 1].flatMap((row) =>
    [0, 1].map((column) =>
      [0, 1, 2, 3].reduce(
        (sum, k) =>
          sum +
          (quantized[row * 4 + k] ?? 0) * scales[0] * (weights[k * 2 + column] ?? 0) * scales[1],
        0,
      ),
    ),
  );
  Array.from(y?.data as Float32Array).forEach((value, index) => {
    expect(value).toBeCloseTo(expected[index] ?? NaN, 4);
  });
});
