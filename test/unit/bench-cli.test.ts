// `trt-node bench`: what it prints, its JSON, its files, and wrong usage: exit status, two lines, and no file left behind.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Tensor, formatNpy } from 'trt-node';
import { type CliResult, cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { injectFaults, referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const quick = ['--runtime=reference', '--warmUp=0', '--duration=0', '--iterations=4'];
let bytes: Uint8Array;

beforeAll(async () => {
  bytes = await referencePlan('mlp');
});

/** A folder with mlp.plan. */
function planFolder(): { folder: string; plan: string } {
  const folder = tempFolder();
  const plan = path.join(folder, 'mlp.plan');
  writeFileSync(plan, bytes);
  return { folder, plan };
}

/** Refused: two lines, and nothing measured. */
function expectRefused(result: CliResult, status: number, what: string, hint: string): void {
  expectTwoLines(result, status, what, hint);
  expect(result.stdout).toBe('');
}

describe('bench', () => {
  test("prints trtexec's lines, the mode and the table", async () => {
    const { plan } = planFolder();
    const { status, stdout, stderr } = await cli([
      'bench',
      plan,
      '--runtime=reference',
      '--warmUp=0',
      '--duration=0.3', // long enough for a message to be late
      '--shapes=x:2x64',
    ]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Warmup completed \d+ queries over 0 ms\nTiming trace has \d+ queries/);
    expect(stdout).toMatch(
      /^GPU Compute Time: min = [\d.e-]+ ms, max = .* percentile\(90%\) = .* percentile\(99%\) = [\d.e-]+ ms$/m,
    );
    expect(stdout).toMatch(/^Input: +x \[dtype=float32, shape=\[2, 64\]\] random$/m);
    expect(stdout).toContain(
      'defaults of trtexec 10; CUDA graph off; spin wait off; data transfers on; 1 stream;',
    );
    expect(stdout).toMatch(/^ {2}await session\.run\(\) +[\d.]+/m);
    expect(stdout).toMatch(/^Event loop delay/m);
    expect(stdout).toContain('They say nothing about a GPU.');
  });

  test('--compat=11 has the other defaults, which its own flags turn', async () => {
    const { plan } = planFolder();
    const run = async (...flags: string[]): Promise<string> =>
      (await cli(['bench', plan, ...quick, '--phases=device', ...flags])).stdout;
    expect(await run('--compat=11')).toMatch(
      /trtexec 11; CUDA graph on \(\d+ nodes\); spin wait on; data transfers off/,
    );
    expect(
      await run('--compat=11', '--noCudaGraph', '--noSpinWait', '--includeDataTransfers'),
    ).toContain('trtexec 11; CUDA graph off; spin wait off; data transfers on');
    expect(await run('--useCudaGraph', '--useSpinWait', '--noDataTransfers')).toMatch(
      /trtexec 10; CUDA graph on \(\d+ nodes\); spin wait on; data transfers off/,
    );
  });

  test('--json: every documented field', async () => {
    const { plan, folder } = planFolder();
    const times = path.join(folder, 't.json');
    const { status, data } = await cliJson([
      'bench',
      plan,
      ...quick,
      '--dumpProfile',
      '--dumpOutput',
      `--exportTimes=${times}`,
      '--percentile=50,99.9',
    ]);
    expect(status).toBe(0);
    const number = expect.any(Number) as number;
    const summary = {
      min: number,
      max: number,
      mean: number,
      median: number,
      percentiles: { '50': number, '99.9': number },
    };
    expect(data).toMatchObject({
      plan,
      profile: 0,
      numOptimizationProfiles: 2,
      inputs: [{ name: 'x', dtype: 'float32', shape: [8, 64], source: 'random', optimum: [8, 64] }],
      environment: { runtime: 'reference', node: process.version, device: { index: 0 } },
      settings: { iterations: 4, warmUpMs: 0, durationMs: 0, compat: 10, percentiles: [50, 99.9] },
      device: {
        queries: number,
        warmUpQueries: number,
        wallMs: number,
        throughput: number,
        latency: summary,
        enqueue: summary,
        h2d: summary,
        compute: summary,
        d2h: summary,
        totalComputeMs: number,
        computeVariation: number,
        cpuMs: { threads: number, process: number },
        cudaGraph: { used: false, nodes: 0, refusal: '' },
      },
      js: {
        queries: 4,
        warmUpQueries: number,
        wallMs: number,
        throughput: number,
        latency: summary,
        timed: { queries: 4, latency: summary, split: { js: summary, wakeUp: summary } },
        cpuMs: { user: number, system: number },
        session: { cudaGraph: { captures: number }, launches: { onThread: number } },
      },
      layers: { count: number },
      outputs: [{ name: 'y', dtype: 'float32', shape: [8, 32] }],
      files: { exportTimes: times },
    });
    expect(data.findings).toEqual(
      expect.arrayContaining([expect.objectContaining({ code: 'reference', severity: 'warning' })]),
    );
  });

  test('exports, and dumps', async () => {
    const { plan, folder } = planFolder();
    const names = ['Times', 'Profile', 'Output', 'LayerInfo'];
    const result = await cli([
      'bench',
      plan,
      ...quick,
      ...names.map((name) => `--export${name}=${path.join(folder, `${name}.json`)}`),
      `--html=${path.join(folder, 'r.html')}`,
      '--dumpProfile',
      '--dumpOutput',
      '--dumpLayerInfo',
      '--separateProfileRun',
    ]);
    expect(result.stderr).toContain('--separateProfileRun is ignored');
    expect(result.stdout).toContain('=== Profile (');
    expect(result.stdout).toContain('=== Layer information ===');
    expect(result.stdout).toMatch(/^y: \(8x32\)\n[\d.e-]+ /m);
    const read = (name: string): unknown =>
      JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8'));
    expect(read('Times')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ latencyMs: expect.any(Number) as number }),
      ]),
    );
    expect(read('Profile')).toEqual(
      expect.arrayContaining([
        { count: expect.any(Number) as number },
        expect.objectContaining({ averageMs: expect.any(Number) as number }),
      ]),
    );
    expect(read('Output')).toEqual([expect.objectContaining({ name: 'y', dimensions: '8x32' })]);
    expect(read('LayerInfo')).toBeTypeOf('object');
    expect(readdirSync(folder).sort()).toEqual([
      'LayerInfo.json',
      'Output.json',
      'Profile.json',
      'Times.json',
      'mlp.plan',
      'r.html',
    ]);
  });

  test('--avgRuns prints all averages; without it only some', async () => {
    const { plan } = planFolder();
    const run = async (...flags: string[]): Promise<number> =>
      (
        await cli([
          'bench',
          plan,
          ...quick.slice(0, 3),
          '--iterations=200',
          '--phases=device',
          ...flags,
        ])
      ).stdout.match(/^Average on/gm)?.length ?? 0;
    expect(await run()).toBe(10);
    expect(await run('--avgRuns=5')).toBeGreaterThanOrEqual(40);
  });

  test('inputs from raw bytes and from .npy; a wildcard shape', async () => {
    const { plan, folder } = planFolder();
    const raw = path.join(folder, 'x.bin');
    writeFileSync(raw, Buffer.alloc(3 * 64 * 4));
    const npy = path.join(folder, 'x.npy');
    writeFileSync(npy, formatNpy(new Tensor('float32', new Float32Array(5 * 64), [5, 64])));
    const shapeOf = async (...flags: string[]): Promise<unknown> => {
      const { data } = await cliJson(['bench', plan, ...quick, '--phases=device', ...flags]);
      return (data.inputs as { shape: unknown; source: unknown }[])[0];
    };
    expect(await shapeOf(`--loadInputs=x:${raw}`)).toMatchObject({ shape: [3, 64], source: raw });
    expect(await shapeOf(`--input=x:${npy}`)).toMatchObject({ shape: [5, 64], source: npy });
    expect(await shapeOf('--shapes=*:7x64')).toMatchObject({ shape: [7, 64], source: 'random' });
  });

  test("trtexec's --loadEngine; flags of building are ignored with a warning", async () => {
    const { plan } = planFolder();
    const { status, stderr } = await cli([
      'bench',
      `--loadEngine=${plan}`,
      ...quick,
      '--phases=js',
      '--fp16',
      '--explicitBatch',
      '--optShapes=x:1x64',
    ]);
    expect(status).toBe(0);
    for (const flag of ['fp16', 'explicitBatch', 'optShapes']) {
      expect(stderr).toContain(`warning: --${flag} is ignored`);
    }
  });

  test('a refused graph is said, and the figures are there', async () => {
    const { plan } = planFolder();
    injectFaults('capture');
    const { status, stdout } = await cli(['bench', plan, ...quick, '--useCudaGraph']);
    expect(status).toBe(0);
    expect(stdout).toContain('CUDA graph refused');
    expect(stdout).toContain('! No CUDA graph was used: ');
  });
});

