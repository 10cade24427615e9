// preflight(): what a plan tells of itself, held against what TensorRT's own API said of it; what follows for a machine; and bytes that are no plan.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type PreflightReport, Runtime, Session, isTensorRTError, preflight } from 'trt-node';
import { type PlanFacts, readPlanFacts } from '../../lib/inspect/plan-header.js';
import { preflightOf } from '../../lib/inspect/preflight.js';
import type { Machine } from '../../lib/inspect/preflight-checks.js';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { expectError, thrownBy } from '../helpers/expect-error.js';
import { injectFaults, reference, referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

interface Head {
  bytes: number;
  head: string;
  api?: {
    activationBytesPerProfile: number[];
    hardwareCompatibilityLevel: string;
    streamableWeightsBytes: number;
    deviceMemoryBytes: number;
  };
  built?: { versionCompatible: boolean; stripped: boolean; weightStreaming: boolean };
}

const fixtures = 'test/fixtures/plans';
const heads = JSON.parse(
  gunzipSync(readFileSync(path.join(fixtures, 'heads.json.gz'))).toString(),
) as Record<string, Head>;

function head(name: string): Buffer {
  return Buffer.from(heads[name]?.head ?? '', 'base64');
}

function factsOf(name: string): PlanFacts {
  const facts = readPlanFacts(head(name), heads[name]?.bytes ?? 0);
  if (facts === undefined) throw new Error(`${name} is no plan`);
  return facts;
}

describe('what plans tell, and what TensorRT’s API said of them', () => {
  const built10 = Object.entries(heads).filter(([, { api }]) => api !== undefined);
  test.each(built10)('%s', (name, { bytes, api, built }) => {
    const facts = factsOf(name);
    expect(facts).toMatchObject({
      runtime: 'tensorrt',
      bytes,
      announcedBytes: bytes,
      version: { major: 10, minor: 6, patch: 0, build: 26 },
      serializationVersion: 239,
      computeCapability: [9, 0],
      multiprocessors: 132,
      hardwareCompatibilityLevel: api?.hardwareCompatibilityLevel,
      stripped: built?.stripped,
      weightStreaming: built?.weightStreaming,
      activationBytesPerProfile: api?.activationBytesPerProfile,
      leanRuntime: false,
    });
    expect(Math.max(...(facts.activationBytesPerProfile ?? []))).toBe(api?.deviceMemoryBytes);
    // Where kernels that are not the inner compiler's come first, its settings lie behind the part that is kept here.
    const far = name.startsWith('lane');
    expect(facts.versionCompatible).toBe(far ? undefined : built?.versionCompatible);
  });

  test('8.6: version and GPU, and no more', () => {
    const names = Object.keys(heads).filter((name) => name.startsWith('8.6'));
    expect(names).toHaveLength(5);
    for (const name of names) {
      expect(factsOf(name)).toEqual({
        runtime: 'tensorrt',
        bytes: heads[name]?.bytes,
        announcedBytes: heads[name]?.bytes,
        version: { major: 8, minor: 6, patch: 1, build: 6 },
        serializationVersion: 236,
        computeCapability: [9, 0],
        multiprocessors: 132,
        leanRuntime: false,
      });
    }
  });

  test('whole plans', () => {
    const whole = (name: string): PlanFacts | undefined => {
      const bytes = readFileSync(path.join(fixtures, `${name}.plan`));
      return readPlanFacts(bytes, bytes.length);
    };
    expect(whole('lane')).toMatchObject({
      versionCompatible: false,
      weightsBytes: 178496,
      activationBytesPerProfile: [44236800],
    });
    expect(whole('mlp')?.activationBytesPerProfile).toEqual([4096, 32768]);
    expect(whole('scalar')).toMatchObject({
      versionCompatible: undefined,
      computeCapability: [9, 0],
    });
  });
});

const h200: Machine = {
  platform: {
    kind: 'tensorrt',
    version: { major: 10, minor: 6, patch: 0, build: 26 },
    flavor: 'full',
  },
  device: {
    index: 0,
    name: 'NVIDIA H200',
    uuid: '',
    pciBusId: '',
    totalMemoryBytes: 150e9,
    computeCapability: [9, 0],
    multiprocessors: 132,
    integrated: false,
    canMapHostMemory: true,
  },
  memory: { freeBytes: 140e9, totalBytes: 150e9 },
  engineHostCodeAllowed: false,
  missing: '',
};

function on(
  name: string,
  change: { version?: string; flavor?: 'lean'; capability?: [number, number]; free?: number } & {
    multiprocessors?: number;
    allowed?: boolean;
  } = {},
): PreflightReport {
  const { platform, device } = h200;
  if (platform === undefined || device === undefined) throw new Error('never');
  const [major = 0, minor = 0, patch = 0, build = 0] = (change.version ?? '10.6.0.26')
    .split('.')
    .map(Number);
  return preflightOf(head(name), heads[name]?.bytes ?? 0, {
    ...h200,
    platform: {
      ...platform,
      version: { major, minor, patch, build },
      flavor: change.flavor ?? 'full',
    },
    device: {
      ...device,
      computeCapability: change.capability ?? [9, 0],
      multiprocessors: change.multiprocessors ?? 132,
    },
    memory: { freeBytes: change.free ?? 140e9, totalBytes: 150e9 },
    engineHostCodeAllowed: change.allowed ?? false,
  });
}

function statusOf(report: PreflightReport, name: string): string | undefined {
  return report.checks.find(({ check }) => check === name)?.status;
}

describe('what follows for a machine', () => {
  const cases: [string, Parameters<typeof on>[1], string, Record<string, string>][] = [
    ['base', {}, 'runs', { version: 'ok', device: 'ok', memory: 'ok', plugins: 'unknown' }],
    ['base', { version: '10.7.0.23' }, 'cannot-run', { version: 'failed' }],
    ['base', { version: '10.6.0.20' }, 'unknown', { version: 'unknown' }],
    ['base', { version: '11.0.0.1' }, 'cannot-run', { version: 'failed' }],
    ['base', { version: '8.6.1.6' }, 'cannot-run', { version: 'failed' }],
    ['base', { capability: [8, 9] }, 'cannot-run', { device: 'failed' }],
    ['base', { multiprocessors: 78 }, 'runs', { device: 'warning' }],
    ['base', { flavor: 'lean' }, 'cannot-run', { 'version-compatible': 'failed' }],
    ['vc-nolean', { flavor: 'lean' }, 'runs', { 'version-compatible': 'ok' }],
    ['vc-nolean', { version: '10.7.0.23' }, 'unknown', { version: 'unknown' }],
    ['vc-nolean', { version: '11.0.0.1' }, 'cannot-run', { version: 'failed' }],
    ['hw-ampere', { capability: [8, 0] }, 'runs', { device: 'ok' }],
    ['hw-ampere', { capability: [12, 0] }, 'runs', { 'hardware-compatibility': 'ok' }],
    ['hw-ampere', { capability: [7, 5] }, 'cannot-run', { device: 'failed' }],
    ['strip', {}, 'runs', { weights: 'warning' }],
    ['shapes-8192', { free: 2 ** 20 }, 'cannot-run', { memory: 'failed' }],
    ['two-profiles', { free: 20_000 }, 'runs', { memory: 'warning' }],
    ['ws', { free: 5000 }, 'runs', { memory: 'ok' }],
    ['8.6-mlp', {}, 'cannot-run', { version: 'failed' }],
    ['8.6-mlp', { version: '8.6.1.6' }, 'runs', { memory: 'unknown', weights: 'unknown' }],
    ['8.6-mlp', { version: '8.6.1.6', capability: [8, 6] }, 'unknown', { device: 'unknown' }],
    ['lane-detailed', { version: '10.7.0.23' }, 'unknown', { version: 'unknown' }],
    ['lane-detailed', { flavor: 'lean' }, 'unknown', { 'version-compatible': 'unknown' }],
  ];
  test.each(cases)('%s on %j: %s', (name, machine, verdict, statuses) => {
    const report = on(name, machine);
    expect(report.verdict, JSON.stringify(report.checks, undefined, 1)).toBe(verdict);
    for (const [check, status] of Object.entries(statuses)) {
      expect(statusOf(report, check), check).toBe(status);
    }
    for (const { status, expected, found, hint } of report.checks) {
      expect(expected).not.toBe('');
      expect(found).not.toBe('');
      if (status === 'failed') expect(hint).not.toBe('');
    }
  });

  test('a plan large enough for a lean runtime, of another version', () => {
    const bytes = Buffer.from(head('vc-nolean'));
    const size = 40 * 2 ** 20;
    bytes.writeBigUInt64LE(BigInt(size), 16);
    const machine = (allowed: boolean, major: number): Machine => ({
      ...h200,
      platform: {
        kind: 'tensorrt',
        version: { major, minor: 7, patch: 0, build: 0 },
        flavor: 'full',
      },
      engineHostCodeAllowed: allowed,
    });
    expect(preflightOf(bytes, size, machine(true, 10)).verdict).toBe('runs');
    expect(preflightOf(bytes, size, machine(true, 11)).verdict).toBe('runs');
    expect(preflightOf(bytes, size, machine(false, 11)).verdict).toBe('unknown');
    expect(preflightOf(bytes, size, machine(true, 12)).verdict).toBe('cannot-run');
  });

  test('nothing is known of the machine', () => {
    const nothing: Machine = {
      platform: undefined,
      device: undefined,
      memory: undefined,
      engineHostCodeAllowed: false,
      missing: 'no GPU',
    };
    const report = preflightOf(head('base'), heads.base?.bytes ?? 0, nothing);
    expect(report.verdict).toBe('unknown');
    expect(report.checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(report.checks.find(({ check }) => check === 'device')).toMatchObject({
      status: 'unknown',
      expected: 'compute capability 9.0',
      found: 'no GPU',
    });
    // TensorRT alone, without a GPU, is enough to tell that the version is wrong.
    const later = {
      kind: 'tensorrt',
      version: { major: 10, minor: 9, patch: 0, build: 0 },
    } as const;
    const library: Machine = { ...nothing, platform: { ...later, flavor: 'full' } };
    expect(preflightOf(head('base'), heads.base?.bytes ?? 0, library).verdict).toBe('cannot-run');
  });
});

describe('preflight()', () => {
  test('plans of the reference runtime: all but their weights is known, and then they run', async () => {
    const file = path.join(tempFolder(), 'mlp.plan');
    writeFileSync(file, await referencePlan('mlp'));
    const report = await preflight(file, reference);
    expect(report.verdict).toBe('runs');
    for (const { check, status } of report.checks) {
      expect([check, status]).toEqual([check, check === 'weights' ? 'unknown' : 'ok']);
    }
    expect(report.header).toMatchObject({ runtime: 'reference', version: undefined });
    await (await Session.load(file, reference)).close();
    truncateSync(file, 1000);
    const cut = await preflight(new URL(`file://${file}`), reference);
    expect(cut.verdict).toBe('cannot-run');
    expect(cut.checks).toMatchObject([{ check: 'file', status: 'failed', found: '1000 bytes' }]);
  });

  test('a GPU’s plan on the reference runtime, and without TensorRT', async () => {
    const file = path.join(fixtures, 'mlp.plan');
    const report = await preflight(file, reference);
    expect(report).toMatchObject({
      verdict: 'cannot-run',
      header: { version: '10.6.0.26', computeCapability: [9, 0], versionCompatible: false },
    });
    expect(report.checks.at(-1)).toMatchObject({ check: 'runtime', status: 'failed' });
    const none = await preflight(file, { runtime: 'tensorrt', library: '/no/libnvinfer.so.10' });
    expect(none.verdict).toBe('unknown');
    expect(statusOf(none, 'version')).toBe('unknown');
  });

  test('what is no plan', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('GIF89a…'), readFileSync('package.json')]) {
      const report = await preflight(bytes, reference);
      expect(report).toMatchObject({ verdict: 'cannot-run', header: undefined });
      expect(report.checks).toMatchObject([{ check: 'file', status: 'failed' }]);
    }
    await expectError(() => preflight('no/such.plan', reference), 'ERR_TRT_FILE', 'no/such.plan');
    await expectError(() => preflight(fixtures, reference), 'ERR_TRT_FILE', 'regular file');
    await expectError(
      () => preflight('x', { ...reference, devise: 1 } as never),
      'ERR_TRT_INVALID_ARGUMENT',
      "Did you mean 'device'?",
    );
  });
});

