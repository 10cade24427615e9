// Loads one server through every door: node benchmarks/serving/run.mjs [SCENARIO…] [--option=value …]; ../README.md tells all of it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment } from '../parts/environment.mjs';
import { round } from '../parts/statistics.mjs';
import { makeRepository } from './models.mjs';
import { csv, serverParts, summarize, table } from './report.mjs';
import { scenarios } from './scenarios.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runtime: { type: 'string', default: process.env.TRT_NODE_RUNTIME ?? 'tensorrt' },
    plans: { type: 'string' },
    clients: {
      type: 'string',
      default: String(Math.max(2, Math.min(8, os.availableParallelism() - 2))),
    },
    'warmup-ms': { type: 'string', default: '1000' },
    'duration-ms': { type: 'string', default: '5000' },
    out: { type: 'string', default: here('../results/serving') },
    name: { type: 'string', default: 'serving' },
    profile: { type: 'string' },
  },
});
const unknown = positionals.find((name) => !(name in scenarios));
if (unknown !== undefined) {
  console.error(`no scenario is called ${unknown}; there are ${Object.keys(scenarios).join(', ')}`);
  process.exit(2);
}
const times = {
  warmupMs: Number(values['warmup-ms']),
  durationMs: Number(values['duration-ms']),
};

/** Sends a message to a child, and waits for its answer. */
function ask(child, message) {
  return new Promise((resolve, reject) => {
    const ended = (code, signal) =>
      reject(new Error(`a process of the measurement ended with ${signal ?? code}`));
    child.once('exit', ended);
    child.once('message', (answer) => {
      child.off('exit', ended);
      if (answer.error === undefined) resolve(answer);
      else reject(new Error(answer.error));
    });
    if (message !== undefined) child.send(message);
  });
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'trt-node-serving-'));
await makeRepository(folder, { plans: values.plans, runtime: values.runtime });
const options = { serialization: 'advanced' };
const profiling = values.profile && {
  execArgv: ['--cpu-prof', `--cpu-prof-dir=${path.resolve(values.profile)}`],
};
const settings = JSON.stringify({ folder, runtime: values.runtime });
const server = fork(here('server.mjs'), [settings], { ...options, ...profiling });
const { httpPort, grpcPort, runtime } = await ask(server);
const clients = Array.from({ length: Number(values.clients) }, () =>
  fork(here('client.mjs'), options),
);

async function statistics(model) {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/v2/models/${model}/stats`);
  if (!answer.ok) throw new Error(`statistics: HTTP ${answer.status}`);
  return answer.json();
}

/** Shares `total` among the clients as evenly as it goes. */
const share = (total, index, count) => Math.trunc(total / count) + (index < total % count ? 1 : 0);

/** One measurement; `about`: door, model, concurrency (lanes) or rate (with as many lanes). */
async function measure(about) {
  const { door, model, concurrency, rate, lanes = concurrency } = about;
  const before = await statistics(model);
  const usage = await ask(server, { what: 'usage' });
  const started = performance.now();
  let answers;
  if (door === 'http' || door === 'grpc') {
    const count = Math.min(clients.length, lanes);
    answers = await Promise.all(
      clients.slice(0, count).map((client, index) =>
        ask(client, {
          door,
          model,
          host: '127.0.0.1',
          port: door === 'http' ? httpPort : grpcPort,
          lanes: share(lanes, index, count),
          ...(rate !== undefined && { rate: rate / count }),
          ...times,
        }),
      ),
    );
  } else {
    answers = [await ask(server, { what: 'load', door, model, lanes, rate, ...times })];
  }
  const elapsed = performance.now() - started;
  const after = await ask(server, { what: 'usage' });
  const parts = door === 'session' ? undefined : serverParts(before, await statistics(model));
  const cpuUs = after.cpu.user + after.cpu.system - usage.cpu.user - usage.cpu.system;
  const mib = (bytes) => round(bytes / 2 ** 20, 1);
  const row = summarize(about, answers, parts, {
    serverCpu: round(cpuUs / 1000 / elapsed, 2),
    serverRssMiB: [mib(usage.memory.rss), mib(after.memory.rss)],
  });
  console.error(
    `${row.scenario} ${model} ${door}: ${row.inferencesPerSecond}/s, p50 ${row.latencyUs?.p50} µs, p99 ${row.latencyUs?.p99} µs, batch ${parts?.averageBatch ?? ''}${row.refused === undefined ? '' : `, refused ${JSON.stringify(row.refused)}`}`,
  );
  return row;
}

const rows = [];
const goals = [];
try {
  for (const name of positionals.length > 0 ? positionals : Object.keys(scenarios)) {
    const found = await scenarios[name]((about) => measure({ scenario: name, ...about }));
    rows.push(...found.rows);
    goals.push(...found.goals);
  }
} finally {
  for (const client of clients) client.disconnect();
  server.send({ what: 'stop' });
  const [code] = await once(server, 'exit');
  if (code !== 0) process.exitCode = 1;
  rmSync(folder, { recursive: true, force: true });
}
const result = {
  schema: 'trt-node-serving/1',
  date: new Date().toISOString(),
  arguments: process.argv.slice(2),
  runtime,
  clientProcesses: clients.length,
  environment: environment(here('../..')),
  goals,
  rows,
};
mkdirSync(values.out, { recursive: true });
const base = path.join(values.out, `${values.name}-${result.date.slice(0, 10)}`);
writeFileSync(`${base}.json`, `${JSON.stringify(result, null, 1)}\n`);
writeFileSync(`${base}.csv`, csv(rows));
const reached = goals.map(
  ({ goal, target, value, met }) => `| ${goal} | ${target} | ${value} | ${met ? 'yes' : 'no'} |`,
);
const text = [
  `# Serving, ${result.date.slice(0, 10)}: ${runtime}, ${result.clientProcesses} client processes`,
  '',
  table(rows),
  '',
  '| goal | target | measured | reached |',
  '|---|---|---|---|',
  ...reached,
  '',
].join('\n');
writeFileSync(`${base}.md`, text);
console.log(text);
