// `trt-node serve` in a process of its own, for the parts of an example that need the original's shape: a server beside its client.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { ExampleError } from './failure.ts';
import { startProgram } from './program.ts';

/** A TCP port of this machine that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A TCP port that somebody listens on until it is closed. */
export async function takenPort(): Promise<AsyncDisposable & { readonly port: number }> {
  // On all addresses: a server of any of them is in its way.
  const server = createServer((socket) => socket.destroy()).listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: () => new Promise((done) => void server.close(() => done())),
  };
}

export interface ServerProcess extends AsyncDisposable {
  /** HOST:PORT of each door. */
  readonly http: string;
  readonly grpc: string;
  readonly metrics: string;
  /** Ends it as an operator would, with SIGTERM. */
  close(): Promise<void>;
}

/** The program behind `npx trt-node`. */
export const commandLine = path.join(
  path.dirname(createRequire(import.meta.url).resolve('trt-node/package.json')),
  'dist/cli/main.js',
);

/** Ports of the three doors, once the server has told all of them. */
function portsIn(log: string): Record<'http' | 'grpc' | 'metrics', string> | undefined {
  const portOf = (name: string): string | undefined =>
    new RegExp(`Started ${name} at \\S+:(\\d+)\\s`).exec(log)?.[1];
  const [http, grpc, metrics] = ['HTTPService', 'GRPCInferenceService', 'Metrics Service'].map(
    portOf,
  );
  return http && grpc && metrics ? { http, grpc, metrics } : undefined;
}

/**
 * Starts the server and waits until it serves, with its models loaded.
 * @param ports - Default: free ones.
 * @throws ExampleError with the server's own words when it ends early.
 */
export async function startServer(
  repository: string,
  flags: readonly string[] = [],
  ports: Partial<Record<'http' | 'grpc' | 'metrics', number>> = {},
): Promise<ServerProcess> {
  const { http = 0, grpc = 0, metrics = 0 } = ports;
  const server = await startProgram(
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
    portsIn,
    (status, log) =>
      new ExampleError(
        `trt-node serve ended with status ${status}:\n${log}`,
        Object.values(ports).length > 0
          ? `Is a port in use (${Object.values(ports).join(', ')}), or a model missing?`
          : 'Is a model missing?',
      ),
  );
  return {
    http: `127.0.0.1:${server.ready.http}`,
    grpc: `127.0.0.1:${server.ready.grpc}`,
    metrics: `127.0.0.1:${server.ready.metrics}`,
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  };
}