describe('wrong usage and bad input', () => {
  test.each([
    ['', 'bench needs one plan, got 0', 'trt-node bench PLAN'],
    ['a b', 'got 2', 'trt-node bench PLAN'],
    ['p --iteration=5', 'unknown flag --iteration', 'Did you mean --iterations?'],
    ['p --iterations=0', '--iterations needs an integer of at least 1', '--iterations=1'],
    ['p --iterations=x', '--iterations needs an integer', '--iterations=1'],
    ['p --infStreams=0', '--infStreams needs an integer from 1 to 1024', '--infStreams=1'],
    ['p --duration=-2', '--duration needs a number from 0', '--duration=1'],
    ['p --duration=', '--duration needs a number', '--duration=1'],
    ['p --warmUp=soon', '--warmUp needs a number', '--warmUp=1'],
    ['p --avgRuns=0', '--avgRuns needs an integer of at least 1', '--avgRuns=1'],
    ['p --percentile=101', '--percentile needs numbers from 0 to 100', '--percentile=90,95,99'],
    ['p --percentile=90,,99', '--percentile needs numbers', '--percentile=90,95,99'],
    ['p --compat=9', '--compat needs 10 or 11', 'trtexec 10'],
    ['p --phases=gpu', '--phases needs device, js or device,js', '--phases=device'],
    ['p --useCudaGraph --noCudaGraph', 'contradict each other', 'Give one of them.'],
    ['p --useSpinWait --noSpinWait', 'contradict each other', 'Give one of them.'],
    ['p --noDataTransfers --includeDataTransfers', 'contradict each other', 'Give one of them.'],
    ['p --phases=js --exportTimes=t', '--exportTimes is about the device phase', '--phases=device'],
    ['p --phases=js --noDataTransfers', '--noDataTransfers is about', 'Leave out'],
    ['p --iterations=5 --iterations=6', '--iterations was given twice', 'Give it once.'],
    ['p --streams=2 --infStreams=3', '--infStreams was given twice', 'Give it once.'],
    ['p --shapes=x', '--shapes: expected name:1x3x224x224', '--shapes=name:'],
    ['p --loadInputs=x', '--loadInputs: expected name:file', '--loadInputs=name:data.npy'],
    ['p --exportTimes=a --exportOutput=./a', 'is that of --exportTimes', 'a name of its own'],
    ['p --html=p', '--html=p is the plan', 'a name of its own'],
    ['p --html=', '--html needs a file', '--html=FILE'],
    ['p --onnx=m.onnx', "--onnx is trtexec's and not supported here", 'trt-node build'],
    ['p --useManagedMemory', "--useManagedMemory is trtexec's", 'Leave it out'],
    ['p --monitorMemory', "--monitorMemory is trtexec's", 'Leave it out'],
    ['p --dumpRefit', "--dumpRefit is trtexec's", 'trt-node refit PLAN --dumpRefit'],
    ['p --persistentCacheRatio=2', '--persistentCacheRatio needs a number from 0 to 1', '=1'],
    ['p --useSpinWait=1', '--useSpinWait takes no value', 'Write --useSpinWait.'],
  ])('bench %j is wrong usage', async (words, what, hint) => {
    expectRefused(await cli(`bench ${words}`), 2, what, hint);
    const { status, data } = await cliJson(`bench ${words}`);
    expect(status).toBe(2);
    expect(data.error).toMatchObject({ code: 'USAGE' });
  });

  test.each([
    ['--shapes=x:9999x64', '[ERR_TRT_SHAPE_OUT_OF_RANGE]', 'within a profile'],
    ['--shapes=x:8', '[ERR_TRT_RANK_MISMATCH]', 'Add the missing dimensions'],
    ['--shapes=X:8x64', '[ERR_TRT_UNKNOWN_TENSOR]', "Did you mean 'x'?"],
    ['--loadInputs=y:FOLDER/short.bin', '[ERR_TRT_UNKNOWN_TENSOR]', "'x'"],
    ['--loadInputs=x:FOLDER/none.bin', '[ERR_TRT_FILE]', 'Check the path'],
    ['--loadInputs=x:FOLDER/odd.bin', '[ERR_TRT_LENGTH_MISMATCH]', '.npy'],
    ['--loadInputs=x:FOLDER/short.bin', '[ERR_TRT_INVALID_SHAPE]', '--shapes=x'],
    ['--loadInputs=x:FOLDER/short.bin --shapes=x:1x64', '[ERR_TRT_LENGTH_MISMATCH]', ''],
    ['--useProfile=2', '[ERR_TRT_INVALID_ARGUMENT]', ''],
    ['--device=7', '[ERR_TRT_INVALID_ARGUMENT]', ''],
  ])('%j is refused, and leaves no file', async (words, what, hint) => {
    const { folder, plan } = planFolder();
    writeFileSync(path.join(folder, 'odd.bin'), Buffer.alloc(7));
    writeFileSync(path.join(folder, 'short.bin'), Buffer.alloc(40));
    const before = readdirSync(folder);
    const flags = words.replaceAll('FOLDER', folder).split(' ');
    const exports = [`--exportTimes=${folder}/t.json`, `--html=${folder}/r.html`];
    const result = await cli(['bench', plan, ...quick, ...flags, ...exports]);
    expectRefused(result, 1, what, hint);
    expect(readdirSync(folder)).toEqual(before);
  });

  test('a plan that is none, or not there', async () => {
    const { folder } = planFolder();
    const none = path.join(folder, 'none.plan');
    expectRefused(await cli(['bench', none, ...quick]), 1, '[ERR_TRT_FILE]', '');
    expectRefused(await cli(['bench', 'package.json', ...quick]), 1, '[ERR_TRT_INVALID_PLAN]', '');
  });

  test.each([
    'exportTimes',
    'exportProfile',
    'exportChromeTrace',
    'exportOutput',
    'exportLayerInfo',
    'html',
  ])('a file for --%s that cannot be written is told before the measurement', async (flag) => {
    const { folder, plan } = planFolder();
    mkdirSync(path.join(folder, 'folder'));
    const before = readdirSync(folder);
    for (const file of ['folder', 'no/such/file', 'mlp.plan/file']) {
      const flags = [`--${flag}=${path.join(folder, file)}`, '--duration=1000000'];
      const result = await cli(['bench', plan, '--runtime=reference', ...flags]);
      expectRefused(result, 1, '[ERR_TRT_FILE]', 'Check that the folder exists');
    }
    expect(readdirSync(folder)).toEqual(before);
  });

  test('a device that fails leaves no file', async () => {
    const { folder, plan } = planFolder();
    injectFaults('enqueue@3');
    const result = await cli(['bench', plan, ...quick, `--html=${folder}/r.html`]);
    expectRefused(result, 1, '[ERR_TRT_EXECUTION]', '');
    expect(existsSync(path.join(folder, 'r.html'))).toBe(false);
    expect(readdirSync(folder)).toEqual(['mlp.plan']);
  });

  test('all flags of trtexec that are refused have a hint', async () => {
    const { benchFlags } = await import('../../lib/cli/bench-flags.js');
    for (const flag of benchFlags) {
      if (flag.unsupported !== undefined) expect(flag.unsupported).toMatch(/\.$/);
      else expect(flag.help ?? flag.ignored, flag.name).not.toBeUndefined();
    }
  });
});
