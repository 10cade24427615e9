// `trt-node serve` in a process of its own, for the parts of an example that need the original's shape: a server beside its client.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExampleError } from './failure.ts';

/** A TCP port of this machine that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

export interface ServerProcess extends AsyncDisposable {
  /** HOST:PORT of each door. */
  readonly http: string;
  readonly grpc: string;
  readonly metrics: string;
  /** What it has printed so far. */
  log(): string;
  /** Ends it as an operator would, with SIGTERM. */
  close(): Promise<void>;
}

/** The program behind `npx trt-node`. */
export const commandLine = path.join(
  path.dirname(createRequire(import.meta.url).resolve('trt-node/package.json')),
  'dist/cli/main.js',
);

/**
 * Starts the server and waits until it is ready.
 * @param ports - Default: free ones.
 * @throws ExampleError with the server's own words when it ends early.
 */
export async function startServer(
  repository: string,
  flags: readonly string[] = [],
  ports: Partial<Record<'http' | 'grpc' | 'metrics', number>> = {},
): Promise<ServerProcess> {
  const http = ports.http ?? (await freePort());
  const grpc = ports.grpc ?? (await freePort());
  const metrics = ports.metrics ?? (await freePort());
  const child: ChildProcess = spawn(
    process.execPath,
    [
      commandLine,
      'serve',
      `--model-repository=${repository}`,
      `--http-port=${http}`,
      `--grpc-port=${grpc}`,
      `--metrics-port=${metrics}`,
      ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (log += text));
  }
  const exited = once(child, 'exit');
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await exited;
  };
  const url = `http://127.0.0.1:${http}/v2/health/ready`;
  const isReady = async (): Promise<boolean> => {
    try {
      // The port may be another program's that never answers.
      return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
    } catch {
      return false;
    }
  };
  while (!(await isReady())) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new ExampleError(
        `trt-node serve ended with status ${child.exitCode ?? child.signalCode ?? ''}:\n${log.trimEnd()}`,
        `Is a port in use (${http}, ${grpc}, ${metrics}), or a model missing?`,
      );
    }
    await sleep(50);
  }
  return {
    http: `127.0.0.1:${http}`,
    grpc: `127.0.0.1:${grpc}`,
    metrics: `127.0.0.1:${metrics}`,
    log: () => log,
    close,
    [Symbol.asyncDispose]: close,
  };
}
