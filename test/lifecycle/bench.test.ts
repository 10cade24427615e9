// How `trt-node bench` ends when it is interrupted, and what becomes of a measurement whose process or worker ends.

import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ChildResult, repositoryRoot, runChild } from '../helpers/child.js';
import { referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const main = path.join(repositoryRoot, 'dist/cli/main.js');
let bytes: Uint8Array;

beforeAll(async () => {
  bytes = await referencePlan('mlp');
});

function planFile(): string {
  const plan = path.join(tempFolder(), 'mlp.plan');
  writeFileSync(plan, bytes);
  return plan;
}

/** Runs bench and sends SIGINT at each of the times, in milliseconds. */
function interrupted(
  words: readonly string[],
  times: readonly number[],
): Promise<Pick<ChildResult, 'code' | 'signal' | 'stdout' | 'stderr'>> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, 'bench', ...words, '--runtime=reference'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    const timers = times.map((time) => setTimeout(() => child.kill('SIGINT'), time));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const timer of timers) clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

describe('Ctrl-C', () => {
  test.each(['device', 'js'])(
    'ends the %s phase with status 1 and leaves no file',
    async (phase) => {
      const plan = planFile();
      const folder = path.dirname(plan);
      const flags = [`--phases=${phase}`, '--duration=600', `--html=${folder}/r.html`];
      const { code, signal, stdout, stderr } = await interrupted([plan, ...flags], [2000]);
      expect({ code, signal }, stderr).toEqual({ code: 1, signal: null });
      expect(stdout).toBe('');
      expect(stderr.trimEnd().split('\n')).toHaveLength(2);
      expect(stderr).toContain('[ERR_TRT_ABORTED]');
      expect(readdirSync(folder)).toEqual(['mlp.plan']);
    },
  );

  test('ends a measurement without end, which is then reported', async () => {
    const flags = ['--phases=device', '--duration=-1'];
    const { code, stdout, stderr } = await interrupted([planFile(), ...flags], [2500]);
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('Measuring until Ctrl-C.\n');
    expect(stdout).toMatch(/^Warmup completed/);
    expect(stdout).toContain('=== Performance summary ===');
  });
});

describe('the end of a process or worker during a measurement', () => {
  const code = (then: string): string => `
    const { bench } = require('trt-node');
    const begun = bench(process.argv[1], { runtime: 'reference', durationMs: -1, phases: ['device'] });
    setTimeout(() => { ${then} }, 500);`;

  test('process.exit()', async () => {
    const program = code("console.log('bye'); process.exit(0);");
    const result = await runChild({ code: program }, { args: [planFile()] });
    expect(result).toEqual({ code: 0, signal: null, stdout: 'bye\n', stderr: '' });
  });

  test('worker.terminate()', async () => {
    const worker = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { bench } = require(workerData.module);
      bench(workerData.plan, { runtime: 'reference', durationMs: -1 });
      setTimeout(() => parentPort.postMessage('running'), 500);`;
    const program = `
      const { Worker } = require('node:worker_threads');
      const worker = new Worker(${JSON.stringify(worker)}, {
        eval: true,
        workerData: { plan: process.argv[1], module: require.resolve('trt-node') },
      });
      worker.once('message', async () => {
        await worker.terminate();
        console.log('terminated');
      });`;
    const result = await runChild({ code: program }, { args: [planFile()] });
    expect(result).toEqual({ code: 0, signal: null, stdout: 'terminated\n', stderr: '' });
  });
});
