// How processes and workers end, what forgotten handles do, and what is said where something is missing: each in a process of its own.

import { copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadAddon } from '../../lib/load.js';
import { type ChildOptions, type ChildResult, repositoryRoot, runChild } from '../helpers/child.js';
import { referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const scenarios = path.join(repositoryRoot, 'test/lifecycle/scenarios.cjs');
let bytes: Uint8Array;

beforeAll(async () => {
  bytes = await referencePlan('mlp');
});

/** Runs a scenario with mlp's plan; `faults` for the reference library. */
function run(scenario: string, faults = '', options: ChildOptions = {}): Promise<ChildResult> {
  const plan = path.join(tempFolder(), 'mlp.plan');
  writeFileSync(plan, bytes);
  return runChild(scenarios, {
    args: [scenario, plan],
    nodeArgs: ['--expose-gc'],
    ...options,
    env: { TRT_NODE_REFERENCE_FAULTS: faults, ...options.env },
  });
}

function expectEnd(result: ChildResult, stdout: string | RegExp, code = 0): void {
  const { stderr, signal } = result;
  expect({ signal, code: result.code }, stderr + result.stdout).toEqual({ signal: null, code });
  if (typeof stdout === 'string') expect(result.stdout).toBe(stdout);
  else expect(result.stdout).toMatch(stdout);
  if (code === 0) expect(stderr).toBe('');
}

describe('the end of a process', () => {
  test('it waits for a run that somebody waits for', async () => {
    expectEnd(await run('wait-for-run', 'delay=200'), 'done 8x32\n');
  });

  test('it does not wait for an idle session', async () => {
    const start = performance.now();
    expectEnd(await run('idle-session'), /^an open session does not keep/);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test.each(['exit-in-flight', 'exit-while-loading', 'close-at-exit'])('%s', async (scenario) => {
    expectEnd(await run(scenario, 'delay=100'), 'exit\n');
  });

  test('an exception that nobody catches, with work in flight', async () => {
    const result = await run('throw-in-flight', 'delay=100');
    expectEnd(result, 'throw\n', 1);
    expect(result.stderr).toContain('on purpose');
  });

  test('everything may be closed twice, in any order', async () => {
    expectEnd(await run('double-close', 'delay=20'), 'closed\n');
  });

  test('close() keeps the process alive until it is done', async () => {
    expectEnd(await run('close-without-waiting', 'delay=100'), 'closed\n');
  });
});

describe('workers', () => {
  test('terminated while runs are in flight', async () => {
    expectEnd(await run('terminate-worker', 'delay=50'), 'still works\n');
  });

  test('terminated within runSync', async () => {
    expectEnd(await run('terminate-worker-in-runSync', 'delay=15'), 'still works\n');
  });

  test('several at the same time, sharing nothing', async () => {
    expectEnd(await run('workers'), '0 0 0 0 4 agree\n');
  });

  test('that leave sessions open', async () => {
    expectEnd(await run('workers-that-leave-open'), '0 0 0 0 0\n');
  });

  test('handles cannot be cloned into another thread, tensors can', async () => {
    expectEnd(await run('handles-in-a-worker'), /tensors are data: 512\n$/);
  });
});

describe('memory', () => {
  test('forgotten handles are freed, sessions included', async () => {
    expectEnd(await run('forgotten-handles'), 'true 0\n');
  });

  test('a session that is forgotten with a run in flight still settles it', async () => {
    expectEnd(await run('forgotten-run', 'delay=60'), 'done 8x32\n');
  });

  test('230 sessions leave nothing behind', async () => {
    const result = await run('memory');
    expectEnd(result, /^\{/);
    const { grown, alive } = JSON.parse(result.stdout) as { grown: number; alive: number };
    expect(alive).toBe(0);
    expect(grown).toBeLessThan(12); // MiB
  });

  test('no promise, array or handle of a closed session stays', async () => {
    const result = await run('closed-sessions', '', {
      nodeArgs: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    });
    expectEnd(result, /^\[/);
    for (const more of JSON.parse(result.stdout) as number[]) expect(more).toBeLessThan(20);
  });
});

describe('two copies of the package in one process', () => {
  /** A copy of what is shipped, with an addon of its own. */
  function copyPackage(): string {
    const folder = tempFolder();
    const addon = path.dirname(loadAddon().path);
    cpSync(path.join(repositoryRoot, 'dist'), path.join(folder, 'dist'), { recursive: true });
    copyFileSync(path.join(repositoryRoot, 'package.json'), path.join(folder, 'package.json'));
    symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(folder, 'node_modules'));
    const release = path.join(folder, 'build/Release');
    mkdirSync(release, { recursive: true });
    for (const name of ['trt_node.node', 'libtrtnode_reference.so']) {
      copyFileSync(path.join(addon, name), path.join(release, name));
    }
    return folder;
  }

  test('both work, know each other’s errors and tensors, and end cleanly', async () => {
    const plan = path.join(tempFolder(), 'mlp.plan');
    writeFileSync(plan, bytes);
    const code = `
      const [a, b] = process.argv.slice(1, 3).map((folder) => require(folder));
      const plan = process.argv[3];
      (async () => {
        const options = { runtime: 'reference' };
        const one = await a.Session.load(plan, options);
        const two = await b.Session.load(plan, options);
        const x = new a.Tensor('float32', new Float32Array(512).fill(0.5), [8, 64]);
        const [first, second] = await Promise.all([one.run({ x }), two.run({ x })]);
        const error = await two.run({ z: x }).catch((thrown) => thrown);
        console.log(JSON.stringify({
          copies: a.Session !== b.Session,
          same: first.y.data.every((value, index) => value === second.y.data[index]),
          foreign: error instanceof a.InvalidArgumentError && a.isTensorRTError(error),
          constructed: error.constructor === b.InvalidArgumentError,
        }));
        await one.close();
        const again = await two.run({ x });
        console.log(again.y.shape.join('x'));
        await two.close();
      })();
    `;
    const args = [copyPackage(), copyPackage(), plan];
    const result = await runChild({ code }, { args, env: { TRT_NODE_BINDING: undefined } });
    expectEnd(result, /8x32\n$/);
    expect(JSON.parse(result.stdout.split('\n')[0] ?? '')).toEqual({
      copies: true,
      same: true,
      foreign: true,
      constructed: true,
    });
  });
});

describe('what the machine lacks', () => {
  interface Told {
    code: string;
    name: string;
    message: string;
  }
  const told = (line: string | undefined): Told => JSON.parse(line ?? '') as Told;

  test('no driver', async () => {
    const { stdout, code } = await run('no-driver', 'nodevice');
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n').map(told);
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line).toMatchObject({ code: 'ERR_TRT_NO_DRIVER', name: 'LoadError' });
      expect(line.message).toMatch(/CUDA_ERROR_NO_DEVICE|device/);
    }
  });

  test('no addon: the package can be imported, and the first use says why', async () => {
    const { stdout } = await run('error-of-load', '', {
      env: { TRT_NODE_BINDING: '/no/such.node' },
    });
    const [imported, line] = stdout.split('\n');
    expect(imported).toBe('imported');
    expect(told(line)).toMatchObject({ code: 'ERR_TRT_ADDON', name: 'LoadError' });
    expect(told(line).message).toContain('cannot load the native addon /no/such.node');
    expect(told(line).message).toContain('TRT_NODE_BINDING must be');
  });

  test('a file that is no addon', async () => {
    const binding = path.join(repositoryRoot, 'package.json');
    const { stdout } = await run('error-of-load', '', { env: { TRT_NODE_BINDING: binding } });
    expect(told(stdout.split('\n')[1])).toMatchObject({ code: 'ERR_TRT_ADDON' });
  });

  test('no ONNX Runtime', async () => {
    const env = { TRT_NODE_ONNXRUNTIME_LIBRARY: '/no/such/libonnxruntime.so.1' };
    const missing = told((await run('error-of-load', '', { env })).stdout.split('\n')[1]);
    expect(missing.code).toBe('ERR_TRT_REFERENCE_UNAVAILABLE');
    expect(missing.message).toContain('/no/such/libonnxruntime.so.1');
    expect(missing.message).toContain('npm install onnxruntime-node');
    const wrong = { TRT_NODE_ONNXRUNTIME_LIBRARY: path.join(repositoryRoot, 'package.json') };
    const invalid = told((await run('error-of-load', '', { env: wrong })).stdout.split('\n')[1]);
    expect(invalid.code).toBe('ERR_TRT_REFERENCE_UNAVAILABLE');
    expect(invalid.message).toContain('package.json');
  });
});

describe('the command line as a process', () => {
  const main = path.join(repositoryRoot, 'dist/cli/main.js');

  test('exit statuses, and nothing but JSON on stdout', async () => {
    const good = await runChild(main, {
      args: ['inspect', 'test/fixtures/onnx/mlp.onnx', '--json'],
    });
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(good.stdout)).toMatchObject({ kind: 'onnx' });
    const failed = await runChild(main, { args: ['inspect', 'package.json'] });
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    const wrong = await runChild(main, { args: ['inspect', '--jason'] });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('Did you mean --json?');
  });

  test('it starts quickly: nothing native is loaded for --help', async () => {
    const env = { TRT_NODE_BINDING: '/no/such.node' };
    const result = await runChild(main, { args: ['run', '--help'], env });
    expect(result).toMatchObject({ code: 0, stderr: '' });
  });

  test('a reader that closes early is no error', async () => {
    const code = `
      const { spawn } = require('node:child_process');
      const child = spawn(process.execPath, [process.argv[1], 'run', '--help'], { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.destroy();
      child.on('close', (status) => console.log('status', status));
    `;
    const result = await runChild({ code }, { args: [main] });
    expect(result.stdout).toMatch(/status 0/);
    expect(result.stderr).toBe('');
  });
});
