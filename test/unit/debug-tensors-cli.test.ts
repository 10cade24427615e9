// trt-node run --saveDebugTensors, --saveAllDebugTensors.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { build, readNpy } from 'trt-node';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { knownAnswer } from '../helpers/known-answers.js';
import { reference } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

async function planFile(folder: string): Promise<string> {
  const saveEngine = path.join(folder, 'marked.plan');
  const onnx = 'test/fixtures/onnx/mlp.onnx';
  const markDebug = ['m', 'r'];
  await build({ ...reference, ...knownAnswer('mlp').build, onnx, markDebug, saveEngine });
  return saveEngine;
}

test('named tensors to files, all of them in several formats', async () => {
  const folder = tempFolder();
  const plan = await planFile(folder);
  const run = `run ${plan} --runtime=reference --shapes=x:8x64`;
  const npy = path.join(folder, 'relu.npy');
  const raw = path.join(folder, 'matmul.bin');
  const named = await cli(`${run} --saveDebugTensors=r:${npy},m:${raw} --iterations=2`);
  expect(named.stderr).toBe('');
  expect(named.status).toBe(0);
  expect(named.stdout).toContain('Debug tensors:');
  expect(named.stdout).toContain(`Wrote r to ${npy}`);
  const relu = await readNpy(npy);
  expect(relu.shape[0]).toBe(8);
  const matmul = new Float32Array(new Uint8Array(readFileSync(raw)).buffer);
  expect(matmul.length).toBe(relu.data.length);
  // What the second is by definition.
  expect([...(relu.data as Float32Array)]).toEqual([...matmul].map((value) => Math.max(value, 0)));

  const out = path.join(folder, 'out');
  const all = await cliJson(
    `${run} --saveAllDebugTensors=summary,numpy,string,raw --saveOutputs=${out}`,
  );
  expect(all.status).toBe(0);
  const tensors = all.data.debugTensors as { name: string; files: string[]; min: number }[];
  expect(tensors.map(({ name }) => name)).toEqual(['m', 'r']);
  expect(tensors[1]!.min).toBe(0);
  expect(readdirSync(out).sort()).toEqual(
    ['m.npy', 'm.raw', 'm.txt', 'r.npy', 'r.raw', 'r.txt', 'y.npy'].sort(),
  );
  expect(readFileSync(path.join(out, 'r.txt'), 'utf8').trim().split('\n').map(Number)).toEqual([
    ...((await readNpy(path.join(out, 'r.npy'))).data as Float32Array),
  ]);
});

test('what cannot be', async () => {
  const folder = tempFolder();
  const plan = await planFile(folder);
  const run = `run ${plan} --runtime=reference`;
  expectTwoLines(await cli(`${run} --saveAllDebugTensors=pdf`), 2, 'expected summary', 'numpy');
  expectTwoLines(await cli(`${run} --saveDebugTensors=y`), 2, 'name:file', 'npy');
  expectTwoLines(
    await cli(`${run} --saveDebugTensors=y:${path.join(folder, 'y.npy')}`),
    1,
    'expected debug tensors of this engine, got "y"',
    'markDebug',
  );
  expectTwoLines(
    await cli(`bench ${plan} --saveDebugTensors=r:r.npy`),
    2,
    '--saveDebugTensors',
    'trt-node run PLAN',
  );
  const none = await cliJson(`${run} --saveAllDebugTensors=summary`);
  expect((none.data.debugTensors as unknown[]).length).toBe(2);
});
