// A real Prometheus (Debian's package `prometheus`) that scrapes a metrics door, for as long as a test takes.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../kit/server.ts';

/** The program: TRT_NODE_PROMETHEUS, or that of the PATH; undefined where there is none. */
export function findPrometheus(): string | undefined {
  const program = process.env.TRT_NODE_PROMETHEUS ?? 'prometheus';
  return spawnSync(program, ['--version']).status === 0 ? program : undefined;
}

/** What `promtool check metrics`, which lies beside Prometheus, says of a scrape; undefined where it is not there. */
export function promtool(
  program: string,
  text: string,
): { status: number | null; said: string } | undefined {
  const tool = path.join(path.dirname(program), 'promtool');
  const done = spawnSync(program.includes('/') ? tool : 'promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  return done.error === undefined ? { status: done.status, said: done.stderr } : undefined;
}

interface QueryAnswer {
  readonly status: string;
  readonly data: {
    readonly result: readonly { metric: Record<string, string>; value: [number, string] }[];
  };
}

export interface Prometheus extends AsyncDisposable {
  /** Values of an instant query, by the label `model`. */
  byModel(query: string): Promise<Record<string, number>>;
}

/** Starts it, with the example's own configuration but for target and interval, and waits until it has scraped `target` (HOST:PORT). */
export async function startPrometheus(
  program: string,
  configuration: string,
  target: string,
): Promise<Prometheus> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'trt-node-prometheus-'));
  const file = path.join(folder, 'prometheus.yml');
  writeFileSync(file, configuration.replace('localhost:8002', target).replace('5s', '1s'));
  const address = `127.0.0.1:${await freePort()}`;
  const child: ChildProcess = spawn(
    program,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  const exited = once(child, 'exit');
  // A test that fails must not leave it behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    process.off('exit', kill);
    rmSync(folder, { recursive: true, force: true });
  };

  const query = async (text: string): Promise<QueryAnswer['data']['result']> => {
    const answer = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(text)}`);
    const { status, data } = (await answer.json()) as QueryAnswer;
    if (status !== 'success') throw new Error(`Prometheus refuses ${text}`);
    return data.result;
  };
  const isUp = async (): Promise<boolean> => {
    try {
      return (await query('up{job="trt-node"}'))[0]?.value[1] === '1';
    } catch {
      return false; // it does not listen yet
    }
  };
  for (let left = 150; !(await isUp()); left--) {
    if (left === 0 || child.exitCode !== null) {
      if (child.exitCode === null) await close();
      throw new Error(`Prometheus has not scraped ${target}:\n${log}`);
    }
    await sleep(200);
  }
  return {
    byModel: async (text) =>
      Object.fromEntries(
        (await query(text)).map(({ metric, value }) => [metric.model ?? '', Number(value[1])]),
      ),
    [Symbol.asyncDispose]: close,
  };
}