describe('errors of loading carry the report', () => {
  const gpuPlan = path.join(fixtures, 'mlp-8.6.plan');

  test('of Session.load and of Runtime, from a path and from bytes', async () => {
    const bytes = readFileSync(gpuPlan);
    using runtime = new Runtime(reference);
    const actions = [
      () => Session.load(gpuPlan, reference),
      () => Session.load(bytes, reference),
      () => runtime.deserializeEngine(bytes),
      () => runtime.deserializeEngineAsync(bytes),
      () => runtime.deserializeEngineAsync(gpuPlan),
    ];
    for (const action of actions) {
      const error = await expectError(action, 'ERR_TRT_PLAN_RUNTIME');
      expect(error.preflight).toMatchObject({
        verdict: 'cannot-run',
        header: { version: '8.6.1.6', computeCapability: [9, 0], multiprocessors: 132 },
      });
      expect(Object.keys(error)).not.toContain('preflight');
    }
  });

  test('bytes that are changed after the call are not what is reported', async () => {
    const bytes = readFileSync(gpuPlan);
    const loading = thrownBy(() => Session.load(bytes, reference));
    bytes.fill(0);
    const error = await loading;
    expect(isTensorRTError(error) && error.preflight?.header?.version).toBe('8.6.1.6');
  });

  test('an error that TensorRT does not explain stays what it is, with the report', async () => {
    const plan = await referencePlan('mlp');
    injectFaults('deserialize');
    const error = await expectError(() => Session.load(plan, reference), 'ERR_TRT_DESERIALIZE');
    expect(error.preflight?.verdict).toBe('runs');
    injectFaults('alloc');
    const memory = await expectError(() => Session.load(plan, reference), 'ERR_TRT_OUT_OF_MEMORY');
    expect(statusOf(memory.preflight as PreflightReport, 'memory')).toBe('ok');
  });

  test('other errors have none', async () => {
    const error = await expectError(() => Session.load('no/such.plan', reference), 'ERR_TRT_FILE');
    expect(error.preflight).toBeUndefined();
  });
});

