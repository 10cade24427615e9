// The timing cache: shared by processes that build at once, kept by device and version, and never a reason to fail.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { build } from 'trt-node';
import { timingCacheName } from '../../lib/build/timing-cache.js';
import { runChild } from '../helpers/child.js';
import { cliJson } from '../helpers/cli.js';
import { expectError } from '../helpers/expect-error.js';
import { makeOnnx } from '../helpers/onnx-maker.js';
import { reference } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

/** A model with layers that no other `number` has. */
function chain(number: number): Buffer {
  return makeOnnx({
    name: `chain ${number}`,
    nodes: [0, 1, 2].map((index) => ({
      op: 'Relu',
      inputs: [index === 0 ? 'x' : `t${index}`],
      outputs: [index === 2 ? 'y' : `t${index + 1}`],
      name: `relu_${index}`,
    })),
    inputs: { x: [2, 4] },
    outputs: { y: [2, 4] },
  });
}

/** The entries of the reference runtime's cache (native/reference/builder/timing_cache.h). */
function entries(file: string): string[] {
  const bytes = readFileSync(file);
  expect(bytes.subarray(0, 8).toString()).toBe('TRTNRTC1');
  const list: string[] = [];
  for (let at = 16; at < bytes.length; at += 16) list.push(bytes.toString('hex', at, at + 16));
  expect(list).toHaveLength(bytes.readUInt32LE(12));
  return list;
}

async function buildWith(timingCacheFile: string, number: number): Promise<string[]> {
  const lines: string[] = [];
  await build({
    ...reference,
    onnx: chain(number),
    timingCacheFile,
    log: (_severity, line) => lines.push(line),
  });
  return lines;
}

test('it grows with each build, and a build that is in it adds nothing', async () => {
  const file = path.join(tempFolder(), 'timing.cache');
  await buildWith(file, 1);
  expect(entries(file)).toHaveLength(3);
  await buildWith(file, 1);
  expect(entries(file)).toHaveLength(3);
  await buildWith(file, 2);
  expect(entries(file)).toHaveLength(6);
});

test('processes that build at the same time lose nothing of each other', async () => {
  const folder = tempFolder();
  const file = path.join(folder, 'timing.cache');
  const processes = 6;
  const models = Array.from({ length: processes * 4 }, (_, index) => {
    writeFileSync(path.join(folder, `${index}.onnx`), chain(index));
    return index;
  });
  const code = (own: number[]): string => `
    const { build } = require('trt-node');
    Promise.all(${JSON.stringify(own)}.map((index) => build({
      runtime: 'reference', onnx: ${JSON.stringify(folder)} + '/' + index + '.onnx',
      timingCacheFile: ${JSON.stringify(file)},
      log: (severity, line) => console.log(line),
    })));`;
  const results = await Promise.all(
    Array.from({ length: processes }, (_, own) =>
      runChild(
        { code: code(models.filter((index) => index % processes === own)) },
        { timeoutMs: 60_000 },
      ),
    ),
  );
  for (const result of results) expect(result).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(new Set(entries(file)).size).toBe(models.length * 3);
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
}, 90_000);

describe('a cache that is of no use', () => {
  test.each([
    ['damaged', (bytes: Buffer) => bytes.subarray(0, bytes.length - 3)],
    ['something else', () => Buffer.from('no timing cache at all')],
    [
      'of another version',
      (bytes: Buffer) => {
        bytes[8] = 9;
        return bytes;
      },
    ],
  ])('%s: a warning, and it is started anew', async (_what, spoil) => {
    const file = path.join(tempFolder(), 'timing.cache');
    await buildWith(file, 1);
    writeFileSync(file, spoil(readFileSync(file)));
    const lines = await buildWith(file, 2);
    expect(lines.join('\n')).toContain('it is started anew');
    expect(entries(file)).toHaveLength(3);
  });

  test('a build that fails leaves it as it is', async () => {
    const file = path.join(tempFolder(), 'timing.cache');
    writeFileSync(file, 'no timing cache at all');
    await expectError(
      () => build({ ...reference, onnx: 'test/fixtures/onnx/mlp.onnx', timingCacheFile: file }),
      'ERR_TRT_INVALID_ARGUMENT',
    );
    expect(readFileSync(file, 'utf8')).toBe('no timing cache at all');
  });
});

test('a lock file that was left behind blocks nobody', async () => {
  const file = path.join(tempFolder(), 'timing.cache');
  writeFileSync(`${file}.lock`, '');
  await buildWith(file, 1);
  expect(entries(file)).toHaveLength(3);
});

test('a folder has a file for each device and TensorRT', async () => {
  const folder = tempFolder();
  await buildWith(folder, 1);
  const [name, ...others] = readdirSync(folder).filter((file) => !file.endsWith('.lock'));
  expect(others).toEqual([]);
  expect(name).toMatch(/^reference-10\.6\.[\d.]+-[a-z0-9-]+-sm\d+\.cache$/);
  const made = path.join(folder, 'made', 'here', '/');
  await buildWith(made, 1);
  expect(readdirSync(made)).toContain(name);
  expect(
    timingCacheName(
      { kind: 'tensorrt', version: { major: 10, minor: 6, patch: 0, build: 26 } },
      { name: 'NVIDIA H200 (MIG 1g)', computeCapability: [9, 0] },
    ),
  ).toBe('tensorrt-10.6.0.26-nvidia-h200-mig-1g-sm90.cache');
});

test('the command line takes both', async () => {
  const folder = tempFolder();
  const caches = path.join(folder, 'caches');
  mkdirSync(caches);
  const model = path.join(folder, 'chain.onnx');
  writeFileSync(model, chain(1));
  const { status } = await cliJson(
    `build --runtime=reference --onnx=${model} --saveEngine=${folder}/chain.plan --timingCacheFile=${caches}`,
  );
  expect(status).toBe(0);
  expect(readdirSync(caches)).toHaveLength(2);
});
