// `trt-node serve` in a process of its own, and a plain HTTP client of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { repositoryRoot } from './child.js';

/** An answer over HTTP. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

/** A server, ended with SIGTERM when the calling test ends: it must then have survived, and exit with 0. */
export class ServingProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  #output = '';

  private constructor(folder: string, port: number, ports: readonly number[], flags: string[]) {
    this.port = port;
    const [grpc = 0, metrics = 0] = ports;
    const args = [
      'dist/cli/main.js',
      'serve',
      `--model-repository=${folder}`,
      `--http-port=${port}`,
      `--grpc-port=${grpc}`,
      `--metrics-port=${metrics}`,
    ];
    this.child = spawn(process.execPath, [...args, ...flags], {
      cwd: repositoryRoot,
      env: { ...process.env, TRT_NODE_RUNTIME: 'reference' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const note = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    this.child.stdout?.on('data', note);
    this.child.stderr?.on('data', note);
  }

  /** Starts it, and waits until it answers that it is `alive`: ready, unless told otherwise. */
  static async start(
    folder: string,
    flags: string[] = [],
    alive = '/v2/health/ready',
  ): Promise<ServingProcess> {
    const port = await freePort();
    const ports = [await freePort(), await freePort()];
    const server = new ServingProcess(folder, port, ports, flags);
    onTestFinished(async () => {
      const code = await server.stop();
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${server.output}`);
    });
    for (;;) {
      if (server.child.exitCode !== null) {
        throw new Error(`the server ended with ${server.child.exitCode}:\n${server.output}`);
      }
      const answer = await server.get(alive).catch(() => undefined);
      if (answer?.status === 200) return server;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** What it printed. */
  get output(): string {
    return this.#output;
  }

  /** SIGTERM, unless it has ended; the exit status, or the signal that killed it. */
  async stop(): Promise<number | string> {
    this.#agent.destroy();
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    return child.exitCode ?? child.signalCode ?? 'nothing';
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  post(path: string, body: string | Uint8Array = '', headers = {}): Promise<Answer> {
    return this.send('POST', path, body, headers);
  }

  send(
    method: string,
    path: string,
    body: string | Uint8Array = '',
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, method, path, agent: this.#agent };
      const outgoing = request({ ...options, headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const { statusCode: status = 0, headers: given } = incoming;
          resolve({ status, headers: given, body: Buffer.concat(chunks) });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** Resident memory in MiB. */
  async residentMiB(): Promise<number> {
    const { readFile } = await import('node:fs/promises');
    const status = await readFile(`/proc/${this.child.pid ?? 0}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  }
}

/** The body of an inference request with one FP32 or INT32 tensor as JSON. */
export function inferBody(
  name: string,
  shape: number[],
  data: number[],
  datatype = 'FP32',
): string {
  return JSON.stringify({ inputs: [{ name, shape, datatype, data }] });
}
