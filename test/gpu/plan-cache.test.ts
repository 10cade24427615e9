// The plan cache with TensorRT's own builder: built once, then loaded; a damaged plan, and one of another version, are built again.

import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Session } from 'trt-node';
import { knownAnswer } from '../helpers/known-answers.js';
import { onnx, plan } from './support.js';

const skip = process.env.TRT_NODE_TEST_BUILDER === '1' ? false : 'TRT_NODE_TEST_BUILDER is not 1';

test('mlp.onnx: once for all, and again when it must', { skip }, async () => {
  const cacheDir = mkdtempSync(join(tmpdir(), 'trt-node-'));
  const known = knownAnswer('mlp');
  const load = async (): Promise<{ built: boolean; warnings: string[] }> => {
    let built = false;
    const warnings: string[] = [];
    const session = await Session.load(onnx('mlp.onnx'), {
      ...known.build,
      builderOptimizationLevel: 0,
      cacheDir,
      progress: () => (built = true),
      log: (_severity, line) => warnings.push(line),
    });
    await known.check(session);
    await session.close();
    return { built, warnings: warnings.filter((line) => line.startsWith('[plan cache]')) };
  };
  try {
    assert.deepEqual(await load(), { built: true, warnings: [] });
    assert.deepEqual(await load(), { built: false, warnings: [] });
    const entry = (extension: string): string =>
      join(cacheDir, readdirSync(cacheDir).find((name) => name.endsWith(extension)) ?? '');
    const bytes = readFileSync(entry('.plan'));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(entry('.plan'), bytes);
    const damaged = await load();
    assert.ok(damaged.built);
    assert.match(damaged.warnings.join(), /cannot be trusted/);

    // A plan of another TensorRT, described as if it were the right one: only TensorRT can tell.
    copyFileSync(plan('mlp-8.6.plan'), entry('.plan'));
    const other = readFileSync(entry('.plan'));
    const sidecar = JSON.parse(readFileSync(entry('.json'), 'utf8')) as Record<string, unknown>;
    sidecar.plan = {
      bytes: other.length,
      sha256: createHash('sha256').update(other).digest('hex'),
    };
    writeFileSync(entry('.json'), JSON.stringify(sidecar));
    const refused = await load();
    assert.ok(refused.built);
    assert.match(refused.warnings.join(), /is refused/);
    assert.deepEqual(await load(), { built: false, warnings: [] });
  } finally {
    rmSync(cacheDir, { recursive: true });
  }
});