describe('the command line', () => {
  test('inspect --preflight', async () => {
    const bad = await cli(`inspect ${fixtures}/mlp.plan --preflight --runtime=reference`);
    expect(bad.status).toBe(1);
    expect(bad.stdout).toContain('The plan cannot run here.');
    expect(bad.stdout).toContain('Version-compatible:      no');
    expect(bad.stderr).toBe('');
    const file = path.join(tempFolder(), 'mlp.plan');
    writeFileSync(file, await referencePlan('mlp'));
    const good = await cliJson(['inspect', file, '--preflight', '--runtime=reference']);
    expect(good.status).toBe(0);
    expect(good.data).toMatchObject({ verdict: 'runs', header: { version: null } });
  });

  test('--getPlanVersionOnly', async () => {
    const plan = `${fixtures}/mlp-8.6.plan`;
    expect(await cli(`inspect ${plan} --getPlanVersionOnly`)).toEqual({
      status: 0,
      stdout: '8.6.1.6\n',
      stderr: '',
    });
    const bench = await cli(`bench --loadEngine=${plan} --getPlanVersionOnly`);
    expect(bench.stdout).toBe('Plan was created with TensorRT version 8.6.1.6\n');
    const json = await cliJson(`inspect ${plan} --getPlanVersionOnly`);
    expect(json.data).toEqual({ plan, version: '8.6.1.6' });
    const file = path.join(tempFolder(), 'mlp.plan');
    writeFileSync(file, await referencePlan('mlp'));
    expectTwoLines(
      await cli(['inspect', file, '--getPlanVersionOnly']),
      1,
      "tells TensorRT's version",
      'reference runtime',
    );
  });
});

