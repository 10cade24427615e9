// `trt-node serve` in a process of its own, on free ports, with one plan of the reference runtime.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { repositoryRoot } from './child.js';
import { referencePlan } from './reference.js';
import { tempFolder } from './temp.js';

export interface ServeChild {
  readonly process: ChildProcess;
  readonly http: number;
  readonly grpc: number;
  readonly metrics: number;
  /** All of stderr so far. */
  log(): string;
  /** Resolves with the exit status, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals | null>;
}

/** A repository folder with 'mlp', removed when the calling test ends. */
export async function mlpRepository(): Promise<string> {
  const folder = tempFolder();
  mkdirSync(path.join(folder, 'mlp/1'), { recursive: true });
  writeFileSync(path.join(folder, 'mlp/1/model.plan'), await referencePlan('mlp'));
  writeFileSync(
    path.join(folder, 'mlp/config.pbtxt'),
    'platform: "tensorrt_plan"\nmax_batch_size: 32\ndynamic_batching { }\n',
  );
  return folder;
}

/** Starts it and waits until it answers. Killed when the calling test ends. */
export async function serveChild(
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ServeChild> {
  const ports = ['--http-port=0', '--grpc-port=0', '--metrics-port=0', '--http-address=127.0.0.1'];
  const words = ['dist/cli/main.js', 'serve', '--runtime=reference', ...ports, ...flags];
  const child = spawn(process.execPath, words, {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let text = '';
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(code ?? signal);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('Status page:')) resolve();
    });
    child.once('close', () => {
      reject(new Error(`it ended before it answered:\n${text}`));
    });
  });
  const port = (service: string): number =>
    Number(new RegExp(`Started ${service} at \\S+:(\\d+)`).exec(text)?.[1]);
  return {
    process: child,
    http: port('HTTPService'),
    grpc: port('GRPCInferenceService'),
    metrics: port('Metrics Service'),
    log: () => text,
    exited,
  };
}
