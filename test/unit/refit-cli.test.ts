// trt-node refit, and the flags of run, bench and build that go with it.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Session, Tensor, writeNpy } from 'trt-node';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { float32Weights, mlp } from '../helpers/onnx-weights.js';
import { reference } from '../helpers/reference.js';
import { float32Safetensors } from '../helpers/safetensors.js';
import { tempFolder } from '../helpers/temp.js';

const onnx = 'test/fixtures/onnx/mlp.onnx';
const original = float32Weights(onnx).get('W')!;
const shapes = '--minShapes=x:1x64 --optShapes=x:8x64 --maxShapes=x:256x64 --runtime=reference';

async function buildPlan(folder: string, flags: string): Promise<string> {
  const plan = path.join(folder, 'model.plan');
  const built = await cli(`build --onnx=${onnx} --saveEngine=${plan} ${flags} ${shapes}`);
  expect(built.stderr, built.stderr).toBe('');
  return plan;
}

async function check(plan: string): Promise<void> {
  const session = await Session.load(plan, reference);
  onTestFinished(() => session.close());
  const x = ramp(64);
  const { y } = await session.run({ x });
  assertClose(y!.data as Float32Array, mlp(x, original), 1e-5, 'y');
}

beforeAll(() => {
  expect(original).toHaveLength(2048);
});

describe('trt-node refit', () => {
  test('a stripped plan gets its weights from ONNX, and is a whole plan again', async () => {
    const folder = tempFolder();
    const plan = await buildPlan(folder, '--stripWeights');
    const saved = path.join(folder, 'whole.plan');
    const { status, data } = await cliJson(
      `refit ${plan} --onnx=${onnx} --saveEngine=${saved} --dumpRefit --runtime=reference`,
    );
    expect(status).toBe(0);
    expect(data).toMatchObject({
      plan,
      saved,
      refitted: ['W'],
      ignored: [],
      weights: [{ name: 'W', dtype: 'float32', count: 2048, missing: true }],
    });
    expect(data.bytes).toBeGreaterThan(8192);
    await check(saved);
  });

  test('from safetensors with another name, and from a folder', async () => {
    const folder = tempFolder();
    const plan = await buildPlan(folder, '--stripWeights --refit');
    const file = path.join(folder, 'weights.safetensors');
    await writeFile(file, float32Safetensors({ kernel: { shape: [64, 32], data: original } }));
    const saved = path.join(folder, 'whole.plan');
    const text = await cli(
      `refit --loadEngine=${plan} --weights=${file} --mapName=kernel=W --saveEngine=${saved} --timeRefit --runtime=reference`,
    );
    expect(text.stderr).toBe('');
    expect(text.stdout).toContain('1 weights refitted');
    expect(text.stdout).toMatch(/Engine refitted in [\d.]+ sec\./);
    await check(saved);
    const weights = tempFolder();
    await writeNpy(path.join(weights, 'W.npy'), new Tensor('float32', original, [64, 32]));
    const again = path.join(folder, 'again.plan');
    const { data } = await cliJson(
      `refit ${saved} --weights=${weights} --saveEngine=${again} --excludeWeights --runtime=reference`,
    );
    expect(data).toMatchObject({ refitted: ['W'], weights: null });
    expect(data.bytes).toBeLessThan(4096);
  });

  test('lists weights', async () => {
    const plan = await buildPlan(tempFolder(), '--refit');
    const { stdout } = await cli(`refit ${plan} --dumpRefit --runtime=reference`);
    expect(stdout).toBe('Refittable weights: 1\n  W [dtype=float32, count=2048]\n');
  });

  test('wrong usage, and plans that cannot', async () => {
    const folder = tempFolder();
    const plan = await buildPlan(folder, '');
    const runs: [string, number, string, string][] = [
      ['refit', 2, 'needs one plan', 'PLAN'],
      [`refit ${plan}`, 2, 'needs weights', '--onnx'],
      [`refit ${plan} --onnx=${onnx}`, 2, '--saveEngine', 'NEW_PLAN'],
      [`refit ${plan} --dumpRefit --saveEngine=x`, 2, 'needs weights', '--onnx'],
      [`refit ${plan} --onnx=${onnx} --saveEngine=${folder}/x --mapName=a`, 2, 'FROM=TO', 'name'],
      [
        `refit ${plan} --onnx=${onnx} --saveEngine=${folder}/x --runtime=reference`,
        1,
        'ERR_TRT_UNSUPPORTED',
        '--refit',
      ],
      [`refit ${plan} --dumpRefit --runtime=reference`, 1, 'ERR_TRT_UNSUPPORTED', '--refit'],
    ];
    for (const [words, status, what, hint] of runs) {
      expectTwoLines(await cli(words), status, what, hint);
    }
  });
});

describe('run and bench', () => {
  test('run --refitFromOnnx makes a stripped plan run', async () => {
    const plan = await buildPlan(tempFolder(), '--stripWeights');
    const refused = await cli(`run ${plan} --runtime=reference`);
    expectTwoLines(refused, 1, 'stripped', '');
    const { status, data } = await cliJson(
      `run ${plan} --refitFromOnnx=${onnx} --allocationStrategy=static --runtime=reference`,
    );
    expect(status).toBe(0);
    expect(data.outputs).toHaveLength(1);
  });

  test.each(['static', 'profile', 'runtime'])('bench with %s allocation', async (strategy) => {
    const plan = await buildPlan(
      tempFolder(),
      '--stripWeights --stronglyTyped --allowWeightStreaming',
    );
    const { status, data } = await cliJson(
      `bench ${plan} --refitFromOnnx=${onnx} --weightStreamingBudget=50% --allocationStrategy=${strategy} --duration=0 --warmUp=0 --iterations=2 --runtime=reference`,
    );
    expect(status).toBe(0);
    const words = { static: 'static', profile: 'onProfileChange', runtime: 'lent' };
    expect(data).toMatchObject({
      refit: { weights: 1 },
      settings: {
        allocationStrategy: words[strategy as keyof typeof words],
        weightStreamingBudget: '50%',
      },
    });
  });

  test('bench --timeRefit prints it', async () => {
    const plan = await buildPlan(tempFolder(), '--refit');
    const { stdout } = await cli(
      `bench ${plan} --refitFromOnnx=${onnx} --timeRefit --phases=device --duration=0 --warmUp=0 --runtime=reference`,
    );
    expect(stdout).toMatch(/Engine refitted in [\d.]+ sec\./);
  });

  test.each([
    ['--weightStreamingBudget=-3', '-2, -1'],
    ['--weightStreamingBudget=101%', 'percentage'],
    ['--weightStreamingBudget=lots', 'percentage'],
    ['--allocationStrategy=dynamic', 'static, profile or runtime'],
  ])('%s is wrong usage', async (flag, what) => {
    expectTwoLines(await cli(['run', 'x.plan', flag]), 2, what, 'Write for example');
    expectTwoLines(await cli(['bench', 'x.plan', flag]), 2, what, 'Write for example');
  });
});
