// The plan cache between processes and threads: one build for all, and nobody waits for the dead.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Session } from 'trt-node';
import { repositoryRoot } from '../helpers/child.js';
import { expectError } from '../helpers/expect-error.js';
import { reference } from '../helpers/reference.js';

const script = path.join('test', 'lifecycle', 'plan-cache.cjs');
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function cacheFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-cache-'));
  cleanups.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

interface Running {
  child: ChildProcess;
  /** All that it has printed, by line. */
  lines: string[];
  /** Resolves when it has printed a line that begins so. */
  says(word: string): Promise<void>;
  ended: Promise<number | null>;
}

function start(cacheDir: string, how: 'load' | 'hang' | 'worker'): Running {
  const child = spawn(process.execPath, [script, cacheDir, how], {
    cwd: repositoryRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const all = (rest + chunk).split('\n');
    rest = all.pop() ?? '';
    lines.push(...all);
    child.emit('said');
  });
  const says = async (word: string): Promise<void> => {
    while (!lines.some((line) => line.startsWith(word))) await once(child, 'said');
  };
  const ended = once(child, 'close').then(() => child.exitCode);
  return { child, lines, says, ended };
}

function builds(processes: readonly Running[]): number {
  return processes.flatMap(({ lines }) => lines).filter((line) => line === 'building').length;
}

test('processes that start together build once', async () => {
  const cacheDir = cacheFolder();
  const processes = Array.from({ length: 4 }, () => start(cacheDir, 'load'));
  expect(await Promise.all(processes.map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
  expect(builds(processes)).toBe(1);
  for (const { lines } of processes) expect(lines.at(-1)).toBe('loaded 1x32');
});

test('so do worker threads', async () => {
  const workers = start(cacheFolder(), 'worker');
  expect(await workers.ended).toBe(0);
  expect(builds([workers])).toBe(1);
  expect(workers.lines.filter((line) => line.startsWith('loaded'))).toHaveLength(3);
});

test('a builder that is killed: one of those who wait builds, and the others take that', async () => {
  const cacheDir = cacheFolder();
  const dead = start(cacheDir, 'hang');
  await dead.says('building');
  const waiting = [start(cacheDir, 'load'), start(cacheDir, 'load')];
  await Promise.all(waiting.map(({ says }) => says('start')));
  expect(builds(waiting)).toBe(0);
  dead.child.kill('SIGKILL');
  expect(await Promise.all(waiting.map(({ ended }) => ended))).toEqual([0, 0]);
  expect(builds(waiting)).toBe(1);
  expect(readdirSync(cacheDir).filter((name) => name.endsWith('.plan'))).toHaveLength(1);
});

test('who waits for another process can be aborted, and the event loop goes on', async () => {
  const cacheDir = cacheFolder();
  const holder = start(cacheDir, 'hang');
  await holder.says('building');
  const controller = new AbortController();
  const log: string[] = [];
  let waits: () => void = () => undefined;
  const waited = new Promise<void>((resolve) => (waits = resolve));
  const loading = Session.load('test/fixtures/onnx/mlp.onnx', {
    ...reference,
    cacheDir,
    profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }],
    signal: controller.signal,
    log: (_severity, line) => {
      log.push(line);
      waits();
    },
    logSeverity: 'info',
  });
  await Promise.race([waited, loading]);
  expect(log).toEqual([expect.stringContaining('waiting for whoever builds')]);
  controller.abort();
  await expectError(() => loading, 'ERR_TRT_ABORTED');
  expect(holder.lines).toEqual(['start', 'building']);
});
