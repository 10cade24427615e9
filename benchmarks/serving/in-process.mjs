// Serving in process against a bare session: throughput, latency and CPU time of repo.infer with many callers, beside session.run of the same plan.
//
//   node benchmarks/serving/in-process.mjs --plan=model.plan [--callers=64] [--seconds=5] [--warm-seconds=1] [--rows=1]
//     [--config='max_batch_size: 64 dynamic_batching { }'] [--views] [--runtime=reference] [--out=FILE.json]
//
// Each caller is a loop of `await repo.infer(...)`, as perf_analyzer's concurrency. `bare` is the same with session.run, a run for each request, on as many
// slots as --instances says; `single` is one caller, whose latency against a bare run is what batching costs a request that meets nobody.

import { mkdtempSync, mkdirSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { ModelRepository, Session } = require('../../dist/index.js');

const { values } = parseArgs({
  options: {
    plan: { type: 'string' },
    callers: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '5' },
    'warm-seconds': { type: 'string', default: '1' },
    rows: { type: 'string', default: '1' },
    instances: { type: 'string', default: '2' },
    config: { type: 'string' },
    views: { type: 'boolean', default: false },
    runtime: { type: 'string' },
    out: { type: 'string' },
  },
});
if (values.plan === undefined) {
  console.error('expected --plan=FILE');
  process.exit(2);
}
const callers = Number(values.callers);
const seconds = Number(values.seconds);
const warmSeconds = Number(values['warm-seconds']);
const rows = Number(values.rows);
const instances = Number(values.instances);
const runtime = values.runtime === undefined ? {} : { runtime: values.runtime };
const name = 'model';

/** A repository of just this model. */
function makeRepository() {
  const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-serving-'));
  mkdirSync(path.join(folder, name, '1'), { recursive: true });
  copyFileSync(values.plan, path.join(folder, name, '1', 'model.plan'));
  const config = values.config ?? `dynamic_batching { } instance_group [ { count: ${instances} } ]`;
  writeFileSync(
    path.join(folder, name, 'config.pbtxt'),
    `name: "${name}" platform: "tensorrt_plan" ${config}`,
  );
  return folder;
}

/** Inputs of `rows` items: random numbers of each input's type. */
function inputsOf(metadata) {
  const arrays = { FP32: Float32Array, FP16: Uint16Array, INT32: Int32Array, INT8: Int8Array };
  const inputs = {};
  for (const { name: input, datatype, shape } of metadata.inputs) {
    const volume = shape.slice(1).reduce((product, extent) => product * Math.max(1, extent), rows);
    const Type = arrays[datatype];
    if (Type === undefined) throw new Error(`input ${input} is of ${datatype}`);
    inputs[input] = new Type(volume).map(() => Math.random());
  }
  return inputs;
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/** `count` callers that each call `call` again and again. */
async function load(count, call) {
  const run = async (duration) => {
    const latencies = [];
    const cpu = process.cpuUsage();
    const start = performance.now();
    const end = start + duration * 1000;
    const caller = async () => {
      for (let now = performance.now(); now < end;) {
        await call();
        const done = performance.now();
        latencies.push(done - now);
        now = done;
      }
    };
    await Promise.all(Array.from({ length: count }, caller));
    const wall = performance.now() - start;
    const used = process.cpuUsage(cpu);
    const sorted = Float64Array.from(latencies).sort();
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((q) => quantile(sorted, q) * 1000);
    return {
      callers: count,
      requestsPerSecond: (sorted.length / wall) * 1000,
      inferencesPerSecond: ((sorted.length * rows) / wall) * 1000,
      p50Us: p50,
      p90Us: p90,
      p99Us: p99,
      cpuUsPerRequest: (used.user + used.system) / sorted.length,
    };
  };
  await run(warmSeconds);
  return run(seconds);
}

const folder = makeRepository();
const report = { plan: path.basename(values.plan), config: values.config, rows, instances };
try {
  const repository = await ModelRepository.open(folder, runtime);
  const inputs = inputsOf(repository.metadata(name));
  const options = values.views ? { views: true } : undefined;
  const infer = () => repository.infer(name, inputs, options);
  report.serving = await load(callers, infer);
  const { statistics } = repository.model(name);
  report.serving.meanBatch = statistics.inferenceCount / statistics.executionCount;
  report.serving.queueP50Us = statistics.latencies.queue.quantile(0.5);
  report.serving.dispatches = Object.fromEntries(statistics.dispatches);
  report.single = await load(1, infer);
  await repository.close();
  const session = await Session.load(values.plan, { ...runtime, instances });
  report.bare = await load(callers, () => session.run(inputs));
  report.bareSingle = await load(1, () => session.run(inputs));
  await session.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
report.throughputRatio = report.serving.requestsPerSecond / report.bare.requestsPerSecond;
report.overheadUs = report.single.p50Us - report.bareSingle.p50Us;
const text = JSON.stringify(report, null, 2);
if (values.out !== undefined) writeFileSync(values.out, `${text}\n`);
console.log(text);
