// Runs the comparison: node benchmarks/run.mjs SCENARIO|SET… [--option=value …]; README.md tells all of it.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment } from './parts/environment.mjs';
import { runScenario } from './parts/rounds.mjs';
import { cpuScenarios } from './parts/scenarios-cpu.mjs';
import { gpuScenarios } from './parts/scenarios.mjs';
import { schemaName, validate } from './parts/schema.mjs';
import { checkTargets } from './parts/targets.mjs';
import { tables } from './parts/tables.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const inRoot = (...parts) => path.join(root, ...parts);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    iterations: { type: 'string' },
    'round-ms': { type: 'string', default: '500' },
    'warmup-ms': { type: 'string', default: '1000' },
    'round-timeout-s': { type: 'string', default: '120' },
    models: { type: 'string', default: 'benchmarks/models/out' },
    plans: { type: 'string', default: 'benchmarks/models/out' },
    cpp: { type: 'string', default: 'build/Release/trtnode_cpp_loop' },
    python: { type: 'string', default: 'python3' },
    runtime: { type: 'string', default: 'tensorrt' },
    only: { type: 'string' },
    skip: { type: 'string' },
    out: { type: 'string', default: 'benchmarks/results' },
    name: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

/** ONNX Runtime's own library, which the reference runtime computes with. */
function onnxruntimeLibrary() {
  const folder = path.dirname(
    createRequire(import.meta.url).resolve('onnxruntime-node/package.json'),
  );
  const versions = ['napi-v6', 'napi-v5', 'napi-v4', 'napi-v3'];
  const candidates = versions.map((version) =>
    path.join(folder, 'bin', version, process.platform, process.arch, 'libonnxruntime.so.1'),
  );
  return candidates.find((file) => existsSync(file));
}

/** Plans of the CPU scenarios, made anew from ONNX by our own command. */
function buildReferencePlan(model, folder) {
  const plan = path.join(folder, `${model}.plan`);
  const shapes = { mlp: ['x', '64'], lane: ['input', '3x360x640'] }[model];
  const flags = [
    ['min', 1],
    ['opt', 1],
    ['max', 8],
  ].map(([which, n]) => `--${which}Shapes=${shapes[0]}:${n}x${shapes[1]}`);
  const onnx = inRoot('test/fixtures/onnx', `${model}.onnx`);
  execFileSync(
    process.execPath,
    [
      inRoot('dist/cli/main.js'),
      'build',
      `--onnx=${onnx}`,
      `--saveEngine=${plan}`,
      ...flags,
      '--runtime=reference',
    ],
    { stdio: 'pipe' },
  );
  return plan;
}

const temporary = mkdtempSync(path.join(tmpdir(), 'trt-node-bench-'));
const built = new Map();
const fixtures = (kind, name) => {
  const file = inRoot('test/fixtures', kind === 'onnx' ? 'onnx' : 'plans', `${name}.${kind}`);
  return existsSync(file) ? file : undefined;
};
const files = {
  onnx: (model) => fixtures('onnx', model) ?? path.resolve(values.models, `${model}.onnx`),
  // Those of --plans first: the fixtures are for one GPU and one TensorRT.
  plans: (name) => {
    const own = path.resolve(values.plans, `${name}.plan`);
    return existsSync(own) ? own : (fixtures('plan', name) ?? own);
  },
};
const cpuFiles = {
  onnx: (model) => fixtures('onnx', model),
  plans: (model) => {
    if (values.list) return undefined;
    if (!built.has(model)) built.set(model, buildReferencePlan(model, temporary));
    return built.get(model);
  },
};

const wantsCpu = positionals.some((name) => name.startsWith('cpu'));
const all = [...gpuScenarios(files), ...(wantsCpu || values.list ? cpuScenarios(cpuFiles) : [])];
if (values.list || positionals.length === 0) {
  console.log(
    'usage: node benchmarks/run.mjs SCENARIO|SET… [--option=value …] (benchmarks/README.md)\n',
  );
  for (const one of all) console.log(`${one.set.padEnd(12)} ${one.name.padEnd(22)} ${one.title}`);
  process.exit(values.list ? 0 : 2);
}

const wanted = (one) =>
  positionals.includes(one.name) ||
  positionals.includes(one.set) ||
  (positionals.includes('gpu') && one.set !== 'cpu');
const selected = all.filter(wanted).map((one) => ({
  ...one,
  // What the command line says goes before what the scenario says.
  ...(values.rounds && { rounds: Number(values.rounds) }),
  ...(values.iterations && { iterations: Number(values.iterations) }),
  peers: one.peers.filter(
    ({ name, kind }) =>
      name === one.reference ||
      ((values.only === undefined || new RegExp(values.only).test(`${kind} ${name}`)) &&
        (values.skip === undefined || !new RegExp(values.skip).test(`${kind} ${name}`))),
  ),
}));

const preload = ['build/Release', 'build/benchmarks/cpp', path.dirname(values.cpp)]
  .map((folder) => path.resolve(root, folder, 'libtrtnode_malloc_count.so'))
  .find((file) => existsSync(file));
const common = {
  root,
  cpp: path.resolve(root, values.cpp),
  python: values.python,
  rounds: Number(values.rounds ?? 7),
  roundMs: Number(values['round-ms']),
  warmupMs: Number(values['warmup-ms']),
  roundTimeoutMs: Number(values['round-timeout-s']) * 1000,
  mallocCount: preload,
};
const settingsOf = (scenario) =>
  scenario.set === 'cpu' || values.runtime === 'reference'
    ? {
        ...common,
        runtime: 'reference',
        reference: {
          library: inRoot('build/Release/libtrtnode_reference.so'),
          onnxruntime: onnxruntimeLibrary(),
        },
      }
    : { ...common, runtime: 'tensorrt' };

const result = {
  schema: schemaName,
  date: new Date().toISOString(),
  // Without the folders, which are this machine's own.
  arguments: process.argv
    .slice(2)
    .filter((word) => !/^--(out|models|plans|cpp|python)=/.test(word)),
  environment: environment(root),
  settings: { rounds: common.rounds, roundMs: common.roundMs, warmupMs: common.warmupMs },
  scenarios: [],
  targets: [],
};
const label = values.name ?? `${result.environment.gpu?.name ?? 'cpu'}-${positionals.join('+')}`;
const file = path.join(
  path.resolve(values.out),
  `${`${label}-${result.date.slice(0, 10)}`.toLowerCase().replaceAll(/[^a-z0-9.+-]+/g, '-')}.json`,
);
mkdirSync(path.dirname(file), { recursive: true });
let index = 0;
for (const scenario of selected) {
  const started = performance.now();
  console.log(`[${++index}/${selected.length}] ${scenario.name}`);
  const settings = {
    ...settingsOf(scenario),
    mallocFile: path.join(temporary, `malloc-${scenario.name}`),
  };
  result.scenarios.push(await runScenario(scenario, settings, console.log));
  // After each scenario, so that what was measured is there if the next one is cut off.
  result.targets = checkTargets(result.scenarios);
  writeFileSync(file, `${JSON.stringify(result)}\n`);
  console.log(`  ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
rmSync(temporary, { recursive: true, force: true });
const problems = validate(result);
for (const problem of problems) console.error(`schema: ${problem}`);
console.log(tables(result));
console.log(`\n${path.relative(process.cwd(), file)}`);
process.exitCode = problems.length > 0 ? 1 : 0;
