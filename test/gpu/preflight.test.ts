// preflight() on a real GPU: it says what then happens. With a builder also: what the flags of a build leave in the plan.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { type BuildOptions, Runtime, Session, build, isTensorRTError, preflight } from 'trt-node';
import { knownAnswer } from '../helpers/known-answers.js';
import { onnx, plan, readPlan } from './support.js';

const skip = process.env.TRT_NODE_TEST_BUILDER === '1' ? false : 'TRT_NODE_TEST_BUILDER is not 1';

test('every fixture plan: what preflight says is what happens', async () => {
  const names = readdirSync(dirname(plan('mlp.plan'))).filter((name) => name.endsWith('.plan'));
  assert.ok(names.length > 5);
  for (const name of names) {
    const { verdict, checks, header } = await preflight(plan(name));
    const words = `${name}: ${JSON.stringify(checks)}`;
    let loaded = 'runs';
    try {
      const session = await Session.load(plan(name));
      const { activationBytesPerProfile: told } = header ?? {};
      if (told !== undefined) {
        assert.equal(told.length, session.engine.numOptimizationProfiles, words);
        assert.deepEqual([...told], [...session.engine.deviceMemoryBytesPerProfile], words);
      }
      assert.equal(header?.hardwareCompatibilityLevel, session.engine.hardwareCompatibilityLevel);
      await session.close();
    } catch (error) {
      if (!isTensorRTError(error)) throw error;
      loaded = 'cannot-run';
      assert.equal(error.preflight?.verdict, 'cannot-run', error.message);
    }
    assert.equal(verdict, loaded, words);
  }
});

test('the plan of another TensorRT: why not', async () => {
  const { verdict, checks, header } = await preflight(plan('mlp-8.6.plan'));
  assert.equal(verdict, 'cannot-run');
  assert.equal(header?.version, '8.6.1.6');
  const failed = checks.filter(({ status }) => status === 'failed');
  assert.deepEqual(
    failed.map(({ check, expected }) => [check, expected]),
    [['version', 'TensorRT 8.6.1.6']],
  );
  using runtime = new Runtime();
  assert.throws(
    () => runtime.deserializeEngine(readPlan('mlp-8.6.plan')),
    (error) => isTensorRTError(error) && error.preflight?.header?.version === '8.6.1.6',
  );
});

test('an engine part that TensorRT refuses: the report is on the error', async () => {
  const bytes = Buffer.from(readPlan('mlp.plan'));
  bytes[0x54] = 0xee; // the serialization version of the engine part
  const { header, verdict } = await preflight(bytes);
  assert.equal(verdict, 'unknown');
  assert.equal(header?.serializationVersion, 238);
  assert.equal(header.activationBytesPerProfile, undefined);
  await assert.rejects(
    () => Session.load(bytes),
    (error) => isTensorRTError(error) && error.preflight?.header?.serializationVersion === 238,
  );
});

const flags: [string, Partial<BuildOptions>, Record<string, unknown>][] = [
  ['no flag', {}, { hardwareCompatibilityLevel: 'none', versionCompatible: false }],
  [
    'hardware-compatible',
    { hardwareCompatibilityLevel: 'amperePlus' },
    { hardwareCompatibilityLevel: 'amperePlus', versionCompatible: false },
  ],
  [
    'version-compatible, without the lean runtime',
    { versionCompatible: true, excludeLeanRuntime: true },
    { versionCompatible: true, leanRuntime: false },
  ],
  ['refittable', { refit: true }, { stripped: false, versionCompatible: false }],
];
for (const [what, options, expected] of flags) {
  test(`built ${what}: the header tells`, { skip }, async () => {
    const bytes = await build({
      ...knownAnswer('mlp').build,
      ...options,
      onnx: onnx('mlp.onnx'),
      builderOptimizationLevel: 0,
    });
    const { verdict, header, checks } = await preflight(bytes);
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(Reflect.get(header ?? {}, name), value, `${name}: ${JSON.stringify(header)}`);
    }
    assert.equal(verdict, 'runs', JSON.stringify(checks));
    const session = await Session.load(bytes);
    assert.deepEqual(
      [...(header?.activationBytesPerProfile ?? [])],
      [...session.engine.deviceMemoryBytesPerProfile],
    );
    await session.close();
  });
}