describe('damaged plans', () => {
  /** What a plan may claim; anything else is a fault of the reader. */
  function expectSane(facts: PlanFacts | undefined): void {
    if (facts === undefined) return;
    const { computeCapability: capability, activationBytesPerProfile: activations } = facts;
    expect([undefined, 'none', 'amperePlus']).toContain(facts.hardwareCompatibilityLevel);
    expect([undefined, true, false]).toContain(facts.versionCompatible);
    if (capability !== undefined) {
      expect(capability[0]).toBeGreaterThanOrEqual(3);
      expect(capability[1]).toBeLessThanOrEqual(9);
    }
    for (const bytes of activations ?? []) expect(Number.isSafeInteger(bytes)).toBe(true);
    if (activations !== undefined) expect(activations.length).toBeGreaterThan(0);
  }

  test.each(['two-profiles', 'vc-nolean-refit', '8.6-lane'])('every prefix of %s', (name) => {
    const bytes = head(name);
    const whole = factsOf(name);
    // Behind the tagged values there is text, of which some prefixes are enough.
    for (let length = 0; length <= bytes.length; length += length < 1200 ? 1 : 61) {
      const cut = bytes.subarray(0, length);
      // A truncated file: nothing of its inside is told, and it cannot run.
      const alone = readPlanFacts(cut, length);
      expect(alone?.computeCapability).toBeUndefined();
      if (length > 32) expect(preflightOf(cut, length, h200).verdict).toBe('cannot-run');
      // The beginning of a whole file: what is told is true.
      const facts = readPlanFacts(cut, heads[name]?.bytes ?? 0);
      for (const [key, value] of Object.entries(facts ?? {})) {
        if (value !== undefined)
          expect(value, `${key} at ${length}`).toEqual(Reflect.get(whole, key));
      }
    }
  });

  test.each(['base', 'hw-ampere-vc', '8.6-mlp'])(
    'every flipped bit of %s',
    { timeout: 60_000 },
    (name) => {
      const bytes = head(name);
      for (let bit = 0; bit < 8 * Math.min(bytes.length, 720); bit++) {
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expectSane(readPlanFacts(bytes, heads[name]?.bytes ?? 0));
        preflightOf(bytes, heads[name]?.bytes ?? 0, h200);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      }
    },
  );

  test('a changed tag ends what is told, as does a size that leads outside', () => {
    const bytes = head('base');
    const device = bytes.indexOf(Buffer.of(0x12, 0x80, 0x01, 0x00));
    bytes[device] = 0x13;
    expect(readPlanFacts(bytes, heads.base?.bytes ?? 0)).toMatchObject({
      version: { major: 10 },
      computeCapability: undefined,
      hardwareCompatibilityLevel: undefined,
      activationBytesPerProfile: undefined,
    });
    const damaged = head('base');
    damaged[0x54] = 0xee; // the serialization version, which 10.6.0 has only one of
    const report = preflightOf(damaged, heads.base?.bytes ?? 0, h200);
    expect([report.verdict, statusOf(report, 'file')]).toEqual(['unknown', 'unknown']);
    const outside = head('base');
    outside.writeBigUInt64LE(2n ** 63n, 0x30);
    expect(readPlanFacts(outside, heads.base?.bytes ?? 0)?.computeCapability).toBeUndefined();
  });

  test('many beginnings of what is searched for do not take long', () => {
    const bytes = Buffer.alloc(4 << 20, Buffer.from('NLYM\x1a\x9c\x1e\x00', 'latin1'));
    head('base').copy(bytes, 0, 0, 0x50);
    bytes.writeBigUInt64LE(BigInt(bytes.length), 16);
    expect(readPlanFacts(bytes, bytes.length)?.versionCompatible).toBeUndefined();
  });
});
