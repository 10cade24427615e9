// Programs in processes of their own: one that serves until it is closed, and one that runs to its end. Neither outlives this process.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { ExampleError } from './failure.ts';

export interface Ended {
  /** Exit status, or the signal that ended it. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  /** Beside what this process has. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A child whose output is kept, and its end: when all output is there. */
function start(command: string, args: readonly string[], { cwd, env }: ProgramOptions) {
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'] };
  const child: ChildProcess = spawn(command, args, {
    ...options,
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
  });
  // A test that fails must not leave it behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const texts = { stdout: '', stderr: '', log: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      texts.log += text;
    });
  }
  const ended = new Promise<Ended>((resolve) => {
    const settle = (status: number | string): void => {
      process.off('exit', kill);
      resolve({ status, stdout: texts.stdout, stderr: texts.stderr });
    };
    child.once('error', (error) => {
      texts.stderr += error.message;
      texts.log += error.message;
      settle('error');
    });
    child.once('close', (code, signal) => settle(code ?? signal ?? ''));
  });
  return { child, texts, ended };
}

/** Runs a program to its end, whatever that is. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Ended> {
  return start(command, args, options).ended;
}

/** `node FILE.ts ARGS…` */
export function runTsx(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  return runProgram(process.execPath, ['--import', 'tsx', ...args], options);
}

export interface Program<Ready> extends AsyncDisposable {
  /** What `findReady` found. */
  readonly ready: Ready;
  /** Ends it as an operator would, with SIGTERM. */
  close(): Promise<void>;
}

/**
 * Starts a program, and waits until it has printed that it is ready.
 * @param findReady - Looks for that in all that it has printed.
 * @param failed - The error when it ends before, with its status and what it printed.
 */
export async function startProgram<Ready>(
  command: string,
  args: readonly string[],
  findReady: (log: string) => Ready | undefined,
  failed: (status: number | string, log: string) => ExampleError,
  options: ProgramOptions = {},
): Promise<Program<Ready>> {
  const { child, texts, ended } = start(command, args, options);
  const ready = await new Promise<Ready>((resolve, reject) => {
    const look = (): void => {
      const found = findReady(texts.log);
      if (found === undefined) return;
      for (const stream of [child.stdout, child.stderr]) stream?.off('data', look);
      resolve(found);
    };
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', look);
    void ended.then(({ status }) => reject(failed(status, texts.log.trimEnd())));
  });
  // A test that fails without closing it ends all the same, and it with the test.
  const handles = [child, child.stdout as Socket, child.stderr as Socket];
  for (const handle of handles) handle.unref();
  const close = async (): Promise<void> => {
    for (const handle of handles) handle.ref();
    child.kill('SIGTERM');
    await ended;
  };
  return { ready, close, [Symbol.asyncDispose]: close };
}
