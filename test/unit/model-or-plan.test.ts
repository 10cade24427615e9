// A model where a plan belongs, and the other way; flags and options that do not go together: the errors say what to do.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Session, Tensor, build, checkModel, compareOutputs, preflight } from 'trt-node';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { expectError } from '../helpers/expect-error.js';
import { reference } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const onnx = 'test/fixtures/onnx/mlp.onnx';
const profiles = [{ x: [8, 64] }];

async function planFile(stripWeights = false): Promise<string> {
  const saveEngine = path.join(tempFolder(), 'mlp.plan');
  await build({ onnx, profiles, saveEngine, stripWeights, ...reference });
  return saveEngine;
}

describe('a model where a plan belongs', () => {
  test.each([
    `bench ${onnx}`,
    `refit ${onnx} --onnx=${onnx} --saveEngine=no/x.plan`,
    `inspect ${onnx} --getPlanVersionOnly`,
  ])('%s', async (words) => {
    const hint = `trt-node build --onnx=${onnx} --saveEngine=test/fixtures/onnx/mlp.plan`;
    const result = await cli(`${words} --runtime=reference`);
    expectTwoLines(result, 1, "mlp.onnx' is an ONNX model [ERR_TRT_INVALID_PLAN]", hint);
  });

  test('preflight', async () => {
    const { verdict, checks } = await preflight(onnx, reference);
    expect(verdict).toBe('cannot-run');
    expect(checks).toMatchObject([{ check: 'file', found: 'an ONNX model' }]);
    expect(checks[0]?.hint).toContain('trt-node build');
  });

  test('run --compare=onnxruntime takes the model that runs', async () => {
    const folder = tempFolder();
    const { status, data } = await cliJson(
      `run ${onnx} --shapes=x:4x64 --cacheDir=${folder} --compare=onnxruntime --runtime=reference`,
    );
    expect(status).toBe(0);
    expect(data.comparison).toMatchObject({ passed: true });
  });
});

describe('a plan where a model belongs', () => {
  test('build, checkModel', async () => {
    const plan = await planFile();
    await expectError(() => build({ onnx: plan, ...reference }), 'ERR_TRT_PARSE', 'got a plan');
    await expectError(() => checkModel(plan, reference), 'ERR_TRT_PARSE', 'got a plan');
  });

  test('options of build with a plan: refit is another thing', async () => {
    const plan = await planFile(true);
    const refit = { onnx } as unknown as boolean;
    await expectError(
      () => Session.load(plan, { refit, ...reference }),
      'ERR_TRT_INVALID_ARGUMENT',
      'refitFrom',
    );
  });

  test('a stripped plan says how to get its weights', async () => {
    await using session = await Session.load(await planFile(true), reference);
    const x = new Tensor('float32', new Float32Array(8 * 64), [8, 64]);
    await expectError(() => session.run({ x }), 'ERR_TRT_EXECUTION', 'refitFrom');
  });
});

describe('flags', () => {
  test.each(['--layers', '--graph=g.svg', '--diff=b', '--capability'])(
    'inspect --preflight and %s exclude each other',
    async (flag) => {
      const result = await cli(`inspect a --preflight ${flag}`);
      expectTwoLines(result, 2, 'exclude each other', 'Inspect twice.');
    },
  );

  test('bench ignores what build takes', async () => {
    const plan = await planFile();
    const { status, stderr } = await cli(
      `bench ${plan} --avgTiming=3 --vc --refit --markDebug=a --markDebug=b --phases=js --duration=0 --warmUp=0 --runtime=reference`,
    );
    expect(status).toBe(0);
    for (const flag of ['avgTiming', 'vc', 'refit', 'markDebug']) {
      expect(stderr).toContain(`warning: --${flag} is ignored`);
    }
    const help = await cli('bench --help');
    expect(help.stdout).not.toContain('--avgTiming');
  });

  test('build looks whether it can write before it builds', async () => {
    const saveEngine = path.join(tempFolder(), 'no', 'x.plan');
    const phases: string[] = [];
    await expectError(
      () =>
        build({
          onnx,
          profiles,
          saveEngine,
          progress: ({ phase }) => phases.push(phase),
          ...reference,
        }),
      'ERR_TRT_FILE',
      'cannot write',
    );
    expect(phases).toEqual([]);
    expect(existsSync(saveEngine)).toBe(false);
  });

  test('tolerances are checked by name', async () => {
    const wrong = { atoll: 1 } as object;
    await expectError(() => compareOutputs({}, {}, wrong), 'ERR_TRT_INVALID_ARGUMENT', "'atol'");
  });
});
